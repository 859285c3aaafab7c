"""The image discriminator: sizes, jit, gradients, spectral norm."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from sadtalker_jax.models.facevid2vid import discriminators
from tests.models import checks

SMALL = discriminators.Discriminator(features=4, max_features=16)


@pytest.fixture(scope='module')
def weights():
  return SMALL.init(jax.random.key(0), jnp.zeros((1, 53, 53, 3)), train=False)


def _images(seed=0, size=56):
  rng = np.random.default_rng(seed)
  return rng.random((2, size, size, 3), np.float32)


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('discriminator')['params'])
  assert sum(leaf.size for leaf in leaves) == 2_758_849


def test_maps_have_the_published_sizes():
  module = zoo.build('discriminator')
  opinion = jax.eval_shape(
    lambda weights, image: module.apply(weights, image, train=False),
    zoo.shapes('discriminator'),
    jax.ShapeDtypeStruct((1, 256, 256, 3), jnp.float32),
  )
  assert opinion.scores.shape == (1, 26, 26, 1)
  assert [m.shape[1:] for m in opinion.maps] == [
    (126, 126, 64),
    (61, 61, 128),
    (29, 29, 256),
    (26, 26, 512),
  ]


def test_jit_changes_nothing(weights):
  plain = SMALL.apply(weights, _images(), train=False)
  jitted = jax.jit(SMALL.apply, static_argnames='train')(
    weights, _images(), train=False
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    plain,
    jitted,
  )


def test_smallest_picture_gets_one_score(weights):
  opinion = SMALL.apply(weights, _images(size=53), train=False)
  assert opinion.scores.shape == (2, 1, 1, 1)


def test_gradients_are_finite_on_a_constant_picture(weights):
  def loss(params, image):
    opinion = SMALL.apply({**weights, 'params': params}, image, train=False)
    return opinion.scores.sum() + sum(jnp.abs(m).sum() for m in opinion.maps)

  step = checks.jit(jax.grad(loss, argnums=(0, 1)))
  for value in (0.0, 1.0):
    gradients = step(weights['params'], jnp.full((1, 56, 56, 3), value))
    for leaf in jax.tree.leaves(gradients):
      assert np.isfinite(leaf).all()


def test_training_finds_the_largest_singular_value(weights):
  steps = jax.jit(
    lambda variables: SMALL.apply(
      variables, _images(), train=True, mutable='batch_stats'
    )[1]
  )
  state = weights
  for _ in range(100):
    state = {**state, **steps(state)}
  for i in range(4):
    kernel = np.asarray(weights['params'][f'conv_{i}']['kernel'])
    matrix = kernel.reshape(-1, kernel.shape[-1])
    u, v = (np.asarray(state['batch_stats'][f'conv_{i}'][k]) for k in 'uv')
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    np.testing.assert_allclose(v @ matrix @ u, largest, rtol=1e-2)


def test_bfloat16_is_near_float32(weights):
  module = discriminators.Discriminator(
    features=4, max_features=16, dtype=jnp.bfloat16
  )
  exact = SMALL.apply(weights, _images(), train=False)
  apply = checks.jit(module.apply, static_argnames='train')
  rough = apply(weights, _images(), train=False)
  for a, b in zip(exact.maps, rough.maps, strict=True):
    assert b.dtype == jnp.bfloat16
    # Eight bits of mantissa, four layers.
    np.testing.assert_allclose(a, b.astype(jnp.float32), atol=0.05)
