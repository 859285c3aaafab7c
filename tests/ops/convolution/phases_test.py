"""Convolutions of repeated pixels, against those of the repeated map."""

import jax
from jax import lax
import numpy as np
import pytest

from sadtalker_jax.ops.convolution import conv, phases


def _draw(*shape):
  return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize('deep', [(), (3,)], ids=['2-D', '3-D'])
@pytest.mark.parametrize('factor', [2, 4])
def test_equals_a_convolution_of_the_repeated_map(factor, deep):
  x = _draw(2, *deep, 5, 6, 3)
  kernel = _draw(*deep, 3, 3, 3, 4)
  large = x
  for axis in (-3, -2):
    large = np.repeat(large, factor, axis=axis)
  rank = kernel.ndim - 2
  want = lax.conv_general_dilated(
    large,
    kernel,
    (1,) * rank,
    [(1, 1)] * rank,
    dimension_numbers=conv.channels_last(rank),
  )
  got = jax.jit(phases.conv, static_argnums=2)(
    x, phases.split(kernel, factor), factor
  )
  np.testing.assert_allclose(got, want, atol=1e-4)


def test_products_are_fewer():
  kernel = _draw(3, 3, 1, 1)
  for factor, count in ((2, 16), (4, 25)):
    kernels = phases.split(kernel, factor)
    assert sum(k.size for row in kernels for k in row) == count
