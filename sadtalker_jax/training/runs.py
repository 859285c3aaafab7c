"""From a config to a finished run: what `train.py` and notebooks call.

Everything that can be wrong is found here, before anything is compiled.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import json
import math
import pathlib
from typing import Any, Literal

from absl import logging
import jax
import ml_collections

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards
from sadtalker_jax.models import zoo
from sadtalker_jax.training import data as data_lib
from sadtalker_jax.training import (
  initial_state,
  loop,
  networks,
  sharding,
  stages,
)
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import Variables

Config = Mapping[str, Any]

# What is taken for the training set's figures where batches are random.
NO_STATISTICS = {
  'mean': [0.0] * 70,
  'std': [1.0] * 70,
  'pose_delta_mean': [0.0] * 6,
  'pose_delta_std': [1.0] * 6,
}


@dataclasses.dataclass(frozen=True)
class Opened:
  """Data of a split.

  Attributes:
    batches: endless.
    num_examples: of an epoch.
    statistics: of the training set, as its manifest has them; None for random
      batches.
  """

  batches: data_lib.Data
  num_examples: int
  statistics: Mapping[str, Any] | None


Purpose = Literal['train', 'validation', 'clips']
Opener = Callable[[Config, Purpose, jax.sharding.Sharding], Opened]


def run(
  config: ml_collections.ConfigDict,
  folder: pathlib.Path,
  open_data: Opener,
  *,
  profile: tuple[int, int] | None = None,
) -> loop.RunResult:
  """Trains the stage of a config, from where `folder` stands.

  Args:
    config: see `configs/common.py`.
    folder: of the run.
    open_data: (config, purpose, sharding of the batch axis) to its data; those
      of purpose 'clips' are `TalkingClips`, one at a time.
    profile: first and last step of a profiler trace.

  Raises:
    InputError: config, data, bundle and folder do not fit together.
    NotFinite: a loss was no number.
  """
  plain: dict[str, Any] = json.loads(config.to_json_best_effort())
  mesh = sharding.make_mesh(plain['mesh'])
  sharding.check_batch(plain['batch_size'], plain['accumulate'], mesh)
  module = stages.get(plain['stage'])
  face = plain.get('morphable', {}).get('kind')
  frozen = _networks(plain['bundle'], module.needs(plain), 'bundle', face)
  rows = sharding.of_batch(mesh)
  train = open_data(plain, 'train', rows)
  plain = scheduled(plain, train.num_examples)
  recipe = module.recipe(plain, frozen, train.statistics or NO_STATISTICS)
  # With the checkpoints, for `export_bundle.bundle`.
  plain['exported'] = {
    name: {k: v for k, v in network.config.items() if k != 'dtype'}
    for name, network in recipe.trained.items()
  }
  validation = None
  if plain['validation']['every']:
    validation = open_data(plain, 'validation', rows).batches
  clips = None
  if plain['clips']['every'] and recipe.clip is not None:
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    clips = open_data(plain, 'clips', whole).batches
  return loop.run(
    stage_lib.build(recipe, plain, mesh),
    plan(plain, profile),
    folder,
    train.batches,
    validation,
    mesh,
    plain,
    clips=clips,
    plain_step=without_remat(recipe, plain),
    overrides=plain['overrides'],
    warm=_warm(plain['warm_start'], face),
  )


def without_remat(recipe: stage_lib.Recipe, config: Config) -> Any:
  """A stage's step if nothing is computed again; None if nothing is."""
  if config['remat'] == 'none':
    return None
  return stage_lib.build(recipe, {**config, 'remat': 'none'}).train_step


def scheduled(config: Config, num_examples: int) -> dict[str, Any]:
  """The config with epochs turned into steps.

  `NAME_epochs` of the config is added to its `NAME_steps`.

  Args:
    config: of the run.
    num_examples: of an epoch.

  Raises:
    InputError: it says neither steps nor epochs.
  """
  per_epoch = num_examples * config['repeats'] / config['batch_size']
  steps = config['steps'] or math.ceil(config['epochs'] * per_epoch)
  if steps < 1:
    raise errors.InputError(
      'steps: expected steps or epochs from 1, found neither'
    )
  optimizer = {}
  for group, given in config['optimizer'].items():
    at = sorted(
      {
        *given['decay_steps'],
        *(max(round(e * per_epoch), 1) for e in given['decay_epochs']),
      }
    )
    optimizer[group] = {**given, 'decay_steps': at}
  named = {}
  for key, epochs in config.items():
    if key.endswith('_epochs'):
      name = f'{key.removesuffix("_epochs")}_steps'
      named[name] = config[name] + round(epochs * per_epoch)
  return {**config, **named, 'steps': steps, 'optimizer': optimizer}


def plan(
  config: Config, profile: tuple[int, int] | None = None
) -> loop.Schedule:
  """What the loop does, of a scheduled config."""
  return loop.Schedule(
    steps=config['steps'],
    batch_size=config['batch_size'],
    seed=config['seed'],
    log_every=config['log_every'],
    save_every=config['save_every'],
    eval_every=config['validation']['every'],
    eval_batches=config['validation']['batches'],
    summarise_every=config['summarise_every'],
    keep_last=config['keep_last'],
    keep_best=config['keep_best'] if config['best_metric'] else 0,
    best_metric=config['best_metric'],
    clip_every=config['clips']['every'],
    tensorboard=config['tensorboard'],
    profile=profile,
  )


def _warm(config: Config, face: str | None) -> dict[str, Variables]:
  """Variables that a run starts from, by network or part of one."""
  whole = config['networks']
  parts = [
    (source.split('/'), target)
    for source, target in config['parts']
    if target.split('/')[0] not in whole
  ]
  names = {*whole, *(source[0] for source, _ in parts)}
  found = _networks(config['bundle'], sorted(names), 'warm_start.bundle', face)
  warm = {name: found[name].variables for name in whole}
  for (name, *part), target in parts:
    warm[target] = initial_state.of_part(found[name].variables, part)
    if not warm[target]:
      raise errors.InputError(
        f'warm_start.parts: expected a part of {name}, found {"/".join(part)}'
      )
  return warm


def _networks(
  bundle: str, names: Sequence[str], key: str, face: str | None
) -> dict[str, networks.Frozen]:
  """Networks of a bundle, which `key` of the config names.

  Those that speak of faces must belong to the face model `face`.
  """
  if not names:
    return {}
  if not bundle:
    raise errors.InputError(
      f'{key}: expected a bundle with {", ".join(names)}, found none (make one '
      'with sadtalker_jax.cli.convert, or turn off what needs them)'
    )
  folder = pathlib.Path(bundle)
  card = cards.read(folder)
  missing = [name for name in names if name not in card.networks]
  if missing:
    raise errors.InputError(
      f'{key}: expected a bundle with {", ".join(missing)}, found '
      f'{", ".join(sorted(card.networks))} in {folder}'
    )
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
