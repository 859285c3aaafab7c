"""From a config to a finished run: what `train.py` and notebooks call.

Everything that can be wrong is found here, before anything is compiled. Here a
config of plain values becomes a typed one.
"""

from collections.abc import Callable, Mapping
import dataclasses
import pathlib
from typing import Any, Literal

import jax
import ml_collections

from sadtalker_jax import conventions, errors
from sadtalker_jax.training import (
  built_stage,
  bundled,
  loop,
  schedule,
  sharding,
  stages,
)
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import data as data_lib
from sadtalker_jax.training import stage as stage_lib

# Figures of the training set where batches are random.
NO_STATISTICS = {
  'mean': [0.0] * conventions.ROW_SIZE,
  'std': [1.0] * conventions.ROW_SIZE,
  'pose_delta_mean': [0.0] * conventions.POSE_SIZE,
  'pose_delta_std': [1.0] * conventions.POSE_SIZE,
}


@dataclasses.dataclass(frozen=True)
class Opened:
  """Data of a split.

  Attributes:
    batches: Endless batches.
    num_examples: Examples of an epoch.
    statistics: Figures of the training set, as its manifest has them; None for
      random batches.
  """

  batches: data_lib.Data
  num_examples: int
  statistics: Mapping[str, Any] | None


Purpose = Literal['train', 'validation', 'clips']
Opener = Callable[
  [config_lib.TrainConfig, Purpose, jax.sharding.Sharding], Opened
]


def run(
  config: ml_collections.ConfigDict,
  folder: pathlib.Path,
  open_data: Opener,
  *,
  profile: tuple[int, int] | None = None,
  restart_data: bool = False,
) -> loop.RunResult:
  """Trains the stage of a config, from where `folder` stands.

  Args:
    config: Config of `configs/`, or the like in nested dicts.
    folder: Folder of the run.
    open_data: (config, purpose, sharding of the batch axis) to its data; those
      of purpose 'clips' are `TalkingClips`, one at a time.
    profile: First and last step of a profiler trace.
    restart_data: Whether the data begins anew where the checkpoint's place is
      one of other records, another seed, batch size or option.

  Raises:
    InputError: Config, data, bundle and folder do not fit together.
    NotFinite: A loss was no number.
  """
  given = stages.read(config)
  require_local(folder)
  mesh = sharding.make_mesh(dataclasses.asdict(given.mesh))
  sharding.check_batch(given.batch_size, given.accumulate, mesh)
  kind = stages.get(given.stage)
  frozen = bundled.experts(given, kind.needs(given))
  frozen |= bundled.measuring(given, kind.measures_with(given))
  rows = sharding.of_batch(mesh)
  train = open_data(given, 'train', rows)
  typed = given.scheduled(train.num_examples)
  stage = kind(typed, frozen, train.statistics or NO_STATISTICS)
  feeds = data_lib.Feeds(train.batches)
  if typed.validation.every:
    opened = open_data(typed, 'validation', rows)
    feeds = feeds._replace(validation=opened.batches)
  if typed.clips.every and stage.shows_clips:
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    opened = open_data(typed, 'clips', whole)
    feeds = feeds._replace(clips=opened.batches)
  return loop.run(
    built_stage.build(stage, mesh),
    dataclasses.replace(plan(typed, profile), restart_data=restart_data),
    folder,
    feeds,
    mesh,
    record(stage),
    plain_step=without_remat(stage),
    overrides=typed.overrides,
    warm=bundled.warm_start(typed, stage.trained()),
  )


def require_local(folder: pathlib.Path) -> None:
  """Raises where the folder of a run is a path of a store.

  As a local path `gs://bucket/x` would be the folder `gs:`.

  Raises:
    InputError: It is no local one; nothing has been written.
  """
  scheme, colon, _ = str(folder).partition(':/')
  if colon and scheme.isalnum() and len(scheme) > 1:
    raise errors.InputError(
      f'workdir: expected a folder of this machine, found {str(folder)!r} '
      '(`stores.mirroring.mirrored` gives one for a store)'
    )


def record(stage: stage_lib.Stage[Any]) -> dict[str, Any]:
  """What a run keeps of its config, as JSON, with what it exports.

  `export_bundle` reads it from a checkpoint.
  """
  exported = {
    name: {k: v for k, v in network.config.items() if k != 'dtype'}
    for name, network in stage.trained().items()
  }
  return {**stage.config.to_json(), 'exported': exported}


def without_remat(stage: stage_lib.Stage[Any]) -> Any:
  """A stage's step if nothing is computed again; None if nothing is."""
  if stage.config.remat == 'none':
    return None
  return built_stage.build(stage, remat='none').train_step


def plan(
  config: config_lib.TrainConfig, profile: tuple[int, int] | None = None
) -> schedule.Schedule:
  """What the loop does, of a scheduled config."""
  return schedule.Schedule(
    steps=config.steps,
    batch_size=config.batch_size,
    seed=config.seed,
    log_every=config.log_every,
    save_every=config.save_every,
    eval_every=config.validation.every,
    eval_batches=config.validation.batches,
    eval_first=config.validation.first,
    summarise_every=config.summarise_every,
    keep_last=config.keep_last,
    keep_best=config.keep_best if config.best_metric else 0,
    best_metric=config.best_metric,
    clip_every=config.clips.every,
    tensorboard=config.tensorboard,
    wandb=config.wandb,
    dtype=config.dtype,
    profile=profile,
    skip_non_finite=config.skip_non_finite,
  )
