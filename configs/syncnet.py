"""Wav2Lip's expert, and Wav2Lip's generator as `:wav2lip` (method 7).

    python train.py --config configs/syncnet.py \
      --config.data.folder=RECORDS --workdir=runs/syncnet
    python train.py --config configs/syncnet.py:wav2lip \
      --config.data.folder=RECORDS --config.bundle=EXPERT \
      --workdir=runs/wav2lip

Published: expert batch 64, Adam 1e-4; generator batch 16, Adam 1e-4, the
expert's share 0.01 (0.03 beside a GAN) once its loss on validation is below
0.75. That is for you to see: watch `eval/sync`, stop the run, and go on with
`--config.loss.sync_from_step=STEP`; until then the expert has no share.

Expected: nobody has made a full run; by arithmetic it is minutes of eight A100
for each, if the host makes batches as fast. At `test` size on drawn clips, of
heads held out: the expert 0.75 (0.69 is guessing) to 0.47 in 2,000 steps of 64,
then jumping; the generator's `eval/picture` 0.075 to 0.025 in 900 steps of 16
(docs/results/training.md).

Variants: test; wav2lip; gan (after wav2lip: the generator that has a
discriminator). Several are joined: `:wav2lip+gan`, `:wav2lip+test`.
"""

import ml_collections

from configs import common


def get_config(name: str | None = None) -> ml_collections.ConfigDict:
  """The published size, or a variant of it."""
  return common.variant(name, _full(), _VARIANTS)


def get_test_config() -> ml_collections.ConfigDict:
  """Seconds on a CPU, random batches."""
  return _test(_full())


def _full() -> ml_collections.ConfigDict:
  c = common.base()
  c.stage = 'syncnet'
  c.steps = 200_000
  c.batch_size = 64
  c.optimizer.model = common.adam(1e-4)
  c.best_metric = 'eval/sync'
  return c


def _wav2lip(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.stage = 'wav2lip'
  c.steps = 300_000
  c.batch_size = 16
  # From the last step on, that is not at all: see above.
  c.loss.update({'sync': 0.01, 'gan': 0.0, 'sync_from_step': c.steps})
  c.best_metric = 'eval/picture'
  return c


def _gan(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  if c.stage != 'wav2lip':
    raise ValueError('config: expected gan after wav2lip, as in :wav2lip+gan')
  c.loss.sync = 0.03
  c.loss.gan = 0.07
  c.optimizer.discriminator = common.adam(1e-4)
  return c


def _test(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.model.audio_blocks = common.SMALL_AUDIO
  if c.stage == 'wav2lip':
    c.loss.sync = 0.0  # there is no expert yet
    c.model.encoder_widths = (4, 8, 8, 16, 16, 32, 32)
    c.model.decoder_widths = (32, 32, 32, 16, 16, 8, 8)
    c.model.output_width = 8
  else:
    c.model.face_blocks = (
      (8, 7, (1, 2), 3, False),
      (8, 3, 2, 1, False),
      (16, 3, 2, 1, False),
      (16, 3, 2, 1, False),
      (32, 3, 2, 1, False),
      (32, 3, 1, 0, False),
    )
  return common.shrink(c)


_VARIANTS = {'test': _test, 'wav2lip': _wav2lip, 'gan': _gan}
