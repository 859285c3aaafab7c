"""ResNet: sizes, jit, training statistics, gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models.layers import resnet
from tests.models import checks

SMALL = resnet.ResNet(blocks=(1, 2, 1, 1), features=8)


def _shapes(module: resnet.ResNet, side: int) -> dict:
  image = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
  return jax.eval_shape(
    lambda key, x: module.init(key, x, train=False), jax.random.key(0), image
  )


def _random(rng: np.random.Generator) -> dict:
  return jax.tree.map(
    lambda x: rng.uniform(0.02, 0.2, x.shape).astype(np.float32),
    _shapes(SMALL, 64),
  )


def test_size_is_that_of_resnet_50_without_its_classifier():
  leaves = jax.tree.leaves(_shapes(resnet.ResNet(), 224)['params'])
  assert sum(leaf.size for leaf in leaves) == 25_557_032 - 2_049_000


@pytest.mark.parametrize(
  ('height', 'width', 'sizes'),
  [
    (224, 224, [(56, 56), (28, 28), (14, 14), (7, 7)]),
    (152, 200, [(38, 50), (19, 25), (10, 13), (5, 7)]),
  ],
)
def test_stages_have_the_published_shapes(height, width, sizes):
  module = resnet.ResNet()
  stages = jax.eval_shape(
    lambda v, x: module.apply(v, x, train=False),
    _shapes(module, 64),
    jax.ShapeDtypeStruct((2, height, width, 3), jnp.float32),
  )
  assert [s.shape[1:3] for s in stages] == sizes
  assert [s.shape[3] for s in stages] == [256, 512, 1024, 2048]


def test_jit_changes_nothing():
  rng = np.random.default_rng(0)
  weights = _random(rng)
  image = rng.uniform(size=(2, 40, 56, 3)).astype(np.float32)
  plain = SMALL.apply(weights, image, train=False)
  jitted = jax.jit(SMALL.apply, static_argnames='train')(
    weights, image, train=False
  )
  for a, b in zip(plain, jitted, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_training_moves_the_running_statistics():
  rng = np.random.default_rng(1)
  weights = _random(rng)
  image = rng.uniform(size=(2, 64, 64, 3)).astype(np.float32)
  step = functools.partial(SMALL.apply, train=True, mutable=['batch_stats'])
  _, state = checks.jit(step)(weights, image)
  before, after = weights['batch_stats'], state['batch_stats']
  moved = jax.tree.map(lambda a, b: bool((a != b).any()), before, after)
  assert all(jax.tree.leaves(moved))


@pytest.mark.parametrize('train', [False, True])
def test_gradients_are_finite_on_a_black_picture_and_zero_weights(train):
  weights = jax.tree.map(
    lambda x: jnp.zeros(x.shape, x.dtype), _shapes(SMALL, 64)
  )

  def loss(params, image):
    stages, _ = SMALL.apply(
      {**weights, 'params': params}, image, train=train, mutable='batch_stats'
    )
    return sum(jnp.sum(stage**2) for stage in stages)

  image = jnp.zeros((2, 64, 64, 3))
  gradients = jax.jit(jax.grad(loss, (0, 1)))(weights['params'], image)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
