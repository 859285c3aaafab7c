"""The lip reader: sizes, jit, gradients, lengths, its input's scale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import lipreader

SMALL = {
  'widths': (4, 4, 8, 8),
  'temporal_width': 4,
  'num_blocks': 2,
  'num_words': 7,
}


@pytest.fixture(scope='module')
def weights():
  return zoo.noise('lipreader', **SMALL)


def _inputs():
  rng = np.random.default_rng(0)
  return (
    rng.standard_normal((2, 6, 32, 32, 1)).astype(np.float32),
    np.array([6, 4], np.int32),
  )


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('lipreader')['params'])
  assert sum(leaf.size for leaf in leaves) == 36_361_396


def test_jit_changes_nothing(weights):
  module = zoo.build('lipreader', **SMALL)
  plain = module.apply(weights, *_inputs(), train=False)
  jitted = jax.jit(module.apply, static_argnames='train')(
    weights, *_inputs(), train=False
  )
  assert plain.shape == (2, 7)
  np.testing.assert_allclose(plain, jitted, rtol=1e-4, atol=1e-4)


def test_only_the_first_frames_are_averaged(weights):
  module = zoo.build('lipreader', **SMALL)
  frames, lengths = _inputs()
  bound = module.bind(weights)
  x = bound.features(frames, train=False)
  for block in bound.temporal:
    x = block(x, train=False)
  want = [bound.words(x[i, :n].mean(0)) for i, n in enumerate(lengths)]
  found = module.apply(weights, frames, lengths, train=False)
  np.testing.assert_allclose(found, np.stack(want), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('train', [False, True])
def test_gradients_are_finite_on_a_constant_clip(weights, train):
  module = zoo.build('lipreader', **SMALL)

  def loss(params, frames):
    logits, _ = module.apply(
      {**weights, 'params': params},
      frames,
      _inputs()[1],
      train=train,
      mutable=['batch_stats'],
      rngs={'dropout': jax.random.key(0)},
    )
    return jnp.square(logits).sum()

  gradients = jax.jit(jax.grad(loss, (0, 1)))(
    weights['params'], jnp.zeros((2, 6, 32, 32, 1))
  )
  for leaf in jax.tree.leaves(gradients):
    assert np.isfinite(leaf).all()


def test_grey_is_scaled_as_in_training():
  frames = np.array([0, 255], np.uint8).reshape(1, 2, 1, 1, 1)
  np.testing.assert_allclose(
    lipreader.preprocess(frames).reshape(-1),
    [-0.421 / 0.165, 0.579 / 0.165],
    rtol=1e-6,
  )
