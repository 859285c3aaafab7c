"""Pooling by halves, against Linen's."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models.layers import basic


def _pooled(x):
  return nn.max_pool(x, (2, 2), strides=(2, 2))


def _halved(x):
  return basic.max_pool(x, (2, 2), stride=(2, 2))


@pytest.mark.parametrize('shape', [(2, 6, 4, 3), (1, 7, 5, 2)], ids=str)
def test_halves_are_the_windows_of_linen_and_so_are_their_gradients(shape):
  rng = np.random.default_rng(0)
  # Few values: most windows hold their largest one twice.
  x = rng.integers(0, 3, shape).astype(np.float32)
  np.testing.assert_array_equal(_halved(x), _pooled(x))
  weights = rng.standard_normal(_pooled(x).shape).astype(np.float32)
  got, want = (
    jax.grad(lambda x, f=f: (f(x) * weights).sum())(x)
    for f in (_halved, _pooled)
  )
  np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize('place', range(4))
def test_the_gradient_goes_to_the_first_of_equal_values(place):
  x = np.full((1, 2, 2, 1), 1, np.float32)
  x.reshape(-1)[:place] = 0
  gradient = jax.grad(lambda x: _halved(x).sum())(x)
  assert np.flatnonzero(gradient).tolist() == [place]


def test_no_number_is_the_largest_of_its_window():
  x = np.zeros((1, 2, 8, 1), np.float32)
  for i in range(4):
    x[0, i // 2, 2 * i + i % 2] = np.nan
  assert np.isnan(_halved(jnp.asarray(x))).all()
