"""The files that a bundle is made of: the plan of a conversion, by names alone.

No tensor is read. All faults of a plan come in one error.
"""

import collections
from collections.abc import Mapping, Sequence
import dataclasses
import os
import pathlib

from sadtalker_jax import errors
from sadtalker_jax.conversion import (
  released,
  released_files,
  rules,
  unrecognised,
)

_Known = list[tuple[pathlib.Path, released_files.ReleasedFile]]
# What a file of another name holds beside the network that is wanted.
_REST = rules.Ignored(r'.*', 'not asked for')


@dataclasses.dataclass(frozen=True)
class WeightFile:
  """A file and the networks that are taken from it."""

  path: pathlib.Path
  file: released_files.ReleasedFile
  parts: tuple[released_files.ReleasedPart, ...]


@dataclasses.dataclass(frozen=True)
class ConversionPlan:
  """What a bundle is made of.

  Attributes:
    sources: Files, with the networks taken from them.
    pieces: Number of files that make each network, by its name.
    size: Side of the renderer's pictures, pixels; None without a renderer.
    unused: Files of the folders that are not needed.
  """

  sources: tuple[WeightFile, ...]
  pieces: Mapping[str, int]
  size: int | None
  unused: tuple[pathlib.Path, ...]


def plan(
  inputs: Sequence[pathlib.Path],
  *,
  size: int | None = None,
  only: Sequence[str] = (),
  chosen: Mapping[str, pathlib.Path] | None = None,
) -> ConversionPlan:
  """What to read from which file.

  Args:
    inputs: Files with released names, and folders to look for them in.
    size: Side of the renderer's pictures, 256 or 512; needed where there are
      files for both.
    only: Names of the networks to take; all if empty.
    chosen: Files of other names by network; they go before `inputs`.

  Raises:
    InputError: A network or file is unknown, missing, ambiguous, or does not
      fit the others; all faults are named.
  """
  chosen = chosen or {}
  faults: list[str] = []
  for name in [*only, *chosen]:
    if name not in released.TABLES:
      faults.append(
        f'network: expected some of {" ".join(released.TABLES)}, found {name!r}'
      )
  known, unused = _find(inputs, faults)
  known, other_size = _of_size(known, size, faults)
  sources = _take(known, only, chosen)
  faults += _doubles(sources)
  faults += _incomplete(sources, only, chosen)
  found_size = _common_size(sources, faults)
  if not sources and not faults:
    faults.append('input: expected released files, found none')
    faults += filter(None, map(unrecognised.line, unused))
  if faults:
    raise errors.InputError('\n  '.join(dict.fromkeys(faults)))
  used = {source.path for source in sources}
  unused += [path for path, _ in known if path not in used]
  return ConversionPlan(
    tuple(sources),
    collections.Counter(
      part.network for source in sources for part in source.parts
    ),
    found_size or (size if _needs_size(sources) else None),
    tuple(unused + other_size),
  )


def _find(
  inputs: Sequence[pathlib.Path], faults: list[str]
) -> tuple[_Known, list[pathlib.Path]]:
  """Released files among the inputs, and other files of the folders."""
  # By the real path, so that nothing is twice here; links keep their names.
  known: dict[
    pathlib.Path, tuple[pathlib.Path, released_files.ReleasedFile]
  ] = {}
  unused = []
  for entry in inputs:
    if entry.is_dir():
      for path in _files(entry):
        file = released.find(path.name)
        if file is None:
          unused.append(path)
        else:
          known[_real(path)] = path, file
      continue
    file = released.find(entry.name)
    if not entry.exists():
      faults.append(f'{entry}: expected a file or a folder, found nothing')
    elif file is None:
      names = ', '.join(file.name for file in released_files.FILES)
      faults.append(
        f'{entry}: expected a released name, one of {names}; name the network '
        'with --as NETWORK=FILE if it has another one'
      )
    else:
      known[_real(entry)] = entry, file
  return list(known.values()), unused


def _real(path: pathlib.Path) -> pathlib.Path:
  """The path without links; one that leads to itself stays as it is."""
  return pathlib.Path(os.path.realpath(path))


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
  """Files below a folder in a stable order; hidden ones are left out."""
  found = []
  for root, folders, names in os.walk(folder):
    folders[:] = sorted(name for name in folders if not name.startswith('.'))
    names = sorted(name for name in names if not name.startswith('.'))
    found += [pathlib.Path(root, name) for name in names]
  return found


def _of_size(
  known: _Known, size: int | None, faults: list[str]
) -> tuple[_Known, list[pathlib.Path]]:
  """Files for pictures of one size, and files for another one."""
  sizes = sorted({file.size for _, file in known if file.size})
  if size is None:
    if len(sizes) > 1:
      paths = ', '.join(str(path) for path, file in known if file.size)
      faults.append(
        'size: expected --size '
        + ' or '.join(f'{found}' for found in sizes)
        + f', as there are files for both: {paths}'
      )
    return known, []
  if sizes and size not in sizes:
    faults.append(
      f'size: expected files for {size}, found only those for '
      + ' and '.join(f'{found}' for found in sizes)
    )
  return (
    [item for item in known if item[1].size in (None, size)],
    [path for path, file in known if file.size not in (None, size)],
  )


def _take(
  known: _Known,
  only: Sequence[str],
  chosen: Mapping[str, pathlib.Path],
) -> list[WeightFile]:
  """The wanted networks of every file; files without any are left out."""
  sources = []
  for path, file in known:
    parts = tuple(
      part
      for part in file.parts
      if part.network not in chosen and (not only or part.network in only)
    )
    if parts:
      sources.append(WeightFile(path, file, parts))
  by_path: dict[pathlib.Path, list[released_files.ReleasedPart]] = {}
  for network, path in chosen.items():
    by_path.setdefault(path, []).append(released.whole(network))
  for path, chosen_parts in by_path.items():
    like = released.find(path.name)
    file = released_files.ReleasedFile(
      path.name,
      tuple(chosen_parts),
      like.licence if like else 'unknown',
      ignored=(_REST,),
      size=like.size if like else None,
    )
    sources.append(WeightFile(path, file, file.parts))
  return sources


def _doubles(sources: Sequence[WeightFile]) -> list[str]:
  """Faults, one of each network that two files hold."""
  places: dict[tuple[str, str], list[pathlib.Path]] = {}
  for source in sources:
    for part in source.parts:
      places.setdefault((part.network, part.piece), []).append(source.path)
  return [
    f'{network}: expected one source, found '
    + ' and '.join(str(path) for path in paths)
    for (network, _), paths in places.items()
    if len(paths) > 1
  ]


def _incomplete(
  sources: Sequence[WeightFile],
  only: Sequence[str],
  chosen: Mapping[str, pathlib.Path],
) -> list[str]:
  """Faults, one of each network that lacks a file."""
  found: dict[str, set[str]] = {}
  for source in sources:
    for part in source.parts:
      found.setdefault(part.network, set()).add(part.piece)
  faults = []
  for network in only:
    if network not in found and network in released.TABLES:
      faults.append(f'{network}: expected a file that holds it, found none')
  for network, here in found.items():
    missing = released.pieces(network) - here
    if missing and network not in chosen:
      files = ', '.join(
        file.name
        for file in released_files.FILES
        for part in file.parts
        if part.network == network and part.piece in missing
      )
      faults.append(f'{network}: expected {files} too, found none')
  return faults


def _common_size(
  sources: Sequence[WeightFile], faults: list[str]
) -> int | None:
  """The size of pictures that the renderer's networks are for."""
  sizes: dict[int, str] = {}
  for source in sources:
    names = [p.network for p in source.parts if p.network in released.SIZED]
    if source.file.size and names:
      sizes[source.file.size] = f'{", ".join(names)} of {source.path.name}'
  if len(sizes) > 1:
    faults.append(
      'size: expected networks that belong together, found '
      + ' with '.join(f'{what} ({size})' for size, what in sizes.items())
    )
  return next(iter(sizes), None)


def _needs_size(sources: Sequence[WeightFile]) -> bool:
  names = {part.network for source in sources for part in source.parts}
  return not names.isdisjoint({'generator', 'generator_plain'})
