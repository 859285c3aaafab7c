"""Convolutions with fewer products, after Toom, Cook and Winograd.

A scheme turns a patch of the input into n numbers per axis, multiplies them
with n numbers made of the kernel, and makes m outputs of the products. In two
dimensions that is n^2 products for m^2 outputs, as products of matrices over
the channels. Exact but for rounding; the points of the schemes were chosen for
small rounding, and kernels are transformed in float64.

| scheme | kernel | n^2 products, m^2 outputs | plain convolution |
|---|---|---|---|
| `THREE` | 3 x 3 | 36 for 16 | 144 |
| `SEVEN` | 7 x 7, as 2 x 2 blocks of 4 x 4 | 196 for 16 | 784 |
| `NEAREST_2` | 3 x 3 on a map with every pixel twice | 9 for 4 | 36 |
| `NEAREST_4` | the same, four times | 9 for 16 | 144 |

Layout: [B, H, W, C] and kernels [Kh, Kw, I, O], or [B, D, H, W, C] and
[Kd, Kh, Kw, I, O]; the depth is convolved as usual. Padding is with zeros by
half the kernel. Float32 only. Strips of rows are made one after the other, so
that what lies between fits into a processor's cache: this is for CPUs, where it
takes half the time of XLA's own convolutions.
"""

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops import conv as conv_ops

# The transformed kernel: one array for each of the n numbers along the width.
Kernel = tuple[Any, ...]
Finish = Callable[..., jax.Array]

_STRIP = 2**18  # numbers in and out of one product of matrices, about 1 MB


@dataclasses.dataclass(frozen=True, eq=False)
class Scheme:
  """How patches, kernels and products are transformed along one axis.

  Attributes:
    inputs: [n, k], of patches of k cells.
    kernel: [n, r], of r taps.
    outputs: [m, n], of products to m cells.
    step: cells from one patch to the next.
    blocks: blocks of r taps in a kernel.
    low: cells of padding in front.
  """

  inputs: np.ndarray
  kernel: np.ndarray
  outputs: np.ndarray
  step: int
  blocks: int = 1
  low: int = 1


def _toom_cook(
  points: Sequence[float], count: int, taps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """The three matrices for `count` outputs; infinity is the last point."""
  size = count + taps - 1
  powers = np.vander(np.array(points, np.float64), size, increasing=True)
  last = np.eye(1, size, size - 1)
  inputs = np.linalg.inv(np.concatenate([powers, last])).T
  inputs[np.abs(inputs) < 1e-12] = 0

  def values(length: int) -> np.ndarray:
    return np.concatenate([powers[:, :length], last[:, size - length :]])

  scale = np.abs(inputs).max(axis=1, keepdims=True)
  return inputs / scale, values(taps) * scale, values(count).T


THREE = Scheme(*_toom_cook((0, 0.75, -0.75, 1.5, -1.5), 4, 3), step=4)
SEVEN = Scheme(
  *_toom_cook((0.25, -0.25, 0.75, -0.75, 2, -2), 4, 4), step=4, blocks=2, low=3
)
# What differs from a pixel to the one before and after, and the pixel itself.
_DIFFERENCES = np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]], np.float64)
_SUMS = np.array([[1, 0, 0], [1, 1, 1], [0, 0, 1]], np.float64)
NEAREST_2 = Scheme(
  _DIFFERENCES, _SUMS, np.array([[1, 1, 0], [0, 1, 1]], np.float64), step=1
)
NEAREST_4 = Scheme(
  _DIFFERENCES,
  _SUMS,
  np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 1]], np.float64),
  step=1,
)


def transform(kernel: np.ndarray, scheme: Scheme) -> Kernel:
  """A kernel as `conv` takes it.

  Args:
    kernel: [Kh, Kw, I, O] or [Kd, Kh, Kw, I, O].
    scheme: for kernels of this size.

  Returns:
    n arrays float32 [n, K, P], or [n, 2, 2, K, P] in two blocks. With depth,
    the taps' inputs lie side by side (K = Kd I, P = O), or their outputs where
    those are fewer (K = I, P = Kd O).
  """
  taps = kernel if kernel.ndim == 5 else kernel[None]
  taps = taps.astype(np.float64)
  deep, *size, width, features = taps.shape
  count, block = scheme.kernel.shape
  far = [(0, scheme.blocks * block - k) for k in size]
  taps = np.pad(taps, [(0, 0), *far, (0, 0), (0, 0)])
  taps = taps.reshape(
    deep, scheme.blocks, block, scheme.blocks, block, width, features
  )
  taps = np.tensordot(scheme.kernel, taps, (1, 4))
  taps = np.tensordot(scheme.kernel, taps, (1, 3))
  # [n high, n wide, Kd, blocks, blocks, I, O]
  if _side_by_side(deep, width, features):
    taps = np.moveaxis(taps, 2, 4)
    shape = (deep * width, features)
  else:
    taps = np.moveaxis(taps, 2, 5)
    shape = (width, deep * features)
  blocks = () if scheme.blocks == 1 else (scheme.blocks,) * 2
  return tuple(
    taps[:, i].astype(np.float32).reshape(count, *blocks, *shape)
    for i in range(count)
  )


def conv(
  x: jax.Array,
  kernel: Kernel,
  scheme: Scheme,
  *,
  deep: int = 1,
  finish: Finish | None = None,
  beside: Sequence[jax.Array] = (),
) -> jax.Array:
  """A convolution with stride 1 whose output is as large as its input.

  With the schemes for repeated pixels, as large as the input repeated.

  Args:
    x: [B, H, W, C] or [B, D, H, W, C], H and W multiples of the scheme's step.
    kernel: of `transform`.
    scheme: the same.
    deep: Kd.
    finish: what becomes of a strip [B, (D,) h, W', O] of the output, given the
      same rows of `beside`; the number of rows may change by a whole factor.
    beside: [B, (D,) G, ...] maps for `finish`; G is to the rows of the output
      as a whole number, or the inverse of one, to 1.

  Returns:
    [B, (D,) H', W', O], or what `finish` makes of it.

  Raises:
    ValueError: height or width are no multiple of the step.
  """
  if any(n % scheme.step for n in x.shape[-3:-1]):
    raise ValueError(
      f'expected height and width in steps of {scheme.step}, found {x.shape}'
    )
  flat = x.ndim == 4
  work = _Work(x[:, None] if flat else x, kernel, scheme, deep)
  count, rows = work.strips, -3 if flat else 2

  def strip(index: Any) -> jax.Array:
    y = work.strip(index)
    if flat:
      y = y[:, 0]
    if finish is None:
      return y
    parts = []
    for z in beside:
      size = z.shape[rows if flat else 2] // count
      parts.append(lax.dynamic_slice_in_dim(z, index * size, size, rows))
    return finish(y, *parts)

  if count == 1:
    return strip(0)
  shape = jax.eval_shape(strip, 0)
  axis = rows % shape.ndim
  size = shape.shape[axis]
  whole = list(shape.shape)
  whole[axis] *= count
  return lax.fori_loop(
    0,
    count,
    lambda i, total: lax.dynamic_update_slice_in_dim(
      total, strip(i), i * size, axis
    ),
    jnp.zeros(whole, shape.dtype),
  )


def _side_by_side(deep: int, width: int, features: int) -> bool:
  """Whether the inputs of the taps along the depth are put side by side."""
  return deep == 1 or width <= features


class _Work:
  """A convolution cut into strips of rows."""

  def __init__(self, x: jax.Array, kernel: Kernel, scheme: Scheme, deep: int):
    """Takes x [B, D, H, W, C]."""
    self.scheme, self.kernel, self.deep = scheme, kernel, deep
    self.count, self.patch = scheme.inputs.shape
    self.batch, self.depth, height, width, self.channels = x.shape
    tiles, self.columns = height // scheme.step, width // scheme.step
    *_, inner, outer = kernel[0].shape
    self.together = inner == deep * self.channels
    self.features = outer if self.together else outer // deep
    per_row = self.batch * self.depth * self.columns * (inner + outer)
    self.rows = max(
      r
      for r in range(1, tiles + 1)
      if tiles % r == 0 and (r == 1 or r * per_row <= _STRIP)
    )
    self.strips = tiles // self.rows
    far = (scheme.blocks - 2) * scheme.step + self.patch - scheme.low
    side = (scheme.low, far)
    ends = (deep // 2,) * 2 if self.together else (0, 0)
    # Rows first, so that a product with a matrix transforms the columns.
    self.x = jnp.pad(
      x.transpose(2, 0, 1, 3, 4), (side, (0, 0), ends, side, (0, 0))
    )
    more = self.rows + scheme.blocks - 1
    matrix = np.zeros((self.count, more, (more - 1) * scheme.step + self.patch))
    for i in range(more):
      at = i * scheme.step
      matrix[:, i, at : at + self.patch] = scheme.inputs
    self.matrix = matrix.reshape(-1, matrix.shape[-1]).astype(np.float32)

  def strip(self, index: Any) -> jax.Array:
    """[B, D, h, W', O]: the rows of a strip."""
    scheme = self.scheme
    x = lax.dynamic_slice_in_dim(
      self.x, index * self.rows * scheme.step, self.matrix.shape[1]
    )
    parts = []
    for i, kernel in enumerate(self.kernel):
      z = self._products(self._patches(x, scheme.inputs[i]), kernel)
      part = [_sum(row, z) for row in scheme.outputs]
      parts.append(jnp.stack(part, 1))  # [rows, m, B, D, W / step, O]
    y = jnp.stack([_sum(row, parts) for row in scheme.outputs], 5)
    y = y.reshape(-1, *y.shape[2:4], y.shape[4] * y.shape[5], y.shape[6])
    return y.transpose(1, 2, 0, 3, 4)

  def _patches(self, x: jax.Array, weights: np.ndarray) -> jax.Array:
    """[n, rows, B, D, W / step, C]: one number along the width, n others."""
    step, columns = self.scheme.step, self.columns + self.scheme.blocks - 1
    stop = step * (columns - 1) + 1
    t = _sum(
      weights, [x[..., j : j + stop : step, :] for j in range(self.patch)]
    )
    shape = t.shape[1:]
    t = jnp.matmul(
      self.matrix, t.reshape(len(t), -1), precision=lax.Precision.HIGHEST
    )
    return t.reshape(self.count, -1, *shape)

  def _products(self, t: jax.Array, kernel: jax.Array) -> jax.Array:
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


def _conv_2x2(t: jax.Array, kernel: jax.Array) -> jax.Array:
  """t [h + 1, B, D, W + 1, C] with 2 x 2 taps: [h, B, D, W, O]."""
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


def _sum(weights: np.ndarray, parts: Any) -> jax.Array:
  """Sum of some arrays, weighted; those of weight 0 are left out."""
  terms = [
    part if weight == 1 else part * np.float32(weight)
    for weight, part in zip(weights, parts, strict=True)
    if weight
  ]
  return sum(terms[1:], terms[0])
