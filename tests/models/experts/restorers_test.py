"""RestoreFormer, Real-ESRGAN, ParseNet: sizes, batches, order of channels.

Their answers are held against the original's in the parity tests.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import restoreformer, rrdbnet

# Small ones, the sides of their pictures, and published numbers of parameters.
_NETWORKS = {
  'restoreformer': (
    {'widths': (4, 8), 'features': 4, 'heads': 2, 'codes': 16}, 16, 72_680_003
  ),
  'realesrgan_x2': (
    {'blocks': 2, 'features': 4, 'growth': 2}, 8, 16_703_171
  ),
  'realesrgan_x4': (
    {'blocks': 2, 'features': 4, 'growth': 2}, 8, 16_697_987
  ),
  'parsenet': (
    {'width': 4, 'most': 8, 'halvings': 2, 'blocks': 2}, 16, 21_319_930
  ),
}  # fmt: skip
# Norms that nothing reads; statistics and counters of batch norm.
_UNUSED = {'restoreformer': 3 * 2 * 512, 'parsenet': 16_640 + 36}


def _made(name):
  config, side, _ = _NETWORKS[name]
  module = zoo.build(name, **config)
  inputs = [(2, side, side, 3)]
  shapes = jax.eval_shape(
    lambda key: zoo.create(key, name, inputs, **config), jax.random.key(0)
  )
  rng = np.random.default_rng(0)
  weights = jax.tree.map(
    lambda x: 0.3 * np.abs(rng.standard_normal(x.shape, np.float32)), shapes
  )
  image = rng.uniform(-1, 1, inputs[0]).astype(np.float32)
  return module, weights, image


@pytest.mark.parametrize('name', _NETWORKS)
def test_size_is_the_published_one(name):
  leaves = jax.tree.leaves(zoo.shapes(name)['params'])
  want = _NETWORKS[name][2] - _UNUSED.get(name, 0)
  assert sum(leaf.size for leaf in leaves) == want


@pytest.mark.parametrize('name', _NETWORKS)
def test_pictures_of_a_batch_are_apart(name):
  module, weights, image = _made(name)
  run = jax.jit(lambda image: jax.tree.leaves(module.apply(weights, image))[0])
  turned = run(image[::-1])
  np.testing.assert_allclose(run(image)[::-1], turned, rtol=1e-4, atol=1e-4)
  assert np.isfinite(turned).all() and np.ptp(turned) > 0


def test_squares_of_pixels_become_channels_in_order():
  x = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
  y = rrdbnet.packed(jnp.asarray(x), 2)
  assert y.shape == (2, 2, 3, 12)
  for channel in range(3):
    for dy in range(2):
      for dx in range(2):
        want = x[:, dy::2, dx::2, channel]
        np.testing.assert_array_equal(y[..., channel * 4 + dy * 2 + dx], want)


def test_the_nearest_code_is_the_nearest():
  rng = np.random.default_rng(1)
  features = rng.standard_normal((2, 3, 4), np.float32)
  codes = rng.standard_normal((9, 4), np.float32)
  far = np.square(features[..., None, :] - codes).sum(-1)
  np.testing.assert_array_equal(
    restoreformer.nearest(jnp.asarray(features), jnp.asarray(codes)),
    far.argmin(-1),
  )
