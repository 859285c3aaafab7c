"""Keypoint detector and head pose estimator: sizes, jit, gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from sadtalker_jax.ops import filters

SMALL = {
  'keypoint_detector': {
    'num_keypoints': 3,
    'block_expansion': 4,
    'max_features': 16,
    'num_blocks': 1,
    'depth': 4,
  },
  'head_pose_estimator': {
    'num_keypoints': 3,
    'features': 4,
    'widths': (8, 16),
    'depths': (1, 1),
  },
}


@functools.cache
def _small(name: str):
  module = zoo.build(name, **SMALL[name])
  image = np.random.default_rng(0).uniform(size=(2, 32, 32, 3))
  image = image.astype(np.float32)
  init = jax.jit(module.init, static_argnames='train')
  return module, init(jax.random.key(0), image, train=False), image


@pytest.mark.parametrize(
  ('name', 'count'),
  [
    # Less the kernel of the blur, which is not learned.
    ('keypoint_detector', 41_940_047),
    ('head_pose_estimator', 30_254_838),
  ],
)
def test_size_is_the_published_one(name, count):
  leaves = jax.tree.leaves(zoo.shapes(name)['params'])
  assert sum(leaf.size for leaf in leaves) == count


@pytest.mark.parametrize('name', SMALL)
def test_jit_changes_nothing(name):
  module, weights, image = _small(name)
  jitted = jax.jit(module.apply, static_argnames='train')
  for plain, fast in zip(
    jax.tree.leaves(module.apply(weights, image, train=False)),
    jax.tree.leaves(jitted(weights, image, train=False)),
    strict=True,
  ):
    np.testing.assert_allclose(plain, fast, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', SMALL)
def test_gradient_is_finite_on_a_black_picture(name):
  module, weights, image = _small(name)

  def total(params):
    answer, _ = module.apply(
      {**weights, 'params': params},
      jnp.zeros_like(image),
      train=True,
      mutable=['batch_stats'],
    )
    return sum(jnp.square(x).sum() for x in jax.tree.leaves(answer))

  gradient = jax.jit(jax.grad(total))(weights['params'])
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


def test_keypoints_lie_in_the_volume():
  module, weights, image = _small('keypoint_detector')
  keypoints = module.apply(weights, image, train=False)
  assert keypoints.shape == (2, 3, 3) and keypoints.dtype == jnp.float32
  assert (np.abs(keypoints) <= 1).all()


def test_a_new_detector_blurs_with_the_gaussian_and_does_not_change_it():
  module, weights, image = _small('keypoint_detector')
  taps = filters.reduction_taps(4)
  blur = weights['batch_stats']['blur']
  np.testing.assert_allclose(blur[..., 0, 2], np.outer(taps, taps), rtol=1e-6)
  _, changed = module.apply(weights, image, train=True, mutable=['batch_stats'])
  np.testing.assert_array_equal(changed['batch_stats']['blur'], blur)
