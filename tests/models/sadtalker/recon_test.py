"""The reconstruction network: size, start, jit, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import conventions
from sadtalker_jax.models import zoo
from sadtalker_jax.models.sadtalker import recon
from tests.models import checks

SMALL = {'blocks': (1, 1), 'features': 4}


def test_size_is_the_published_one():
  assert checks.parameters('recon') == 23_508_032 + 257 * 2049


def test_heads_lie_in_the_order_of_the_coefficients():
  place, found = 0, {}
  for name, size in recon.HEADS:
    found[name] = slice(place, place + size)
    place += size
  assert place == conventions.FULL_SIZE
  assert found['identity'] == conventions.IDENTITY
  assert found['expression'] == conventions.EXPRESSION
  assert found['texture'] == conventions.TEXTURE
  assert found['angles'] == conventions.ANGLES
  assert found['gamma'] == conventions.GAMMA
  assert found['translation_xy'].start == conventions.TRANSLATION.start
  assert found['translation_z'].stop == conventions.TRANSLATION.stop


def test_an_untrained_network_gives_the_mean_face():
  module = zoo.build('recon', **SMALL)
  image = checks.picture(2, 32, 32, 3)
  variables = jax.jit(module.init, static_argnames='train')(
    jax.random.key(0), image, train=False
  )
  np.testing.assert_array_equal(
    module.apply(variables, image, train=False), np.zeros((2, 257))
  )


def test_jit_changes_nothing():
  module = zoo.build('recon', **SMALL)
  checks.jit_changes_nothing(module, checks.picture(2, 40, 32, 3), train=False)


def test_gradients_are_finite_on_a_black_picture():
  module = zoo.build('recon', **SMALL)
  checks.gradients_are_finite(module, jnp.zeros((1, 32, 32, 3)), train=False)


def test_half_precision_gives_nearly_the_same_coefficients():
  image = checks.picture(2, 32, 32, 3)
  plain = zoo.build('recon', **SMALL)
  weights = checks.weights(plain, image, train=False)
  short = zoo.build('recon', **SMALL, dtype=jnp.bfloat16)
  exact = plain.apply(weights, image, train=False)
  with jax.numpy_dtype_promotion('standard'):  # Linen's batch norm mixes types
    half = short.apply(weights, image, train=False)
  assert half.dtype == jnp.float32
  # bfloat16 has 8 bits.
  np.testing.assert_allclose(half, exact, rtol=0.05)


def test_pixel_values_are_refused():
  module = zoo.build('recon', **SMALL)
  with pytest.raises(ValueError, match='uint8'):
    jax.eval_shape(
      lambda key, x: module.init(key, x, train=False),
      jax.random.key(0),
      jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.uint8),
    )
