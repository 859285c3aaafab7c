"""Hopenet: size, angles, jit, gradients."""

import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import hopenet
from tests.models import checks

SMALL = {'blocks': (1, 1), 'features': 4}


def test_size_is_the_published_one_without_the_dead_layer():
  assert checks.parameters('hopenet') == 23_919_890 - (3 * 2051 + 3)


def test_a_certain_bin_is_its_angle():
  logits = 1000 * np.eye(66, dtype=np.float32)
  np.testing.assert_allclose(
    hopenet.degrees(jnp.asarray(logits)), 3 * np.arange(66) - 99, atol=1e-4
  )


def test_the_network_normalises_pictures_itself():
  module = zoo.build('hopenet', **SMALL)
  image = checks.picture(1, 32, 32, 3)
  weights = checks.weights(module, image)
  grey = np.broadcast_to(
    np.float32([0.485, 0.456, 0.406]), (1, 32, 32, 3)
  ).copy()
  stem = weights['params']['backbone']['stem_conv']
  before = module.apply(weights, grey).feature
  stem['kernel'] = -stem['kernel']  # of zeros, so nothing changes
  np.testing.assert_allclose(
    module.apply(weights, grey).feature, before, rtol=1e-4
  )


def test_jit_changes_nothing():
  module = zoo.build('hopenet', **SMALL)
  checks.jit_changes_nothing(module, checks.picture(2, 40, 32, 3))


def test_gradients_are_finite_on_a_black_picture():
  module = zoo.build('hopenet', **SMALL)
  checks.gradients_are_finite(module, jnp.zeros((1, 32, 32, 3)))
