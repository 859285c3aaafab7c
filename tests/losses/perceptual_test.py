"""Distances over a pyramid against a sum of its parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.losses import perceptual
from sadtalker_jax.ops import filters


def _features(pictures: jax.Array) -> list[jax.Array]:
  return [pictures, jnp.square(pictures[..., :1])]


@pytest.fixture
def pair():
  rng = np.random.default_rng(0)
  first, second = rng.uniform(size=(2, 2, 32, 32, 3)).astype(np.float32)
  return jnp.asarray(first), jnp.asarray(second)


def test_layers_and_scales_are_summed(pair):
  a, b = pair
  expected = 0.0
  for scale in (1, 2, 4):
    x, y = (np.asarray(filters.reduce(p, scale), np.float64) for p in pair)
    expected += 10 * np.abs(x - y).mean()
    expected += 3 * np.abs(x[..., 0] ** 2 - y[..., 0] ** 2).mean()
  found = perceptual.pyramid_distance(
    _features, a, b, scales=(1, 2, 4), weights=(10.0, 3.0)
  )
  assert found == pytest.approx(expected, rel=1e-5)


def test_published_weights():
  assert perceptual.SCALES == (1, 2, 4, 8)
  assert perceptual.LAYER_WEIGHTS == (10, 10, 10, 10, 10)


def test_the_target_is_constant(pair):
  def loss(a: jax.Array, b: jax.Array) -> jax.Array:
    return perceptual.pyramid_distance(_features, a, b, weights=(1.0, 1.0))

  of_prediction, of_target = jax.grad(loss, (0, 1))(*pair)
  assert np.any(of_prediction)
  assert not np.any(of_target)
  assert loss(pair[0], pair[0]) == 0
