"""Networks of bundles: frozen experts, and what new weights start from."""

from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards, download, params
from sadtalker_jax.models import zoo
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import initial_state, networks
from sadtalker_jax.typing import Variables


def experts(
  config: config_lib.TrainConfig, names: Sequence[str]
) -> dict[str, networks.Frozen]:
  """Frozen networks of the config's bundle, by name.

  Raises:
    InputError: There is no bundle, it lacks a network, or has one of another
      face model.
  """
  return _networks(config, config.bundle, names, 'bundle')


def measuring(
  config: config_lib.TrainConfig, names: Sequence[str]
) -> dict[str, networks.Frozen]:
  """Those networks that the config's bundle has, by name.

  Raises:
    InputError: The bundle is damaged.
  """
  if not names or not config.bundle:
    return {}
  card = cards.read(download.folder(config.bundle))
  there = [name for name in names if name in card.networks]
  return _networks(config, config.bundle, there, 'bundle')


def warm_start(
  config: config_lib.TrainConfig,
  trained: Mapping[str, networks.Trained] | None = None,
) -> dict[str, Variables]:
  """Variables that a run starts from, by network or part of one.

  Args:
    config: Config of the run.
    trained: Networks of its stage; those that are taken whole must be like
      them.

  Raises:
    InputError: As `experts`; a network has no such part, or is of another
      architecture.
  """
  start = config.warm_start
  parts = [
    (source.split('/'), target)
    for source, target in start.parts
    if target.split('/')[0] not in start.networks
  ]
  names = {*start.networks, *(source[0] for source, _ in parts)}
  found = _networks(config, start.bundle, sorted(names), 'warm_start.bundle')
  for name in start.networks:
    if trained is not None and name in trained:
      _check_like(name, trained[name].config, found[name].config)
  warm = {name: found[name].variables for name in start.networks}
  for (name, *part), target in parts:
    warm[target] = initial_state.of_part(found[name].variables, part)
    if not warm[target]:
      raise errors.InputError(
        f'warm_start.parts: expected a part of {name}, found {"/".join(part)}'
      )
  return warm


def _check_like(
  name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> None:
  """Raises unless fields of a network make the shapes of the bundle's."""
  if params.named_shapes(zoo.shapes(name, **ours)) == params.named_shapes(
    zoo.shapes(name, **theirs)
  ):
    return
  here, there = zoo.build(name, **ours), zoo.build(name, **theirs)
  differ = [
    f'{key}={getattr(there, key)} (here {getattr(here, key)})'
    for key in sorted(ours.keys() | theirs.keys())
    if key != 'dtype' and getattr(here, key) != getattr(there, key)
  ]
  raise errors.InputError(
    f'warm_start: expected {name} of the shapes that the config gives, found '
    f'one with {", ".join(differ)}: the bundle is of another size (a variant '
    'of the config, or keys of model, may fit)'
  )


def _networks(
  config: config_lib.TrainConfig, bundle: str, names: Sequence[str], key: str
) -> dict[str, networks.Frozen]:
  """Networks of a bundle, which `key` of the config names.

  Those that depend on a face model must belong to that of the config.
  """
  if not names:
    return {}
  if not bundle:
    raise errors.InputError(
      f'{key}: expected a bundle with {", ".join(names)}, found none (make one '
      'of released files with `sadtalker convert`, of a finished run with '
      '`sadtalker bundle`, or turn off what needs them)'
    )
  folder = download.folder(bundle)
  card = cards.read(folder)
  missing = [name for name in names if name not in card.networks]
  if missing:
    raise errors.InputError(
      f'{key}: expected a bundle with {", ".join(missing)}, found '
      f'{", ".join(sorted(card.networks))} in {folder}'
    )
  face = None if config.morphable is None else config.morphable.kind
  if cards.SPEAK_OF_FACES & set(names) and card.morphable != face:
    raise errors.InputError(
      f'{key}: expected networks of the face model {face} (morphable.kind), '
      f'found those of {card.morphable} in {folder}'
    )
  bundles.verify(folder, card)
  logging.info('%s of %s', ', '.join(names), folder)
  found = {}
  for name in names:
    fields = card.networks[name].config
    shapes = zoo.shapes(name, **fields)
    found[name] = networks.Frozen(bundles.load(folder, name, shapes), fields)
  return found
