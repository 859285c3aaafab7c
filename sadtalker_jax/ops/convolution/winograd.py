"""Convolutions with fewer products, after Toom, Cook and Winograd.

A patch of the input becomes n numbers per axis, these are multiplied with n
numbers computed from the kernel, and the products become m outputs. In two
dimensions that is n^2 products for m^2 outputs, computed as products of
matrices over the channels. Exact but for rounding.

| scheme | kernel | n^2 products, m^2 outputs | plain convolution |
|---|---|---|---|
| `THREE` | 3 x 3 | 36 for 16 | 144 |
| `SEVEN` | 7 x 7, as 2 x 2 blocks of 4 x 4 | 196 for 16 | 784 |
| `NEAREST_2` | 3 x 3 on a map with every pixel twice | 9 for 4 | 36 |
| `NEAREST_4` | the same, four times | 9 for 16 | 144 |

Layout: [B, H, W, C] and kernels [Kh, Kw, I, O], or [B, D, H, W, C] and
[Kd, Kh, Kw, I, O]; the depth is convolved as usual. Padding is with zeros by
half the kernel. Float32 only. Strips of rows are computed one after the other,
so that intermediate results stay in a processor's cache: this is for CPUs.
"""

from collections.abc import Callable, Iterable, Sequence

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops.convolution import conv as conv_ops
from sadtalker_jax.ops.convolution import winograd_schemes as schemes
from sadtalker_jax.typing import Array

THREE, SEVEN = schemes.THREE, schemes.SEVEN
NEAREST_2, NEAREST_4 = schemes.NEAREST_2, schemes.NEAREST_4
transform = schemes.transform

Finish = Callable[..., jax.Array]

_STRIP = 3 * 2**19  # numbers in and out of all products of a strip, about 6 MB


def conv(
  x: jax.Array,
  kernel: schemes.Kernel,
  scheme: schemes.Scheme,
  *,
  deep: int = 1,
  finish: Finish | None = None,
  beside: Sequence[jax.Array] = (),
) -> jax.Array:
  """A convolution with stride 1 whose output has the size of its input.

  With the schemes for repeated pixels, the size of the input repeated.

  Args:
    x: [B, H, W, C] or [B, D, H, W, C] input, H and W multiples of the scheme's
      step.
    kernel: result of `transform`.
    scheme: scheme that `kernel` was transformed with.
    deep: size Kd of the kernel along depth.
    finish: function of a strip [B, (D,) h, W', O] of the output and of the same
      rows of the maps in `beside`; its result replaces the strip. It may change
      the number of rows by a whole factor.
    beside: [B, (D,) G, ...] maps for `finish`; G is a whole multiple, or a
      whole fraction, of the number of rows of the output.

  Returns:
    [B, (D,) H', W', O], or the results of `finish` joined along the rows.

  Raises:
    ValueError: height or width is not a multiple of the step.
  """
  if any(n % scheme.step for n in x.shape[-3:-1]):
    raise ValueError(
      f'expected height and width in steps of {scheme.step}, found {x.shape}'
    )
  rows = x.ndim - 3
  flat = x.ndim == 4
  work = _Work(x[:, None] if flat else x, kernel, scheme, deep)
  count = work.strips

  def strip(index: int | jax.Array) -> jax.Array:
    y = work.strip(index)
    if flat:
      y = y[:, 0]
    if finish is None:
      return y
    parts = []
    for z in beside:
      size = z.shape[rows] // count
      parts.append(lax.dynamic_slice_in_dim(z, index * size, size, rows))
    return finish(y, *parts)

  if count == 1:
    return strip(0)
  y = jnp.moveaxis(lax.map(strip, jnp.arange(count)), 0, rows)
  return y.reshape(*x.shape[:rows], -1, *y.shape[-2:])


class _Work:
  """A convolution cut into strips of rows."""

  def __init__(
    self,
    x: jax.Array,
    kernel: schemes.Kernel,
    scheme: schemes.Scheme,
    deep: int,
  ):
    """Prepares the convolution of x [B, D, H, W, C]."""
    self.scheme, self.kernel, self.deep = scheme, kernel, deep
    self.count, patch = scheme.inputs.shape
    self.batch, self.depth, height, width, channels = x.shape
    tiles, self.columns = height // scheme.step, width // scheme.step
    *_, inner, outer = kernel[0].shape
    self.together = inner == deep * channels
    self.features = outer if self.together else outer // deep
    row = self.batch * self.depth * self.columns * (inner + outer) * self.count
    self.rows = max(
      r
      for r in range(1, tiles + 1)
      if tiles % r == 0 and (r == 1 or r * row <= _STRIP)
    )
    self.strips = tiles // self.rows
    far = (scheme.blocks - 2) * scheme.step + patch - scheme.low
    side = (scheme.low, far)
    ends = (deep // 2,) * 2 if self.together else (0, 0)
    # Rows first, so that the rows of a strip are contiguous.
    self.x = jnp.pad(
      x.transpose(2, 0, 1, 3, 4), (side, (0, 0), ends, side, (0, 0))
    )

  def strip(self, index: int | jax.Array) -> jax.Array:
    """[B, D, h, W', O]: the rows of a strip."""
    scheme, more = self.scheme, self.scheme.blocks - 1
    first = index * self.rows * scheme.step
    size = (self.rows + more - 1) * scheme.step + scheme.inputs.shape[1]
    x = lax.dynamic_slice_in_dim(self.x, first, size)
    # Stacking stores the rows; XLA would compute them again for each column.
    rows = jnp.stack(_patches(x, scheme, self.rows + more, 0))
    columns = _patches(rows, scheme, self.columns + more, 4)
    parts = []
    for t, kernel in zip(columns, self.kernel, strict=True):
      z = self._products(t, kernel)
      parts.append(jnp.stack([_sum(row, z) for row in scheme.outputs], 1))
    # n of [rows, m, B, D, W / step, O]
    y = jnp.stack([_sum(row, parts) for row in scheme.outputs], 5)
    y = y.reshape(-1, *y.shape[2:4], y.shape[4] * y.shape[5], y.shape[6])
    return y.transpose(1, 2, 0, 3, 4)

  def _products(self, t: jax.Array, kernel: Array) -> jax.Array:
    """[n, rows, B, D, W / step, O]: products, summed over depth and blocks."""
    deep, depth = self.deep, self.depth
    if self.together and deep > 1:
      t = jnp.concatenate([t[:, :, :, j : j + depth] for j in range(deep)], -1)
    if self.scheme.blocks == 1:
      z = jnp.einsum(
        'npc,nco->npo',
        t.reshape(self.count, -1, t.shape[-1]),
        kernel,
        precision=lax.Precision.HIGHEST,
      )
    else:
      z = jnp.stack(
        [_conv_2x2(part, taps) for part, taps in zip(t, kernel, strict=True)]
      )
    shape = (self.rows, self.batch, depth, self.columns)
    if self.together:
      return z.reshape(self.count, *shape, self.features)
    z = z.reshape(self.count, *shape, deep, self.features)
    ends = (deep // 2,) * 2
    z = jnp.pad(z, [(0, 0)] * 3 + [ends] + [(0, 0)] * 3)
    parts = [z[:, :, :, j : j + depth, :, j] for j in range(deep)]
    return sum(parts[1:], parts[0])


def _patches(
  x: jax.Array, scheme: schemes.Scheme, count: int, axis: int
) -> list[jax.Array]:
  """The n numbers of each of `count` patches along `axis`."""
  stop = scheme.step * (count - 1) + 1
  cells = [
    lax.slice_in_dim(x, j, j + stop, scheme.step, axis)
    for j in range(scheme.inputs.shape[1])
  ]
  return [_sum(row, cells) for row in scheme.inputs]


def _conv_2x2(t: jax.Array, kernel: jax.Array) -> jax.Array:
  """Convolution [h, B, D, W, O] of [h + 1, B, D, W + 1, C], 2 x 2 taps."""
  rows, batch, depth, columns, channels = t.shape
  image = t.reshape(rows, batch * depth, columns, channels)
  y = lax.conv_general_dilated(
    image.transpose(1, 0, 2, 3),
    kernel,
    (1, 1),
    'VALID',
    dimension_numbers=conv_ops.channels_last(2),
    precision=lax.Precision.HIGHEST,
  )
  y = y.reshape(batch, depth, *y.shape[1:])
  return y.transpose(2, 0, 1, 3, 4)


def _sum(weights: np.ndarray, parts: Iterable[jax.Array]) -> jax.Array:
  """Weighted sum of arrays; those of weight 0 are left out."""
  terms = [
    part if weight == 1 else part * np.float32(weight)
    for weight, part in zip(weights, parts, strict=True)
    if weight
  ]
  return sum(terms[1:], terms[0])
