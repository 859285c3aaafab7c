"""The face-vid2vid renderer, phase 1 (method 5.10).

    python train.py --config configs/renderer.py \
      --config.data.folder=RECORDS --config.bundle=EXPERTS \
      --workdir=runs/renderer

Published: batch 32, Adam 2e-4, a tenth of it from epoch 180, 300 epochs that go
75 times over the speakers.

Expected: nobody has made a full run; by arithmetic it is 67 hours of eight A100
in TF32, half in bfloat16. `64` on one film, of its end: L1 0.030, SSIM 0.82
after 6,000 steps of 8, where the unchanged source frame has 0.058 and 0.594;
another 6,000 gain nothing (docs/results/training.md).

Variants: 512 (records of 512 pixels); 64 (small enough for one film on a CPU,
no experts, no discriminator: docs/guides/training.md); one_gpu (batch 8 in
bfloat16, blocks computed again); bfloat16; no_experts (neither VGG-19 nor
Hopenet: pictures are compared by their pixels and the discriminator's maps);
no_gan (no discriminator); finetune, the last of several (clips of one person,
from a bundle with a head-pose estimator and, without no_gan, a discriminator:
docs/guides/finetuning.md); test, seconds on a CPU.
"""

import ml_collections
from ml_collections import config_dict

from configs import common


def get_config(name: str | None = None) -> ml_collections.ConfigDict:
  """The published size, or a variant of it."""
  return common.variant(name, _full(), _VARIANTS)


def get_test_config() -> ml_collections.ConfigDict:
  """Seconds on a CPU, random batches, no experts."""
  return _test(_full())


def _full() -> ml_collections.ConfigDict:
  c = common.base()
  c.stage = 'renderer'
  c.epochs = 300
  c.repeats = 75
  c.batch_size = 32
  c.size = 256
  for group in ('model', 'discriminator'):
    c.optimizer[group] = common.adam(2e-4, b1=0.5)
    c.optimizer[group].decay_epochs = (180,)
  c.data.sampling = 'speakers'
  c.data.options = ml_collections.ConfigDict(
    {'size': 256, 'augment': True, 'jitter': 0.1, 'part': 'all'}
  )
  c.validation.options = ml_collections.ConfigDict(
    {'augment': False, 'part': config_dict.placeholder(str)}
  )
  c.gan_kind = 'hinge'
  c.loss.update(
    {
      'perceptual': 1.0,  # 10 for each layer: losses/perceptual.py
      'pixels': 0.0,  # not published: for want of VGG-19
      'gan': 1.0,
      **common.GAN_HELP,
      'feature_matching': 10.0,
      'equivariance': 10.0,
      'prior': 10.0,
      'head_pose': 20.0,
      'expression': 5.0,
    }
  )
  c.best_metric = 'eval/lpips,-eval/ssim'  # by LPIPS where it is in the bundle
  return c


def _large(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.size = c.data.options.size = 512
  return c


def _tiny(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c = common.render_64(_no_experts(c))
  c.steps = 6000
  c.optimizer.model.learning_rate = 5e-4
  c.data.options.augment = False
  # With the published 10 and 5 keypoints hardly came to follow the head.
  c.loss.update({'pixels': 50.0, 'prior': 2.0, 'expression': 0.5})
  return c


def _bfloat16(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.dtype = 'bfloat16'
  return c


def _one_gpu(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.batch_size = 8
  c.remat = 'blocks'
  return _bfloat16(c)


def _no_experts(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.loss.perceptual = 0.0
  c.loss.pixels = 20.0
  c.loss.head_pose = 0.0
  return c


def _no_gan(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.loss.gan = 0.0
  return c


def _finetune(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  # Keypoints keep their meaning, so that the bundle's MappingNet still fits.
  still = 'keypoint_detector', 'head_pose_estimator'
  judge = ('discriminator',) if c.loss.gan else ()
  c = common.finetuned(
    c,
    *(*still, 'generator', *judge),
    steps=2000,
    learning_rate=5e-5,
    rates=tuple((f'{name}/.*', 0.0) for name in still),
  )
  c.loss.update(dict.fromkeys(_OF_KEYPOINTS, 0.0))
  c.data.options.update({'augment': True, 'jitter': 0.02})
  return c


def _test(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  return common.small_render(common.shrink(_no_experts(c)))


_OF_KEYPOINTS = ('equivariance', 'prior', 'head_pose', 'expression')
_VARIANTS = {
  '512': _large,
  '64': _tiny,
  'bfloat16': _bfloat16,
  'finetune': _finetune,
  'no_experts': _no_experts,
  'no_gan': _no_gan,
  'one_gpu': _one_gpu,
  'test': _test,
}
