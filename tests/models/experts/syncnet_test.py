"""Wav2Lip's expert: sizes, jit, gradients, lengths, the order of channels."""

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import syncnet

SMALL = {
  'face_blocks': tuple((b[0] // 16, *b[1:]) for b in syncnet.FACE_BLOCKS),
  'audio_blocks': tuple((b[0] // 16, *b[1:]) for b in syncnet.AUDIO_BLOCKS),
}


def _inputs():
  rng = np.random.default_rng(0)
  return [
    rng.random(shape, np.float32) for shape in ((2, 80, 16, 1), (2, 48, 96, 15))
  ]


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('syncnet')['params'])
  assert sum(leaf.size for leaf in leaves) == 16_435_072


def test_jit_changes_nothing_and_lengths_are_one():
  module, weights = zoo.build('syncnet', **SMALL), zoo.noise('syncnet', **SMALL)
  plain = module.apply(weights, *_inputs(), train=False)
  jitted = jax.jit(module.apply, static_argnames='train')(
    weights, *_inputs(), train=False
  )
  for a, b in zip(plain, jitted, strict=True):
    assert a.shape == (2, 32)
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(jnp.linalg.norm(a, axis=1), 1, rtol=1e-5)
    assert a.min() >= 0


def test_gradients_are_finite_even_if_embeddings_vanish():
  module = zoo.build('syncnet', **SMALL)
  random = zoo.noise('syncnet', **SMALL)
  dead = {**random, 'params': jax.tree.map(np.zeros_like, random['params'])}
  zeros = [np.zeros_like(x) for x in _inputs()]

  @jax.jit
  def gradients(weights, inputs):
    def loss(params, inputs):
      audio, face = module.apply(
        {**weights, 'params': params}, *inputs, train=False
      )
      return jnp.sum(audio * face)

    return jax.grad(loss, (0, 1))(weights['params'], inputs)

  for weights in (random, dead):
    for leaf in jax.tree.leaves(gradients(weights, zeros)):
      assert np.isfinite(leaf).all()


def test_frames_lie_one_after_the_other():
  faces = np.zeros((1, 5, 96, 96, 3), np.float32)
  for frame in range(5):
    for channel in range(3):
      faces[:, frame, 48:, :, channel] = 3 * frame + channel
  stacked = syncnet.face_input(jnp.asarray(faces))
  assert stacked.shape == (1, 48, 96, 15)
  np.testing.assert_array_equal(stacked[0, 7, 5], np.arange(15))
