"""Face reconstruction without labels (Deng et al. 2019; method 6.6).

    python train.py --config configs/recon.py \
      --config.data.folder=RECORDS --config.morphable.kind=bfm \
      --config.morphable.path=BFM_model_front.mat --config.bundle=EXPERTS \
      --config.warm_start.bundle=EXPERTS --workdir=runs/recon

EXPERTS holds ArcFace, and ImageNet's ResNet-50 to start from
(`--config.warm_start.parts="()"` for a new one).

Published: batch 32, Adam 1e-4, a fifth of it from epoch 10, 20 epochs of about
300,000 pictures.

Expected: nobody has made a full run; by arithmetic it is 0.2 hours of eight
A100. `test+landmarks_only` on drawn clips, of heads held out:
`eval/landmark_pixels` 8.6 to 4.8 of 256 in 3,000 steps of 16; on 20 real clips
no better than after the first steps (docs/results/training.md).

Variants: landmarks_only (for face models without texture, such as the one that
comes with the package; ArcFace not needed); test, seconds on a CPU.
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
  c.stage = 'recon'
  # The published pictures, whatever the number of clips.
  c.steps = 20 * 300_000 // 32
  c.batch_size = 32
  c.optimizer.model = common.adam(1e-4)
  c.optimizer.model.decay_steps = (c.steps // 2,)
  c.optimizer.model.decay_factor = 0.2
  c.warm_start.parts = (('resnet50', 'recon/backbone'),)
  c.morphable = ml_collections.ConfigDict({'kind': 'bfm', 'path': ''})
  c.loss.update(
    {
      'identity': 0.2,
      'photometric': 1.92,
      'landmarks': 1.6e-3,
      'weights': 3e-4,
      'gamma': 10.0,
      'reflectance': 5.0,
    }
  )
  c.data.options = ml_collections.ConfigDict(
    {'augment': True, 'shift': 10.0, 'scale': 0.1, 'angle': 10.0}
  )
  c.validation.options = ml_collections.ConfigDict({'augment': False})
  c.best_metric = 'eval/landmark_pixels'
  return c


def _landmarks_only(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.morphable.kind = 'makehuman'
  c.loss.update({'identity': 0.0, 'photometric': 0.0, 'reflectance': 0.0})
  return c


def _test(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c = common.shrink(_landmarks_only(c))
  c.model.blocks = (1, 1, 1, 1)
  c.model.features = 8
  return c


_VARIANTS = {'landmarks_only': _landmarks_only, 'test': _test}
