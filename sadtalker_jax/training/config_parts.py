"""Parts of the config of a run, one dataclass each; see `training.config`."""

from collections.abc import Mapping
import dataclasses
from typing import Annotated, Any, Literal, Self

from sadtalker_jax.training import config_reading

AtLeast = config_reading.AtLeast
Options = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
  """Adam, and its learning rate over the steps, of a group of networks."""

  learning_rate: Annotated[
    float, AtLeast(0), 'Learning rate of the first step.'
  ]
  b1: Annotated[float, AtLeast(0), 'Decay of the mean of gradients, below 1.']
  b2: Annotated[float, AtLeast(0), 'Decay of the mean of squares, below 1.']
  clip_norm: Annotated[
    float, AtLeast(0), 'Largest global norm of gradients; 0: no limit.'
  ]
  warmup_steps: Annotated[
    int, AtLeast(0), 'Steps over which the rate rises from 0.'
  ]
  decay_epochs: Annotated[
    tuple[float, ...], 'Epochs that are added to `decay_steps`.'
  ]
  decay_steps: Annotated[
    tuple[int, ...], 'Steps at which the rate is multiplied by `decay_factor`.'
  ]
  decay_factor: Annotated[float, 'Factor of the rate at each of these steps.']
  decay: Annotated[
    Literal['steps', 'cosine'],
    'How the rate falls: at `decay_steps`, or, without regard to them, along '
    'half a cosine from the warm-up to 0 at the last step.',
  ] = 'steps'
  weight_decay: Annotated[
    float,
    AtLeast(0),
    'Share of weights that is taken off a step, times the rate (AdamW); not '
    'of biases, nor scales of norms.',
  ] = 0.0
  rates: Annotated[
    tuple[tuple[str, float], ...],
    'Patterns of parameters (`NETWORK/MODULE/...`, the whole name) with what '
    'their rate is multiplied by, 0 to freeze them; the first that fits is '
    'taken.',
  ] = ()
  total_steps: Annotated[
    int, AtLeast(0), 'Steps of a cosine; 0: those of the run.'
  ] = 0

  def scheduled(self, per_epoch: float, steps: int) -> Self:
    """The same with epochs turned into steps.

    Args:
      per_epoch: Steps of an epoch.
      steps: Steps of the run.
    """
    more = (max(round(e * per_epoch), 1) for e in self.decay_epochs)
    at = tuple(sorted({*self.decay_steps, *more}))
    total = self.total_steps or steps
    return dataclasses.replace(self, decay_steps=at, total_steps=total)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshConfig:
  """Devices along each axis of the mesh; one axis may be -1."""

  data: Annotated[
    int, 'Devices over which the batch is cut; -1: all that are left.'
  ] = 1
  fsdp: Annotated[int, 'Devices over which batch and parameters are cut.'] = 1
  model: Annotated[int, 'Devices over which `overrides` cut parameters.'] = 1


HeldOut = Literal['with', 'without', 'only']


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectionConfig:
  """Which clips of a folder of records are used."""

  min_seconds: Annotated[float, 'Least length of a clip, seconds.']
  max_offset: Annotated[
    float | None, 'Largest offset of sound and lips, frames; None: any.'
  ]
  min_confidence: Annotated[
    float | None, 'Confidence of that offset that is exceeded; None: any.'
  ]
  max_yaw: Annotated[
    float | None, 'Yaw that no frame reaches, degrees; None: any.'
  ]
  min_clips: Annotated[int, 'Least number of clips of a speaker.']
  num_speakers: Annotated[
    int | None, 'Number of speakers, those with the most clips; 0, None: all.'
  ]
  speakers: Annotated[tuple[str, ...], 'Names of speakers; none: all.']
  held_out: Annotated[
    HeldOut, 'One clip in 20: with the others, without it, or only it.'
  ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidationSelectionConfig:
  """Which clips are used for validation, where not those of `data`."""

  held_out: Annotated[HeldOut | None, 'As in `data.selection`; None: the same.']
  min_seconds: Annotated[float | None, 'As in `data.selection`.'] = None
  max_offset: Annotated[float | None, 'As in `data.selection`.'] = None
  min_confidence: Annotated[float | None, 'As in `data.selection`.'] = None
  max_yaw: Annotated[float | None, 'As in `data.selection`.'] = None
  min_clips: Annotated[int | None, 'As in `data.selection`.'] = None
  num_speakers: Annotated[int | None, 'As in `data.selection`.'] = None
  speakers: Annotated[tuple[str, ...] | None, 'As in `data.selection`.'] = None

  def over(self, selection: SelectionConfig) -> SelectionConfig:
    """A selection with the values that are not None here."""
    given = {k: v for k, v in vars(self).items() if v is not None}
    return dataclasses.replace(selection, **given)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
  """What a run learns from."""

  folder: Annotated[
    str, 'Folder of prepared records; empty: random batches, for a trial.'
  ]
  options: Annotated[
    Options, "Options of the stage's examples, see `input_pipeline.stages`."
  ]
  sampling: Annotated[
    Literal['clips', 'speakers'], 'What an epoch visits once.'
  ]
  selection: SelectionConfig
  threads: Annotated[
    int, AtLeast(1), 'Threads that make batches, in each process.'
  ]
  workers: Annotated[int, AtLeast(0), 'Processes that make batches; 0: none.']
  by_ranges: Annotated[
    bool,
    'Whether records of a store are read piece by piece, not copied first.',
  ] = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidationConfig:
  """What a run measures on batches that it does not learn from."""

  split: Annotated[str, 'Split of the records.']
  selection: ValidationSelectionConfig
  options: Annotated[Options, 'Over `data.options`, where they are not None.']
  every: Annotated[int, AtLeast(0), 'Steps between validations; 0: never.']
  batches: Annotated[int, AtLeast(1), 'Batches of a validation.']
  first: Annotated[
    bool, 'Whether to validate before the first step: what a fine-tuning gains.'
  ] = False

  def options_over(self, options: Options) -> dict[str, Any]:
    """Options of examples with those that are not None here."""
    given = {k: v for k, v in self.options.items() if v is not None}
    return {**options, **given}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipsConfig:
  """Films with sound of the first frames of clips of the validation split."""

  every: Annotated[int, AtLeast(0), 'Steps between films; 0: never.']
  num_frames: Annotated[int, AtLeast(1), 'Frames of a film.']


@dataclasses.dataclass(frozen=True, kw_only=True)
class WarmStartConfig:
  """What new weights start from."""

  bundle: Annotated[str, 'Folder of the bundle; empty: none.']
  networks: Annotated[tuple[str, ...], 'Networks that are taken whole.']
  parts: Annotated[
    tuple[tuple[str, str], ...],
    "Parts of networks, as ('wav2lip/audio_encoder', 'posevae/audio_encoder').",
  ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceModelConfig:
  """The face model that a stage's coefficients belong to."""

  kind: Annotated[
    Literal['makehuman', 'bfm', 'ict', 'zeros'],
    'Model of the coefficients; `zeros` has the sizes of `bfm`, for plans.',
  ]
  path: Annotated[str, 'File of `bfm`, folder of `ict`.']
