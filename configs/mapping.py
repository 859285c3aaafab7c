"""MappingNet, phase 2 of the renderer (paper, section 3.3; method 5.11).

    python train.py --config configs/mapping.py \
      --config.data.folder=RECORDS --config.bundle=RENDERER \
      --workdir=runs/mapping

The bundle holds the networks of phase 1, and VGG-19. For a try in seconds
(mapping.py:test) one is made of a try of phase 1:

    python train.py --config configs/renderer.py:test --workdir=runs/r
    sadtalker bundle --run runs/r --output bundles/r
    python train.py --config configs/mapping.py:test --config.bundle=bundles/r \
      --workdir=runs/m

Published: Adam 2e-4,
27-frame windows; batch and epochs are ours (the released weights are of epoch
229).

Expected: nobody has made a full run; by arithmetic it is 7 hours of eight A100.
`64` on one film, of its end: L1 0.034, SSIM 0.79 after 1,500 steps of 8, where
the unchanged source frame has 0.058 and 0.594 (docs/results/training.md).

Variants: full (73 coefficients, with the crop, as PIRenderer has them and the
release uses for whole pictures); aligned (the same 73 for cropped pictures: the
second row of the paper's Fig. 9, whose heads stick to the frame; see the trace
maps of `sadtalker evaluate`); corrected (t_x and t_z of keypoints count, in
training and inference); no_experts (no VGG-19, pixels in its place); one_gpu
(batch 8 in bfloat16); 64 (on top of renderer.py:64, no experts, no
discriminator); finetune, the last of several (clips of one person, from any
bundle with MappingNet and generator, which both learn; no head-pose estimator,
no discriminator: docs/guides/finetuning.md); test, seconds on a CPU.
"""

import ml_collections
from ml_collections import config_dict

from configs import common


def get_config(name: str | None = None) -> ml_collections.ConfigDict:
  """The published size, or a variant of it."""
  return common.variant(name, _full(), _VARIANTS)


def get_test_config() -> ml_collections.ConfigDict:
  """Seconds on a CPU; needs a bundle with the small networks of phase 1."""
  return _test(_full())


def _full() -> ml_collections.ConfigDict:
  c = common.base()
  c.stage = 'mapping'
  c.epochs = 230
  c.batch_size = 32
  c.size = 256
  c.coefficients = 70
  # Of the records' coefficients; a bundle has networks of one face model.
  c.morphable = ml_collections.ConfigDict({'kind': 'makehuman', 'path': ''})
  c.zero_t_xz = True
  c.noise = 0.01
  # Both are steps and epochs together: epochs become steps when a run starts.
  c.warm_steps, c.warm_epochs = 0, 5
  c.gan_from_steps, c.gan_from_epochs = 0, 10
  c.gan_kind = 'hinge'
  c.trains_generator = False
  for group in ('model', 'discriminator'):
    c.optimizer[group] = common.adam(2e-4, b1=0.5)
  c.data.options = ml_collections.ConfigDict(
    {
      'size': 256,
      'coefficients': 70,
      'source_window': 'video',
      'part': 'all',
    }
  )
  c.validation.options = ml_collections.ConfigDict(
    {'part': config_dict.placeholder(str)}
  )
  c.loss.update(
    {
      'keypoints': 10.0,
      'angles': 0.1,
      'translation': 1.0,
      'expression': 1.0,
      'perceptual': 1.0,  # 10 for each layer: losses/perceptual.py
      'pixels': 0.0,  # not published: for want of VGG-19
      'gan': 1.0,
      **common.GAN_HELP,
      'feature_matching': 10.0,
    }
  )
  c.best_metric = 'eval/lpips,-eval/ssim'  # by LPIPS where it is in the bundle
  return c


def _with_crop(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.coefficients = c.data.options.coefficients = 73
  return c


def _corrected(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.zero_t_xz = False
  return c


def _no_experts(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.loss.perceptual = 0.0
  c.loss.pixels = 20.0
  return c


def _one_gpu(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.batch_size = 8
  c.dtype = 'bfloat16'
  return c


def _tiny(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c = common.render_64(_no_experts(c))
  c.steps = 1500
  c.optimizer.model.learning_rate = 1e-3
  return c


def _finetune(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  mapping = 'mapping_full' if c.coefficients == 73 else 'mapping'
  c = common.finetuned(
    c,
    *(mapping, 'generator'),
    steps=2000,
    learning_rate=1e-4,
    rates=(('generator/.*', 0.5),),
  )
  c.trains_generator = True
  c.loss.update(dict.fromkeys(_OF_PHASE_1, 0.0) | {'gan': 0.0})
  c.warm_epochs = c.gan_from_epochs = 0
  return c


def _test(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  return common.small_render(common.shrink(_no_experts(c)))


_OF_PHASE_1 = ('keypoints', 'angles', 'translation', 'expression')
_VARIANTS = {
  '64': _tiny,
  'aligned': _with_crop,
  'corrected': _corrected,
  'finetune': _finetune,
  'full': _with_crop,
  'no_experts': _no_experts,
  'one_gpu': _one_gpu,
  'test': _test,
}
