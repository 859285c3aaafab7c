"""FAN: sizes, jit, gradients, coordinate channels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import landmarks

SMALL = {'num_stacks': 2, 'depth': 2, 'features': 16, 'num_points': 5}


@pytest.fixture(scope='module')
def weights():
  return zoo.noise('fan', **SMALL)


def _pictures():
  return np.random.default_rng(0).random((2, 64, 64, 3), np.float32)


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('fan')['params'])
  assert sum(leaf.size for leaf in leaves) == 24_153_036


def test_jit_changes_nothing(weights):
  module = zoo.build('fan', **SMALL)
  plain = module.apply(weights, _pictures(), train=False)
  jitted = jax.jit(module.apply, static_argnames='train')(
    weights, _pictures(), train=False
  )
  assert [maps.shape for maps in plain] == [(2, 16, 16, 6)] * 2
  for a, b in zip(plain, jitted, strict=True):
    scale = float(np.abs(a).max())  # of sums that cancel here and there
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize('train', [False, True])
def test_gradients_are_finite_on_a_constant_picture(weights, train):
  module = zoo.build('fan', **SMALL)

  def loss(params, pictures):
    maps, _ = module.apply(
      {**weights, 'params': params},
      pictures,
      train=train,
      mutable=['batch_stats'],
    )
    return sum(jnp.square(stack).sum() for stack in maps)

  gradients = jax.jit(jax.grad(loss, (0, 1)))(
    weights['params'], jnp.zeros((2, 64, 64, 3))
  )
  for leaf in jax.tree.leaves(gradients):
    assert np.isfinite(leaf).all()


def test_coordinates_are_row_column_radius():
  where = landmarks.coordinates(3, 5)
  np.testing.assert_allclose(where[0, 0], [-1, -1, 1], atol=1e-6)
  np.testing.assert_allclose(where[0, 4], [-1, 1, 1], atol=1e-6)
  np.testing.assert_allclose(where[1, 2], [0, 0, 0], atol=1e-6)
  np.testing.assert_allclose(where[2, 2], [1, 0, 0.5**0.5], atol=1e-6)


def test_position_is_told_again_on_boundaries_only():
  x = jnp.zeros((1, 4, 4, 2))
  boundary = jnp.zeros((1, 4, 4)).at[0, 1, 3].set(0.06).at[0, 2, 2].set(0.05)
  module = landmarks.CoordConv(1, 1)
  kernel = jnp.zeros((1, 1, 7, 1)).at[0, 0, 5:].set(1)
  weights = {'params': {'conv': {'kernel': kernel, 'bias': jnp.zeros(1)}}}
  found = module.apply(weights, x, boundary)[0, :, :, 0]
  want = np.zeros((4, 4))
  want[1, 3] = -1 / 3 + 1  # its row and its column
  np.testing.assert_allclose(found, want, atol=1e-6)
