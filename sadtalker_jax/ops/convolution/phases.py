"""Convolutions of maps with repeated pixels, computed at the small size.

Where every pixel of a map is repeated f times along both axes, the taps of a
3 x 3 kernel that meet the same pixel can be added up beforehand. Each of the
f x f phases of the output is then a convolution of the small map with fewer
taps: at f = 2 with 2 x 2 of 9, 16 products instead of 36; at f = 4, where both
phases in the middle are equal, 25 instead of 144. Zero padding stays exact.

Layout: [B, H, W, C] and kernels [3, 3, I, O], or [B, D, H, W, C] and
[3, 3, 3, I, O]; only height and width are repeated.
"""

from collections.abc import Callable, Iterator, Sequence
import functools
import itertools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops.convolution import conv as conv_ops

# The distinct phases along one axis, as sums of taps. The first has a cell of
# padding before the map, the last one behind it, that in the middle none.
_FIRST = np.array([[1, 0, 0], [0, 1, 1]])
_MIDDLE = np.array([[1, 1, 1]])
_LAST = np.array([[1, 1, 0], [0, 0, 1]])
_PHASES = {2: (_FIRST, _LAST), 4: (_FIRST, _MIDDLE, _LAST)}
# For each of the f phases, its place among the distinct ones.
_ORDER = {2: (0, 1), 4: (0, 1, 1, 2)}
# Places of distinct phases with as many taps: first and last, and the middle.
_GROUPS = {2: ((0, 1),), 4: ((0, 2), (1,))}

Kernels = tuple[Any, ...]  # arrays of numpy, or of jax


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
  """Kernels of the convolutions whose outputs are the phases.

  Phases with as many taps are outputs of one convolution, row by row.

  Args:
    kernel: [3, 3, I, O] or [3, 3, 3, I, O].
    factor: number f of repetitions, 2 or 4.

  Returns:
    1 or 4 of [(3,) 1 or 2, 1 or 2, I, n O] for n phases, type of `kernel`.
  """
  rows = [_added(kernel, sums, kernel.ndim - 4) for sums in _PHASES[factor]]
  parts = [
    [_added(row, sums, kernel.ndim - 3) for sums in _PHASES[factor]]
    for row in rows
  ]
  arrays = np if isinstance(kernel, np.ndarray) else jnp
  return tuple(
    arrays.concatenate([parts[i][j] for i in high for j in wide], -1)
    for high, wide in _together(factor)
  )


def _together(factor: int) -> Iterator[tuple[tuple[int, ...], ...]]:
  """Places, in height and width, of the phases of each convolution."""
  return itertools.product(_GROUPS[factor], repeat=2)


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
  kernels: Sequence[jax.Array],
  factor: int,
  *,
  precision: lax.PrecisionLike = None,
) -> jax.Array:
  """Convolution, with stride 1, of a map whose pixels are repeated.

  The convolution of phases with as many taps has symmetric padding, and each
  takes all but one row and column: it reads the map once, and no padded copies
  of it.

  Args:
    x: [B, H, W, C] or [B, D, H, W, C] map before the repetition.
    kernels: result of `split`.
    factor: number f of repetitions, 2 or 4.
    precision: precision of the products.

  Returns:
    [B, (D,) H f, W f, O].
  """
  height, width = x.shape[-3:-1]
  deep = [(1, 1)] * (x.ndim - 4)
  found = {}
  for kernel, (high, wide) in zip(kernels, _together(factor), strict=True):
    places = list(itertools.product(enumerate(high), enumerate(wide)))
    pads = [(len(group) - 1,) * 2 for group in (high, wide)]
    y = conv_ops.conv_general_dilated(
      x,
      kernel,
      (1,) * (x.ndim - 2),
      [*deep, *pads],
      dimension_numbers=conv_ops.channels_last(x.ndim - 2),
      precision=precision,
    )
    parts = jnp.split(y, len(places), -1)
    for part, ((top, i), (left, j)) in zip(parts, places, strict=True):
      rows = slice(top, top + height)
      found[i, j] = part[..., rows, left : left + width, :]
  order = _ORDER[factor]
  lines = [jnp.stack([found[i, j] for j in order], -2) for i in order]
  y = jnp.stack(lines, -4)  # [B, (D,) H, f, W, f, O]
  lead, features = y.shape[: x.ndim - 3], y.shape[-1]
  return y.reshape(*lead, height * factor, width * factor, features)
