"""Wav2Lip and its discriminator: sizes, jit, gradients, the masked half."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import wav2lip
from sadtalker_jax.models.layers import audio_encoder

SMALL = {
  'encoder_widths': (2, 4, 4, 8, 8, 16, 16),
  'decoder_widths': (16, 16, 16, 12, 8, 8, 8),
  'output_width': 8,
  'audio_blocks': tuple((b[0] // 16, *b[1:]) for b in audio_encoder.BLOCKS),
}
SMALL_DISCRIMINATOR = {
  'convs': tuple((c[0] // 16, *c[1:]) for c in wav2lip.DISCRIMINATOR)
}


def _inputs(value=None):
  rng = np.random.default_rng(0)
  shapes = (2, 80, 16, 1), (2, 96, 96, 6)
  if value is not None:
    return [np.full(shape, value, np.float32) for shape in shapes]
  return [rng.random(shape, np.float32) for shape in shapes]


@pytest.mark.parametrize(
  'name, size',
  [('wav2lip', 36_298_035), ('wav2lip_discriminator', 14_113_793)],
)
def test_size_is_the_published_one(name, size):
  leaves = jax.tree.leaves(zoo.shapes(name)['params'])
  assert sum(leaf.size for leaf in leaves) == size


def test_jit_changes_nothing():
  module, weights = zoo.build('wav2lip', **SMALL), zoo.noise('wav2lip', **SMALL)
  plain = module.apply(weights, *_inputs(), train=False)
  jitted = jax.jit(module.apply, static_argnames='train')(
    weights, *_inputs(), train=False
  )
  assert plain.shape == (2, 96, 96, 3)
  assert 0 <= plain.min() < plain.max() <= 1
  np.testing.assert_allclose(plain, jitted, rtol=1e-4, atol=1e-5)


def test_discriminator_is_the_same_under_jit():
  name = 'wav2lip_discriminator'
  module = zoo.build(name, **SMALL_DISCRIMINATOR)
  weights = zoo.noise(name, **SMALL_DISCRIMINATOR)
  mouths = wav2lip.lower_half(_inputs()[1][..., :3])
  plain = module.apply(weights, mouths)
  assert plain.shape == (2,)
  np.testing.assert_allclose(
    plain, jax.jit(module.apply)(weights, mouths), rtol=1e-4, atol=1e-5
  )


@pytest.mark.parametrize('train', [False, True])
def test_gradients_are_finite_on_constant_input(train):
  module, weights = zoo.build('wav2lip', **SMALL), zoo.noise('wav2lip', **SMALL)

  @jax.jit
  def gradients(params, inputs):
    def loss(params, inputs):
      face, _ = module.apply(
        {**weights, 'params': params},
        *inputs,
        train=train,
        mutable=['batch_stats'],
      )
      return jnp.square(face).sum()

    return jax.grad(loss, (0, 1))(params, inputs)

  for value in (0.0, 1.0):
    for leaf in jax.tree.leaves(gradients(weights['params'], _inputs(value))):
      assert np.isfinite(leaf).all()


def test_discriminator_gradients_are_finite_on_black_mouths():
  name = 'wav2lip_discriminator'
  module = zoo.build(name, **SMALL_DISCRIMINATOR)
  gradients = jax.jit(
    jax.grad(lambda v, x: module.apply(v, x).sum(), argnums=(0, 1))
  )(zoo.noise(name, **SMALL_DISCRIMINATOR), jnp.zeros((1, 48, 96, 3)))
  for leaf in jax.tree.leaves(gradients):
    assert np.isfinite(leaf).all()


def test_only_the_upper_half_of_the_target_is_shown():
  target, reference = _inputs()[1][..., :3], _inputs()[1][..., 3:]
  shown = wav2lip.face_input(jnp.asarray(target), jnp.asarray(reference))
  np.testing.assert_array_equal(shown[:, :48, :, :3], target[:, :48])
  assert not shown[:, 48:, :, :3].any()
  np.testing.assert_array_equal(shown[..., 3:], reference)
