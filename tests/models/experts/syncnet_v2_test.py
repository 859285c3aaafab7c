"""SyncNet v2: sizes, jit, gradients, windows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import syncnet_v2

SMALL = {
  'lip_stages': tuple((s[0] // 16, *s[1:]) for s in syncnet_v2.LIP_STAGES),
  'audio_stages': tuple((s[0] // 16, *s[1:]) for s in syncnet_v2.AUDIO_STAGES),
}


@pytest.fixture(scope='module')
def weights():
  return zoo.noise('syncnet_v2', **SMALL)


def _inputs():
  rng = np.random.default_rng(0)
  return (
    rng.random((1, 6, 224, 224, 3), np.float32),
    rng.standard_normal((3, 13, 20, 1)).astype(np.float32),
  )


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('syncnet_v2')['params'])
  assert sum(leaf.size for leaf in leaves) == 13_631_616


def test_jit_changes_nothing(weights):
  module = zoo.build('syncnet_v2', **SMALL)
  plain = module.apply(weights, *_inputs(), train=False)
  jitted = jax.jit(module.apply, static_argnames='train')(
    weights, *_inputs(), train=False
  )
  for a, b in zip(plain, jitted, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_a_clip_gives_the_embeddings_of_its_windows(weights):
  module = zoo.build('syncnet_v2', **SMALL)
  embed = jax.jit(
    lambda x: module.apply(weights, x, train=False, method='embed_lip')
  )
  frames, _ = _inputs()
  windows = np.concatenate([frames[:, i : i + 5] for i in range(2)])
  clip = embed(frames)
  assert clip.shape == (1, 2, 1024)
  np.testing.assert_allclose(
    clip[0], embed(windows)[:, 0], rtol=1e-5, atol=1e-5
  )


def test_gradients_are_finite_on_black_frames_and_silence(weights):
  module = zoo.build('syncnet_v2', **SMALL)

  def loss(params, frames, mfcc):
    lip, audio = module.apply(
      {**weights, 'params': params}, frames, mfcc, train=False
    )
    return jnp.square(lip).sum() + jnp.square(audio).sum()

  gradients = jax.jit(jax.grad(loss, (0, 1, 2)))(
    weights['params'], jnp.zeros((1, 5, 224, 224, 3)), jnp.zeros((1, 13, 20, 1))
  )
  for leaf in jax.tree.leaves(gradients):
    assert np.isfinite(leaf).all()
