"""ExpNet: expression from sound (paper, section 3.1; method 3.4).

    python train.py --config configs/expnet.py \
      --config.data.folder=RECORDS --config.bundle=EXPERTS \
      --config.warm_start.bundle=TEACHER --workdir=runs/expnet

EXPERTS holds the lip reader, TEACHER Wav2Lip, whose audio encoder ExpNet
starts from (`--config.warm_start.parts="()"` for a new one); one bundle may
hold both.

Published: batch 32 windows of 5 frames (4 more are context of the lip reader),
Adam 2e-5, 300 epochs, targets of the Wav2Lip teacher.

Expected: nobody has made a full run; by arithmetic it is minutes of an
accelerator. On one clip of 125 frames, full size, targets of the real frames:
the gap of the lips correlates by 0.98 with the real one after 2,000 steps of 8,
on what it has learned (docs/results/training.md).

Variants are the ablations of Table 3, with the published LSE-C / LSE-D of each;
the full method has 7.290 / 7.772:

  no_reference_no_reading  5.241 / 9.532   without beta_0 and the lip reader
  no_reading               6.993 / 7.841
  real_coefficients        6.567 / 8.061   targets are those of the real frames

And packaged: what ships, of drawn heads and with no other weights
(docs/guides/training.md), an hour of two CPU cores; speakers_46: chosen clips,
see `common.speakers_46`; finetune, the last of several: clips of one person,
from a bundle with ExpNet, targets of the real frames
(docs/guides/finetuning.md); test: seconds on a CPU.
"""

import ml_collections

from configs import common


def get_config(name: str | None = None) -> ml_collections.ConfigDict:
  """The published size, or a variant of it."""
  return common.variant(name, _full(), _VARIANTS)


def get_test_config() -> ml_collections.ConfigDict:
  """Seconds on a CPU, random batches, no lip reader."""
  return _test(_full())


def _full() -> ml_collections.ConfigDict:
  c = common.base()
  c.stage = 'expnet'
  c.epochs = 300
  c.repeats = 2
  c.batch_size = 32
  c.optimizer.model = common.adam(2e-5)
  c.optimizer.model.clip_norm = 1.0
  c.warm_start.parts = (('wav2lip/audio_encoder', 'expnet/audio_encoder'),)
  c.morphable = ml_collections.ConfigDict({'kind': 'makehuman', 'path': ''})
  c.loss.update({'distill': 2.0, 'landmarks': 0.01, 'eyes': 4.0, 'read': 0.01})
  c.data.options = ml_collections.ConfigDict(
    {
      'num_frames': 5 + 4,  # 4 are context of the lip reader alone
      'target': 'teacher',
      'reference': 'mixed',
      'blinks': 'random',
    }
  )
  c.validation.options = ml_collections.ConfigDict(
    {'num_frames': 25 + 4}  # long enough to see lips follow the sound
  )
  c.best_metric = '-eval/lip_correlation'  # in speech
  return c


def _no_reading(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.loss.read = 0.0
  c.data.options.num_frames = 5
  c.validation.options.num_frames = 25
  return c


def _no_reference(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.model.sees_reference = False
  return _no_reading(c)


def _real(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.data.options.target = 'real'
  c.data.options.blinks = 'real'
  return c


def _packaged(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c = _no_reading(c)
  c.warm_start.parts = ()
  c.steps, c.epochs, c.repeats = 2200, 0, 1
  c.optimizer.model = common.falling(1e-3, warmup_steps=200)
  # Neighbours share most of their sound: more clips tell more than frames.
  c.data.options.update({'num_frames': 3, 'changes': True})
  c.data.threads = 2
  c.validation.update({'every': 250, 'batches': 4})
  c.log_every, c.save_every, c.summarise_every, c.clips.every = 25, 250, 0, 0
  return c


def _finetune(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  return common.finetuned(
    _no_reading(_real(c)),
    'expnet',
    steps=1000,
    learning_rate=1e-4,
    rates=(('expnet/audio_encoder/.*', 0.1),),  # few voices say little
  )


def _test(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  return common.shrink(_no_reading(_real(c)))


_VARIANTS = {
  'test': _test,
  'finetune': _finetune,
  'packaged': _packaged,
  'no_reading': _no_reading,
  'no_reference_no_reading': _no_reference,
  'real_coefficients': _real,
  'speakers_46': common.speakers_46,
}
