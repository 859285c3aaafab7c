"""Bundles made of released files, checked against them, and exported."""

from collections.abc import Mapping, Sequence
import importlib.metadata
import pathlib

import jax
import numpy as np

import sadtalker_jax
from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards
from sadtalker_jax.conversion import reading as reading_lib
from sadtalker_jax.conversion import (
  released,
  rules,
  sources,
  torch_files,
)
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables

_LICENCE = (
  'The weights keep the terms of the files that they were read from; see '
  '`licence` of every source.'
)
_PACKAGES = ('jax', 'flax', 'numpy', 'orbax-checkpoint', 'safetensors')


def convert(plan: sources.ConversionPlan, output: pathlib.Path) -> cards.Card:
  """Makes a bundle.

  Args:
    plan: Networks and the files that they are read from.
    output: New folder; it appears when everything is in it.

  Returns:
    The card of the bundle.

  Raises:
    InputError: A file cannot be read, or does not hold the networks that it
      should; all faults of all files are named, and nothing is left behind.
  """
  reading = reading_lib.WeightReading(plan)
  networks = {}
  with bundles.writing(output) as folder:
    for network in reading.networks():
      if not reading.faults:
        bundles.add(folder, network.name, network.variables)
        networks[network.name] = cards.NetworkEntry(
          zoo.get(network.name).config,
          rules.count(network.variables['params']),
          network.files,
        )
    _raise(reading.faults)
    return bundles.seal(
      folder,
      size=plan.size,
      networks=networks,
      sources=tuple(reading.cards),
      versions=_versions(),
      licence=_LICENCE,
      morphable=cards.released_morphable(networks),
    )


def check(
  folder: pathlib.Path,
  inputs: Sequence[pathlib.Path],
  chosen: Mapping[str, pathlib.Path] | None = None,
) -> cards.Card:
  """Compares a bundle with the files that it was made of, bit for bit.

  Args:
    folder: Folder of the bundle.
    inputs: Files and folders, see `sources.plan`.
    chosen: Files of networks by name, see `sources.plan`.

  Returns:
    The card of the bundle.

  Raises:
    InputError: The bundle is damaged, a file is not the one that it was made
      of, or a number differs; all faults are named.
  """
  card = cards.read(folder)
  bundles.verify(folder, card)
  reading = reading_lib.WeightReading(
    sources.plan(
      inputs, size=card.size, only=tuple(card.networks), chosen=chosen
    )
  )
  faults = []
  for network in reading.networks():
    stored = bundles.load(folder, network.name, zoo.shapes(network.name))
    faults += _differences(network.name, stored, network.variables)
  hashes = {source.sha256 for source in card.sources}
  faults += [
    f'{source.file}: no source of the bundle: SHA-256 {source.sha256}'
    for source in reading.cards
    if source.sha256 not in hashes
  ]
  _raise([*reading.faults, *faults])
  return card


def export(
  folder: pathlib.Path, names: Sequence[str], path: pathlib.Path
) -> int:
  """Writes networks of a bundle as a safetensors file with released names.

  Args:
    folder: Folder of the bundle.
    names: Names of the networks.
    path: File to write; an existing one is replaced.

  Returns:
    The number of tensors in the file.

  Raises:
    InputError: The bundle lacks a network or is damaged, or the networks cannot
      share a file.
  """
  card = cards.read(folder)
  bundles.verify(folder, card)
  state: dict[str, np.ndarray] = {}
  for name in names:
    if name not in card.networks:
      raise errors.InputError(
        f'network: expected some of {" ".join(card.networks)}, found {name!r}'
      )
    variables = bundles.load(folder, name, zoo.shapes(name))
    prefix = released.export_prefix(name)
    for key, value in rules.export(variables, released.TABLES[name]).items():
      if prefix + key in state:
        raise errors.InputError(
          f'{" ".join(names)}: expected networks that share a released file, '
          f'found {prefix + key} in two of them'
        )
      state[prefix + key] = value
  torch_files.write_safetensors(path, state)
  return len(state)


def _differences(
  name: str, stored: Variables, expected: Variables
) -> list[str]:
  """Faults, one of each array that is not the same to the last bit."""
  pairs = zip(
    jax.tree_util.tree_leaves_with_path(stored),
    jax.tree.leaves(expected),
    strict=True,
  )
  return [
    f'{name}: {jax.tree_util.keystr(path, simple=True, separator="/")} differs'
    for (path, found), value in pairs
    if not np.array_equal(found.view(np.uint32), value.view(np.uint32))
  ]


def _versions() -> dict[str, str]:
  found = {name: importlib.metadata.version(name) for name in _PACKAGES}
  return {'sadtalker_jax': sadtalker_jax.__version__, **found}


def _raise(faults: Sequence[str]) -> None:
  if faults:
    raise errors.InputError('\n  '.join(dict.fromkeys(faults)))
