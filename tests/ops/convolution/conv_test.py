"""3-D convolutions in slices, against XLA's own, and who gets which."""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.ops.convolution import conv
from tests import hlo


def _draw(*shape):
  return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


_KERNELS = pytest.mark.parametrize(
  'size, widths',
  [
    ((1, 3, 3), (3, 4)),
    ((3, 3, 3), (3, 4)),
    ((3, 1, 3), (66, 4)),
    ((5, 3, 3), (9, 2)),
  ],
  ids=['flat', 'narrow', 'wide', 'many taps'],
)


@pytest.mark.parametrize('strides', [(1, 1), (2, 1)])
@_KERNELS
def test_slices_equal_a_convolution(size, widths, strides):
  x, kernel = _draw(2, 5, 6, 7, widths[0]), _draw(*size, *widths)
  padding = [(k // 2, k // 2) for k in size]
  want = lax.conv_general_dilated(
    x,
    kernel,
    (1, *strides),
    padding,
    dimension_numbers=conv.channels_last(3),
  )
  got = conv.conv3d_by_slices(x, kernel, strides, padding)
  np.testing.assert_allclose(got, want, atol=2e-4)


@pytest.mark.parametrize(
  'options',
  [
    {},
    {'lhs_dilation': (1, 2, 2)},
    {'rhs_dilation': (2, 1, 1)},
    {'padding': 'SAME'},
  ],
  ids=str,
)
def test_any_convolution_passes(options):
  x, kernel = _draw(1, 5, 6, 7, 3), _draw(3, 3, 3, 3, 4)
  options = {'padding': [(2, 1), (1, 1), (0, 1)], **options}
  padding = options.pop('padding')
  options['dimension_numbers'] = conv.channels_last(3)
  want = lax.conv_general_dilated(x, kernel, (1, 1, 1), padding, **options)
  got = jax.jit(
    lambda x, k: conv.conv_general_dilated(x, k, (1, 1, 1), padding, **options)
  )(x, kernel)
  np.testing.assert_allclose(got, want, atol=1e-4)


@_KERNELS
@pytest.mark.parametrize('lowered_for', ['cpu', 'cuda', 'tpu'])
def test_tpus_alone_get_convolutions_in_three_dimensions(
  size, widths, lowered_for
):
  x, kernel = _draw(1, 5, 6, 7, widths[0]), _draw(*size, *widths)
  padding = [(k // 2, k // 2) for k in size]

  def run(x, kernel):
    y = conv.conv_general_dilated(
      x, kernel, (1, 1, 1), padding, dimension_numbers=conv.channels_last(3)
    )
    return jnp.square(y).sum()

  traced = jax.jit(jax.grad(run, (0, 1))).trace(x, kernel)
  text = traced.lower(lowering_platforms=(lowered_for,)).as_text()
  ranks = {len(shape) for shape in hlo.convolutions(text)}
  many_taps = size[0] > 3
  assert ranks == {5 if lowered_for == 'tpu' and not many_taps else 4}


@_KERNELS
def test_gradients_equal_those_of_a_convolution(size, widths):
  x, kernel = _draw(2, 5, 6, 7, widths[0]), _draw(*size, *widths)
  padding = [(k // 2, k // 2) for k in size]

  def loss(function):
    def run(x, kernel):
      y = function(
        x, kernel, (1, 1, 1), padding, dimension_numbers=conv.channels_last(3)
      )
      return jnp.sin(y).sum()

    return jax.jit(jax.grad(run, (0, 1)))

  for got, want in zip(
    loss(conv.conv_general_dilated)(x, kernel),
    loss(lax.conv_general_dilated)(x, kernel),
    strict=True,
  ):
    # Sums of up to 420 products of numbers of size 1 in another order.
    np.testing.assert_allclose(got, want, atol=1e-3)


def test_the_precision_of_a_convolution_holds_for_its_gradient():
  x, kernel = _draw(1, 3, 4, 4, 2), _draw(3, 3, 3, 2, 2)

  def run(x):
    with jax.default_matmul_precision('highest'):
      return conv.conv_general_dilated(
        x,
        kernel,
        (1, 1, 1),
        [(1, 1)] * 3,
        dimension_numbers=conv.channels_last(3),
      ).sum()

  text = str(jax.make_jaxpr(jax.grad(run))(x))
  assert 'HIGHEST' in text and 'precision=None' not in text
