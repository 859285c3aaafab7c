"""Inception: size, resizing, pools, jit, gradients."""

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import inception
from tests.models import checks

SMALL = {'size': 75, 'narrow': 16}


def test_size_is_the_published_one_without_the_classifier():
  assert checks.parameters('inception_fid') == 23_850_960 - 1008 * 2049


def test_pictures_of_any_size_give_the_published_features():
  for size in (128, 299, 512):
    shape = jax.eval_shape(
      zoo.build('inception_fid').apply,
      zoo.shapes('inception_fid'),
      jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32),
    )
    assert shape.shape == (1, inception.FEATURE_SIZE)


def test_pictures_are_resized_like_the_reference():
  # A ramp stays one, but for the border, whose pixels repeat.
  module = zoo.build('inception_fid', **SMALL)
  ramp = (np.arange(50, dtype=np.float32) + 0.5) / 50
  image = np.broadcast_to(ramp[None, :, None, None], (1, 50, 50, 3))
  centres = (np.arange(75) + 0.5) / 75
  wide = np.clip(centres, ramp[0], ramp[-1]).astype(np.float32)
  resized = np.broadcast_to(wide[None, :, None, None], (1, 75, 75, 3))
  weights = checks.weights(module, image)
  np.testing.assert_allclose(
    module.apply(weights, image), module.apply(weights, resized), rtol=1e-4
  )


def test_means_leave_the_padding_out():
  block = inception.MixedA(8, narrow=1)
  ones = np.ones((1, 5, 6, 4), np.float32)
  weights = checks.weights(block, ones)
  pooled = block.apply(weights, ones)[..., -8:]
  np.testing.assert_allclose(
    pooled, np.broadcast_to(pooled[:, 2:3, 2:3], pooled.shape), rtol=1e-5
  )


def test_jit_changes_nothing():
  module = zoo.build('inception_fid', **SMALL)
  checks.jit_changes_nothing(module, checks.picture(2, 60, 80, 3))


def test_gradients_are_finite_on_a_black_picture():
  module = zoo.build('inception_fid', **SMALL)
  checks.gradients_are_finite(module, jnp.zeros((1, 75, 75, 3)))
