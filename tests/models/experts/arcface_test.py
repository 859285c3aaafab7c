"""ArcFace: size, jit, gradients."""

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models import zoo
from tests.models import checks

SMALL = {'blocks': (1, 2), 'features': 4, 'embedding': 6}


def test_size_is_the_published_one():
  assert checks.parameters('arcface') == 43_590_848


def test_embeddings_have_the_published_size():
  shape = jax.eval_shape(
    zoo.build('arcface').apply,
    zoo.shapes('arcface'),
    jax.ShapeDtypeStruct((2, 112, 112, 3), jnp.float32),
  )
  assert shape.shape == (2, 512)


def test_faces_of_a_batch_do_not_see_each_other():
  module, image = zoo.build('arcface', **SMALL), checks.picture(2, 16, 16, 3)
  weights = checks.weights(module, image)
  together = module.apply(weights, image)
  alone = module.apply(weights, image[1:])
  np.testing.assert_allclose(together[1:], alone, rtol=1e-5, atol=1e-5)


def test_jit_changes_nothing():
  module = zoo.build('arcface', **SMALL)
  checks.jit_changes_nothing(module, checks.picture(2, 16, 16, 3))


def test_gradients_are_finite_on_a_black_picture():
  module = zoo.build('arcface', **SMALL)
  checks.gradients_are_finite(module, jnp.zeros((1, 16, 16, 3)))
