"""Convolutions in 2-D and 3-D, the latter in the form that suits the device.

Layout: channels last, kernels [*K, I, O]. XLA:CPU runs 3-D convolutions 3 to 18
times slower than 2-D ones, and XLA:GPU gives them to cuDNN with channels first,
where some versions of cuDNN are wrong. There a 3-D convolution becomes 2-D ones
over slices in depth: same sums, another order. TPUs run the plain operation,
but where taps are many and outputs few, which leaves their matrix units idle.
The form is chosen when XLA lowers the program for a device.
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

_Padding = tuple[tuple[int, int], ...]


def channels_last(rank: int) -> lax.ConvDimensionNumbers:
  """Dimension numbers of a channels-last convolution over `rank` axes."""
  last = rank + 1
  inner = tuple(range(1, rank + 1))
  sides = (0, last, *inner)
  return lax.ConvDimensionNumbers(sides, (last, rank, *range(rank)), sides)


def conv_general_dilated(
  x: jax.Array,
  kernel: jax.Array,
  strides: Sequence[int],
  padding: Any,
  *,
  lhs_dilation: Sequence[int] | None = None,
  rhs_dilation: Sequence[int] | None = None,
  dimension_numbers: lax.ConvDimensionNumbers | None = None,
  feature_group_count: int = 1,
  precision: lax.PrecisionLike = None,
  **rest: Any,
) -> jax.Array:
  """`lax.conv_general_dilated`, for `nn.Conv(conv_general_dilated=...)`.

  Args:
    x: [B, *N, I] input.
    kernel: [*K, I, O].
    strides: one number per spatial axis.
    padding: (low, high) per spatial axis.
    lhs_dilation: see lax.
    rhs_dilation: see lax.
    dimension_numbers: see lax; the 3-D form needs channels last.
    feature_group_count: see lax.
    precision: see lax.
    **rest: further arguments of lax.

  Returns:
    [B, *M, O].
  """
  plain = (
    all(d == 1 for d in (lhs_dilation or (1,)))
    and all(d == 1 for d in (rhs_dilation or (1,)))
    and feature_group_count == 1
    and not isinstance(padding, str)
  )
  if x.ndim == 5 and plain and strides[0] == 1 and not rest:
    # Gradients are traced later, maybe with another default.
    default = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    precision = precision or default
    pads = tuple((int(low), int(high)) for low, high in padding)
    return _conv3d(x, kernel, tuple(strides[1:]), pads, precision)
  return lax.conv_general_dilated(
    x,
    kernel,
    strides,
    padding,
    lhs_dilation=lhs_dilation,
    rhs_dilation=rhs_dilation,
    dimension_numbers=dimension_numbers,
    feature_group_count=feature_group_count,
    precision=precision,
    **rest,
  )


def conv3d_by_slices(
  x: jax.Array,
  kernel: jax.Array,
  strides: Sequence[int],
  padding: Sequence[tuple[int, int]],
  precision: lax.PrecisionLike = None,
) -> jax.Array:
  """A 3-D convolution as 2-D ones over the slices in depth.

  Args:
    x: [B, D, H, W, I].
    kernel: [Kd, Kh, Kw, I, O].
    strides: strides along height and width; the stride along depth is 1.
    padding: (low, high) along depth, height and width.
    precision: precision of the products.

  Returns:
    [B, D', H', W', O].
  """
  deep, high, wide, width, features = kernel.shape
  batch, depth = x.shape[:2]
  low, far = padding[0]
  count = depth + low + far - deep + 1

  def conv2d(image: jax.Array, taps: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(
      image,
      taps,
      strides,
      padding[1:],
      dimension_numbers=channels_last(2),
      precision=precision,
    )

  form = _form(kernel.shape)
  if deep == 1:
    y = conv2d(x.reshape(-1, *x.shape[2:]), kernel[0])
    return y.reshape(batch, depth, *y.shape[1:])
  if form == 'outputs':
    # Many taps, few outputs: one convolution computes the outputs of all taps.
    taps = jnp.moveaxis(kernel, 0, 3).reshape(high, wide, width, -1)
    y = conv2d(x.reshape(-1, *x.shape[2:]), taps)
    y = y.reshape(batch, depth, *y.shape[1:3], deep, features)
    y = jnp.pad(y, ((0, 0), (low, far), *[(0, 0)] * 4))
    parts = [y[:, k : k + count, :, :, k] for k in range(deep)]
    return sum(parts[1:], parts[0])
  padded = jnp.pad(x, ((0, 0), (low, far), *[(0, 0)] * 3))
  if form == 'taps':
    parts = [
      conv2d(padded[:, k : k + count].reshape(-1, *x.shape[2:]), kernel[k])
      for k in range(deep)
    ]
    y = sum(parts[1:], parts[0])
  else:
    # One convolution over the taps' inputs side by side.
    image = jnp.concatenate([padded[:, k : k + count] for k in range(deep)], -1)
    taps = jnp.moveaxis(kernel, 0, 2).reshape(high, wide, -1, features)
    y = conv2d(image.reshape(-1, *image.shape[2:]), taps)
  return y.reshape(batch, count, *y.shape[1:])


def gpu_order(shape: Sequence[int]) -> tuple[int, ...]:
  """Order of the axes of a kernel [*K, I, O], K of 2 or 3, for GPUs.

  cuDNN wants outputs first and inputs last, also of slices in depth. A kernel
  that is stored so, and turned back by the program, is not copied.
  """
  rank = len(shape) - 2
  if rank == 3 and _form(shape) == 'inputs':
    return (4, 1, 2, 0, 3)
  front = tuple(range(rank - 2))
  return (*front, rank + 1, *range(rank - 2, rank + 1))


def _form(shape: Sequence[int]) -> str:
  """What of a kernel's taps in depth lies side by side; 'taps': nothing."""
  deep, *_, width, features = shape
  if deep > 3 and 2 * features < width:
    return 'outputs'
  narrow = width <= 64 and features <= 64
  return 'taps' if narrow or deep == 1 else 'inputs'


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv3d(
  x: jax.Array,
  kernel: jax.Array,
  strides: tuple[int, ...],
  padding: _Padding,
  precision: lax.PrecisionLike,
) -> jax.Array:
  """A 3-D convolution; arguments as in `conv3d_by_slices`."""
  slices, whole = (
    functools.partial(
      form, strides=strides, padding=padding, precision=precision
    )
    for form in (conv3d_by_slices, _conv3d_whole)
  )
  tpu = slices if _form(kernel.shape) == 'outputs' else whole
  return lax.platform_dependent(x, kernel, tpu=tpu, default=slices)


def _conv3d_whole(
  x: jax.Array,
  kernel: jax.Array,
  strides: Sequence[int],
  padding: Sequence[tuple[int, int]],
  precision: lax.PrecisionLike,
) -> jax.Array:
  return lax.conv_general_dilated(
    x,
    kernel,
    (1, *strides),
    padding,
    dimension_numbers=channels_last(3),
    precision=precision,
  )


def _conv3d_forward(
  x: jax.Array,
  kernel: jax.Array,
  strides: tuple[int, ...],
  padding: _Padding,
  precision: lax.PrecisionLike,
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  # The input is kept, not the slices, which are up to Kd times as many numbers.
  return _conv3d(x, kernel, strides, padding, precision), (x, kernel)


def _conv3d_backward(
  strides: tuple[int, ...],
  padding: _Padding,
  precision: lax.PrecisionLike,
  saved: tuple[jax.Array, jax.Array],
  gradient: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  def pulled(form: Callable[..., jax.Array]) -> Callable[..., Any]:
    def run(x: jax.Array, kernel: jax.Array, y: jax.Array) -> Any:
      _, pull = jax.vjp(
        lambda x, kernel: form(x, kernel, strides, padding, precision),
        x,
        kernel,
      )
      return pull(y)

    return run

  slices, whole = pulled(conv3d_by_slices), pulled(_conv3d_whole)

  def sliced_again(x: jax.Array, kernel: jax.Array, y: jax.Array) -> Any:
    # Else the compiler would keep the slices of the forward pass.
    return slices(*lax.optimization_barrier((x, kernel)), y)

  return lax.platform_dependent(
    *saved,
    gradient,
    cpu=slices,
    tpu=slices if _form(saved[1].shape) == 'outputs' else whole,
    default=sliced_again,
  )


_conv3d.defvjp(_conv3d_forward, _conv3d_backward)
