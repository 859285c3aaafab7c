"""3-D convolutions in slices, against XLA's own."""

import jax
from jax import lax
import numpy as np
import pytest

from sadtalker_jax.ops.convolution import conv


def _draw(*shape):
  return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize('strides', [(1, 1), (2, 1)])
@pytest.mark.parametrize(
  'size, widths',
  [
    ((1, 3, 3), (3, 4)),
    ((3, 3, 3), (3, 4)),
    ((3, 1, 3), (66, 4)),
    ((5, 3, 3), (9, 2)),
  ],
  ids=['flat', 'narrow', 'wide', 'many taps'],
)
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
