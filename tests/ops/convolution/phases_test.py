"""Convolutions of repeated pixels, against those of the repeated map."""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models.layers import basic
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
    assert sum(k.size for k in kernels) == count


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize('deep', [(), (3,)], ids=['2-D', '3-D'])
@pytest.mark.parametrize('factor', [2, 4])
def test_a_layer_of_phases_is_that_of_a_repeated_map(factor, deep, dtype):
  """Outputs and gradients, with the same parameters."""
  x, kernel = _draw(2, *deep, 5, 6, 3), _draw(*deep, 3, 3, 3, 4) / 9
  params = {'params': {'kernel': kernel, 'bias': _draw(4)}}
  size = kernel.shape[:-2]
  phased = basic.conv(4, size, padding=1, repeated=factor, dtype=dtype)
  plain = basic.conv(4, size, padding=1, dtype=dtype)
  weights = jnp.asarray(_draw(2, *deep, 5 * factor, 6 * factor, 4))
  assert phased.init(jax.random.key(0), x)['params']['kernel'].shape == (
    kernel.shape
  )

  def of_phases(params, x):
    y = phased.apply(params, x)
    return (y.astype(jnp.float32) * weights).sum(), y

  def of_the_map(params, x):
    y = plain.apply(params, basic.nearest(x, [1] * len(deep) + [factor] * 2))
    return (y.astype(jnp.float32) * weights).sum(), y

  got, want = (
    jax.jit(jax.grad(f, (0, 1), has_aux=True))(params, x)
    for f in (of_phases, of_the_map)
  )
  # Relative to the largest number: bfloat16 rounds sums of taps once more.
  share = 0.02 if dtype == jnp.bfloat16 else 1e-5
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
    a, b = (np.asarray(v, np.float32) for v in (a, b))
    np.testing.assert_allclose(a, b, atol=share * np.abs(b).max())
