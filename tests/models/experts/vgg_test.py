"""VGG-19: size, taps, jit, gradients."""

import jax
import jax.numpy as jnp

from sadtalker_jax.models import zoo
from tests.models import checks

SMALL = {'depths': (1, 2), 'widths': (4, 6)}


def test_size_is_the_published_one_up_to_the_last_tap():
  after = 3 * (512 * 512 * 9 + 512)
  assert checks.parameters('vgg19') == 20_024_384 - after


def test_taps_have_the_published_shapes():
  taps = jax.eval_shape(
    zoo.build('vgg19').apply,
    zoo.shapes('vgg19'),
    jax.ShapeDtypeStruct((1, 256, 250, 3), jnp.float32),
  )
  assert [tap.shape[1:] for tap in taps] == [
    (256, 250, 64),
    (128, 125, 128),
    (64, 62, 256),
    (32, 31, 512),
    (16, 15, 512),
  ]


def test_jit_changes_nothing():
  module = zoo.build('vgg19', **SMALL)
  checks.jit_changes_nothing(module, checks.picture(2, 16, 20, 3))


def test_gradients_are_finite_on_a_black_picture():
  module = zoo.build('vgg19', **SMALL)
  checks.gradients_are_finite(module, jnp.zeros((1, 16, 16, 3)))
