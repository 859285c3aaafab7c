"""The config of a run: frozen dataclasses that the config files fill.

A config file (`configs/`) is plain values. `stages.read` makes a `TrainConfig`
of them, or the subclass of the stage; from there on keys are attributes.
Field names are the keys; annotations have type, range (`config_reading`) and
description of a key; `describe` makes a table of them. `to_json` is what a run
keeps in `config.json` and with its checkpoints.

A stage with keys of its own subclasses `TrainConfig`; one with loss weights
subclasses `LossConfig` and names it as the type of `loss`.
"""

from collections.abc import Mapping
import dataclasses
import math
import typing
from typing import Annotated, Any, Literal, NamedTuple, Self

from sadtalker_jax import errors
from sadtalker_jax.training import config_parts, config_reading

AtLeast = config_reading.AtLeast
_WEIGHT = object()  # marks what a term of the loss is multiplied by
Weight = Annotated[float, _WEIGHT]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig:
  """Weights of a stage's losses; stages with any subclass it."""

  def by_term(self) -> dict[str, float]:
    """The fields that are a `Weight`, by name: that of their term."""
    hints = config_reading.hints_of(type(self))
    return {
      name: getattr(self, name)
      for name, hint in hints.items()
      if _WEIGHT in config_reading.bare(hint)[1]
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class GanLossConfig(LossConfig):
  """Weights of a discriminator, and what helps it."""

  gan: Annotated[Weight, 'Score of the discriminator; 0: none.']
  r1: Annotated[
    float,
    AtLeast(0),
    "Weight of R1, half the discriminator's squared slope at real examples; 0: "
    'none, as published.',
  ] = 0.0
  gan_adaptive: Annotated[
    float,
    AtLeast(0),
    'Largest factor of `gan` where it adapts, so that the discriminator pulls '
    'as hard on what is made as the terms that compare it with real ones; 0: '
    'it does not, as published.',
  ] = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
  """What every stage has; see `configs/common.py`."""

  stage: Annotated[str, 'Name of the stage, see `training.stages`.']
  seed: Annotated[
    int, AtLeast(0), 'Random seed for weights, batches and noise.'
  ]
  steps: Annotated[int, AtLeast(0), 'Steps of the run; 0: those of `epochs`.']
  epochs: Annotated[float, AtLeast(0), 'Epochs of the run, if `steps` is 0.']
  repeats: Annotated[
    float, AtLeast(0), 'Times that an epoch visits every clip.'
  ]
  batch_size: Annotated[
    int, AtLeast(1), 'Examples of a batch, on all devices together.'
  ]
  accumulate: Annotated[
    int, AtLeast(1), 'Parts of a batch that are computed one after the other.'
  ]
  dtype: Annotated[
    Literal['float32', 'bfloat16', 'float16'],
    'Type of computation; master weights are float32 always.',
  ]
  remat: Annotated[
    Literal['none', 'blocks', 'full'],
    'What is computed again for gradients: nothing, all but the outputs of '
    'hourglass and SPADE blocks, everything.',
  ]
  ema_decay: Annotated[
    float,
    AtLeast(0),
    'Decay of the moving average of weights; 0: no average.',
  ]
  optimizer: Annotated[
    Mapping[str, config_parts.OptimizerConfig],
    'Optimiser of each group of networks.',
  ]
  mesh: config_parts.MeshConfig
  overrides: Annotated[
    tuple[tuple[str, tuple[str | None, ...]], ...],
    'Patterns of parameters with the mesh axis (or None) of each of their '
    'dimensions, see `training.sharding`.',
  ]
  data: config_parts.DataConfig
  validation: config_parts.ValidationConfig
  clips: config_parts.ClipsConfig
  log_every: Annotated[int, AtLeast(1), 'Steps between lines of progress.']
  save_every: Annotated[
    int, AtLeast(0), 'Steps between checkpoints; 0: at the end only.'
  ]
  summarise_every: Annotated[
    int, AtLeast(0), 'Steps between pictures; 0: never.'
  ]
  keep_last: Annotated[int, AtLeast(1), 'Newest checkpoints that are kept.']
  keep_best: Annotated[
    int, AtLeast(0), 'Checkpoints that are kept as the best by `best_metric`.'
  ]
  best_metric: Annotated[
    str,
    'Metric of validation, such as `eval/l1`, whose lowest is best, or with a '
    'minus its highest; of several, with commas between, the first that is '
    'measured; empty: none.',
  ]
  tensorboard: Annotated[bool, 'Whether event files for TensorBoard are made.']
  bundle: Annotated[str, 'Folder of the bundle with the frozen networks.']
  warm_start: config_parts.WarmStartConfig
  model: Annotated[
    config_parts.Options,
    "Fields of the stage's network that differ from the released ones; by "
    'network where a stage has several.',
  ]
  loss: LossConfig
  # Runs of before there was such a key have none.
  skip_non_finite: Annotated[
    int,
    AtLeast(0),
    'Steps of a call that may be stepped over because a loss is no number; '
    'one more ends the run.',
  ] = 0
  wandb: Annotated[
    str, 'Project of Weights & Biases that figures go to; empty: none.'
  ] = ''
  # Of some stages only, which repeat them without a default.
  size: Annotated[int | None, 'Side of the pictures, pixels.'] = None
  morphable: config_parts.FaceModelConfig | None = None

  def scheduled(self, num_examples: int) -> Self:
    """The same with epochs turned into steps.

    A field `NAME_epochs` is added to the field `NAME_steps`.

    Args:
      num_examples: Examples of an epoch that visits every clip once.

    Raises:
      InputError: Neither steps nor epochs are given.
    """
    per_epoch = num_examples * self.repeats / self.batch_size
    steps = self.steps or math.ceil(self.epochs * per_epoch)
    if steps < 1:
      raise errors.InputError(
        'steps: expected steps or epochs from 1, found neither'
      )
    changes: dict[str, Any] = {
      'steps': steps,
      'optimizer': {
        group: given.scheduled(per_epoch, steps)
        for group, given in self.optimizer.items()
      },
    }
    for name, value in vars(self).items():
      if name.endswith('_epochs'):
        other = f'{name.removesuffix("_epochs")}_steps'
        changes[other] = getattr(self, other) + round(value * per_epoch)
    return dataclasses.replace(self, **changes)

  def frozen_fields(self, name: str) -> config_parts.Options:
    """Fields of a frozen network, for plans that are made without a bundle."""
    del name
    return {}

  def to_json(self) -> dict[str, Any]:
    """The config as JSON; `stages.read` takes it."""
    return config_reading.plain(self)


class Row(NamedTuple):
  """A key of the config, for a table."""

  key: str  # 'optimizer.GROUP.b1', as after `--config.`
  type: str  # in words
  default: str  # as Python writes it, '' where there is none
  description: str


def describe(
  default: Mapping[str, Any], kind: type[TrainConfig] = TrainConfig
) -> list[Row]:
  """The keys of a config, in the order of its fields.

  Args:
    default: Values of the table, such as those of `configs.common.base()`.
    kind: `TrainConfig` for the keys that all stages share; the config of a
      stage (`stages.config_type`) for those that only it has.
  """
  shared = config_reading.hints_of(TrainConfig)
  if kind is TrainConfig:
    required = {
      field.name
      for field in dataclasses.fields(kind)
      if field.default is dataclasses.MISSING
    }
    hints = {
      name: shared[name]
      for name in shared
      if name in required or name in default
    }
  else:
    hints = {
      name: hint
      for name, hint in config_reading.hints_of(kind).items()
      if hint != shared.get(name)
    }
  return _rows(hints, default, '')


def _rows(
  hints: Mapping[str, Any], default: Mapping[str, Any], prefix: str
) -> list[Row]:
  """The rows of some fields, nested ones with their keys joined by dots."""
  rows = []
  for name, hint in hints.items():
    value = default.get(name, dataclasses.MISSING)
    nested = value if isinstance(value, Mapping) else {}
    inner, below = config_reading.bare(hint)[0], f'{prefix}{name}.'
    if inner == Mapping[str, config_parts.OptimizerConfig]:
      inner, below = config_parts.OptimizerConfig, f'{below}GROUP.'
      nested = next(iter(nested.values()), {})
    if dataclasses.is_dataclass(inner):
      hints_below = config_reading.hints_of(typing.cast(type, inner))
      rows += _rows(hints_below, nested, below)
      continue
    shown = '' if value is dataclasses.MISSING else repr(value)
    words = config_reading.words(hint)
    about = config_reading.description(hint)
    rows.append(Row(f'{prefix}{name}', words, shown, about))
  return rows
