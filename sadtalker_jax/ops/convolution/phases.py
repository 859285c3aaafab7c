"""Convolutions of maps with repeated pixels, computed at the small size.

Where every pixel of a map is repeated f times along both axes, the taps of a
3 x 3 kernel that meet the same pixel can be added up beforehand. Each of the
f x f phases of the output is then a convolution of the small map with fewer
taps: at f = 2 with 2 x 2 of 9, 16 products instead of 36; at f = 4, where both
phases in the middle are equal, 25 instead of 144. Zero padding stays exact.

Layout: [B, H, W, C] and kernels [3, 3, I, O], or [B, D, H, W, C] and
[3, 3, 3, I, O]; only height and width are repeated.
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops.convolution import conv as conv_ops

# The distinct phases along one axis: the sums of taps, and how many cells of
# padding there are before and after the map.
_FIRST = np.array([[1, 0, 0], [0, 1, 1]]), (1, 0)
_MIDDLE = np.array([[1, 1, 1]]), (0, 0)
_LAST = np.array([[1, 1, 0], [0, 0, 1]]), (0, 1)
_PHASES = {2: (_FIRST, _LAST), 4: (_FIRST, _MIDDLE, _LAST)}
# For each of the f phases, its place among the distinct ones.
_ORDER = {2: (0, 1), 4: (0, 1, 1, 2)}

Kernels = tuple[tuple[Any, ...], ...]  # arrays of numpy, or of jax


@functools.cache
def repeating(factor: int) -> Callable[..., jax.Array]:
  """A function for `nn.Conv(conv_general_dilated=...)` that repeats pixels.

  The convolution of 3 x 3 (x 3) taps, stride 1 and padding 1 of a map whose
  pixels are repeated `factor` times in height and width: 2 or 4. The function
  takes the map before the repetition.
  """

  def run(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Any,
    *,
    precision: lax.PrecisionLike = None,
    **rest: Any,
  ) -> jax.Array:
    del rest  # neither dilation nor groups
    assert {*kernel.shape[:-2]} == {3} and {*strides} == {1}
    assert {*padding} == {(1, 1)}
    # Taps are added in float32 and rounded once.
    kernels = jax.tree.map(
      lambda k: k.astype(kernel.dtype),
      split(kernel.astype(jnp.float32), factor),
    )
    return conv(x, kernels, factor, precision=precision)

  return run


def split(kernel: np.ndarray | jax.Array, factor: int) -> Kernels:
  """Kernels of the distinct phases, as rows of columns.

  Args:
    kernel: [3, 3, I, O] or [3, 3, 3, I, O].
    factor: number f of repetitions, 2 or 4.

  Returns:
    2 x 2 or 3 x 3 of [(3,) 1 or 2, 1 or 2, I, O], type of `kernel`.
  """
  rows = [_added(kernel, sums, kernel.ndim - 4) for sums, _ in _PHASES[factor]]
  return tuple(
    tuple(_added(row, sums, kernel.ndim - 3) for sums, _ in _PHASES[factor])
    for row in rows
  )


def _added(kernel: Any, sums: np.ndarray, axis: int) -> Any:
  """Taps along an axis added up, by rows of zeros and ones."""
  front = (slice(None),) * axis
  taps = [
    sum(kernel[(*front, slice(i, i + 1))] for i in np.flatnonzero(row))
    for row in sums
  ]
  arrays = np if isinstance(kernel, np.ndarray) else jnp
  return arrays.concatenate(taps, axis)


def conv(
  x: jax.Array,
  kernels: Sequence[Sequence[jax.Array]],
  factor: int,
  *,
  precision: lax.PrecisionLike = None,
) -> jax.Array:
  """Convolution, with stride 1, of a map whose pixels are repeated.

  Args:
    x: [B, H, W, C] or [B, D, H, W, C] map before the repetition.
    kernels: result of `split`.
    factor: number f of repetitions, 2 or 4.
    precision: precision of the products.

  Returns:
    [B, (D,) H f, W f, O].
  """
  pads = [pad for _, pad in _PHASES[factor]]
  deep = [(1, 1)] * (x.ndim - 4)
  phases = [
    [
      conv_ops.conv_general_dilated(
        x,
        kernel,
        (1,) * (x.ndim - 2),
        [*deep, high, wide],
        dimension_numbers=conv_ops.channels_last(x.ndim - 2),
        precision=precision,
      )
      for kernel, wide in zip(row, pads, strict=True)
    ]
    for row, high in zip(kernels, pads, strict=True)
  ]
  order = _ORDER[factor]
  rows = [jnp.stack([phases[i][j] for j in order], -2) for i in order]
  y = jnp.stack(rows, -4)  # [B, (D,) H, f, W, f, O]
  *lead, height, _, width, _, features = y.shape
  return y.reshape(*lead, height * factor, width * factor, features)
