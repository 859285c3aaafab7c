"""What the configs of all stages share.

A config file has `get_config(variant)` and `get_test_config()`. The variant
comes after a colon: `--config configs/renderer.py:one_gpu`; `:test` is the test
config, which takes seconds on a CPU and needs no data. Anything can be changed
on the command line: `--config.batch_size=32`.
"""

from collections.abc import Callable, Mapping

import ml_collections
from ml_collections import config_dict


def base() -> ml_collections.ConfigDict:
  """What every stage has; the numbers are those of a run on eight GPUs.

  What each key means: `sadtalker_jax.training.config`.
  """
  c = ml_collections.ConfigDict()
  c.stage = ''
  c.seed = 0
  # A run ends after `steps`, or after `epochs` if `steps` is 0; an epoch goes
  # `repeats` times over the clips.
  c.steps = 0
  c.epochs = 0
  c.repeats = 1
  c.batch_size = 32  # of all devices together
  c.accumulate = 1  # parts of a batch that are computed one after the other
  c.dtype = 'float32'  # of computation; master weights are float32 always
  c.remat = 'none'
  c.ema_decay = 0.0  # 0: no moving average
  c.optimizer = ml_collections.ConfigDict()
  c.mesh = ml_collections.ConfigDict({'data': -1, 'fsdp': 1, 'model': 1})
  c.overrides = ()  # ((pattern, (axis or None, ...)), ...), see sharding.py
  c.data = _data()
  c.validation = ml_collections.ConfigDict(
    {
      'split': 'validation',
      # Over those of data, where they are not None.
      'selection': {'held_out': config_dict.placeholder(str)},
      'options': {},
      'every': 2000,
      'batches': 16,
      'first': False,
    }
  )
  # Films with sound of the first frames of a clip of the validation split.
  c.clips = ml_collections.ConfigDict({'every': 10_000, 'num_frames': 97})
  c.log_every = 100
  c.save_every = 2000
  c.summarise_every = 2000
  c.keep_last = 3
  c.keep_best = 1
  c.best_metric = ''
  c.skip_non_finite = 0  # steps whose losses are no numbers, before an error
  c.tensorboard = True
  c.wandb = ''
  c.bundle = ''  # whose networks the losses use, frozen
  # What new weights start from: whole networks of a bundle, and parts of them
  # as pairs, ('wav2lip/audio_encoder', 'posevae/audio_encoder').
  c.warm_start = ml_collections.ConfigDict(
    {'bundle': '', 'networks': (), 'parts': ()}
  )
  c.model = ml_collections.ConfigDict()
  c.loss = ml_collections.ConfigDict()
  return c


def _data() -> ml_collections.ConfigDict:
  """What is learned from: by default random batches."""
  return ml_collections.ConfigDict(
    {
      'folder': '',  # of `cli.prepare`; empty: random batches
      'by_ranges': False,  # of a store: piece by piece, not copied first
      'options': {},  # of the stage's examples, see input_pipeline
      'sampling': 'clips',
      # Which clips, see input_pipeline.selection.
      'selection': {
        'min_seconds': 0.0,
        'max_offset': config_dict.placeholder(float),
        'min_confidence': config_dict.placeholder(float),
        'max_yaw': config_dict.placeholder(float),
        'min_clips': 1,
        'num_speakers': config_dict.placeholder(int),
        'speakers': (),
        'held_out': 'with',
      },
      'threads': 8,
      'workers': 0,
    }
  )


# Options of a discriminator, off as published: R1 (10 is usual), and the
# largest factor of a weight that adapts.
GAN_HELP = {'r1': 0.0, 'gan_adaptive': 0.0}


def adam(
  learning_rate: float, b1: float = 0.9, b2: float = 0.999
) -> ml_collections.ConfigDict:
  """Adam without warm-up, decay or clipping."""
  return ml_collections.ConfigDict(
    {
      'learning_rate': learning_rate,
      'b1': b1,
      'b2': b2,
      'clip_norm': 0.0,
      'warmup_steps': 0,
      'decay_epochs': (),  # becomes decay_steps
      'decay_steps': (),
      'decay_factor': 0.1,
      'decay': 'steps',
      'weight_decay': 0.0,
      'rates': (),  # ((pattern, factor), ...); 0 freezes
      'total_steps': 0,  # of a cosine; 0: those of the run
    }
  )


def falling(
  learning_rate: float, warmup_steps: int
) -> ml_collections.ConfigDict:
  """Adam whose rate rises, then falls along a cosine, with weight decay."""
  c = adam(learning_rate)
  c.update(
    {
      'clip_norm': 1.0,
      'weight_decay': 0.02,
      'warmup_steps': warmup_steps,
      'decay': 'cosine',
    }
  )
  return c


def speakers_46(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """A set such as ExpNet and PoseVAE were trained on: 46 frontal speakers.

  How theirs was chosen is not known (method 10.2). The offset of sound and
  lips, and the confidence, are those of SyncNet.
  """
  c.data.selection.update(
    {
      'min_seconds': 5.0,
      'max_offset': 1.0,
      'min_confidence': 5.0,
      'max_yaw': 45.0,
      'min_clips': 20,
      'num_speakers': 46,
    }
  )
  return c


def finetuned(
  c: ml_collections.ConfigDict,
  *networks: str,
  steps: int,
  learning_rate: float,
  rates: tuple[tuple[str, float], ...] = (),
) -> ml_collections.ConfigDict:
  """Few steps on clips of few people, from networks of a bundle.

  None of the numbers is published. One clip in 20, and one at least, is held
  out, and looked at before the first step.

  Args:
    c: Config of a stage; its groups keep their betas.
    *networks: Networks of `warm_start.bundle`.
    steps: Steps of the run.
    learning_rate: Highest learning rate of all groups.
    rates: Factors of it by pattern, of the group `model`.
  """
  c.steps, c.epochs, c.repeats = steps, 0, 1
  c.batch_size = min(c.batch_size, 8)
  c.ema_decay = 0.99
  for group in c.optimizer.values():
    group.update({'learning_rate': learning_rate, 'decay_epochs': ()})
    group.update({'warmup_steps': steps // 20, 'decay': 'cosine'})
  c.optimizer.model.rates = rates
  c.warm_start.update({'networks': networks, 'parts': ()})
  c.data.sampling = 'clips'
  c.data.selection.update({'num_speakers': 0, 'held_out': 'without'})
  c.validation.split = 'train'
  c.validation.selection.held_out = 'only'
  c.validation.update({'first': True, 'every': steps // 10, 'batches': 8})
  c.clips.update({'every': steps // 2, 'num_frames': 50})
  # Every checkpoint is one that was measured: one of them is the best.
  c.log_every, c.save_every, c.summarise_every = 20, steps // 5, steps // 5
  return c


def shrink(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """The parts of a test config that do not depend on the stage."""
  c.steps = 4
  c.batch_size = 4
  c.log_every = 1
  c.save_every = 2
  c.summarise_every = 4
  c.validation.every = 2
  c.validation.batches = 1
  c.clips.every = 0
  c.data.threads = 1
  c.tensorboard = False
  c.warm_start.parts = ()
  return c


def variant(
  name: str | None,
  full: ml_collections.ConfigDict,
  others: Mapping[
    str, Callable[[ml_collections.ConfigDict], ml_collections.ConfigDict]
  ],
) -> ml_collections.ConfigDict:
  """The config of a name.

  Args:
    name: A key of `others`, several joined by '+', or None for the full config.
    full: The config without a variant; it is changed.
    others: Changes by name.

  Raises:
    ValueError: There is no such variant, or finetune is not the last.
  """
  parts = name.split('+') if name else []
  if 'finetune' in parts[:-1]:
    raise ValueError(f'config: expected finetune as the last, found {name!r}')
  for part in parts:
    if part not in others:
      raise ValueError(
        f'config: expected a variant out of {sorted(others)}, found {part!r}'
      )
    full = others[part](full)
  return full


# Features, kernel, stride, padding, residual: 80 x 16 becomes 1 x 1 x 32.
SMALL_AUDIO = (
  (8, 3, (3, 1), 1, False),
  (16, 3, (3, 3), 1, False),
  (32, 3, (3, 2), 1, False),
  (32, 3, 1, 0, False),
)


def small_render(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """Pictures of 64 pixels and networks to match, for test configs."""
  c.batch_size = 2
  c.size = c.data.options.size = 64
  c.model.update(
    {
      'keypoint_detector': {
        'block_expansion': 8,
        'max_features': 32,
        'num_blocks': 2,
        'depth': 4,
      },
      'head_pose_estimator': {
        'features': 8,
        'widths': (16, 32, 32, 64),
        'depths': (1, 1, 1, 1),
      },
      'generator': {
        'features': 8,
        'volume_features': 4,
        'depth': 4,
        'num_blocks': 2,
        'spade_hidden': 16,
        'motion_features': 8,
        'motion_max_features': 32,
        'motion_blocks': 2,
      },
      'discriminator': {'features': 8, 'max_features': 32, 'num_blocks': 3},
      'mapping': {'features': 64},
      'mapping_full': {'features': 64},
    }
  )
  return c


def render_64(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """Pictures of 64 pixels and networks that a CPU trains, without experts."""
  c = small_render(c)
  c.batch_size = 8
  count = {'num_keypoints': 8}
  c.model.keypoint_detector.update(count)
  c.model.head_pose_estimator.update(
    {**count, 'features': 32, 'widths': (64, 128, 256, 512)}
  )
  c.model.generator.update({**count, 'features': 12, 'volume_features': 8})
  for name in ('mapping', 'mapping_full'):
    c.model[name].update({**count, 'features': 256})
  c.loss.gan = 0.0
  c.log_every, c.save_every, c.summarise_every = 20, 500, 500
  c.validation.every, c.validation.batches = 100, 4
  c.clips.every = 1000
  return c
