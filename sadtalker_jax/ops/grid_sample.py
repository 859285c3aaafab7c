"""Sampling of pictures and volumes at given places, as PyTorch's grid_sample.

Layout: channels last. A place is (x, y) or (x, y, z) in [-1, 1], x along width,
y along height (down), z along depth. With `align_corners` -1 and 1 are the
middles of the first and the last cell, otherwise their outer edges. Between
cells values are interpolated linearly.

Outside there are zeros ('zeros'), or the nearest cell ('border'), or the
picture mirrored at its edges ('reflection'). A coordinate that is not a number
lies outside with 'zeros', at the first cell with 'border' and 'reflection'.

Rows of channels are gathered, one gather for each of the 4 or 8 cells around a
place, so XLA can fuse the weighted sum; sums are float32 or wider.
"""

import itertools
import math
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.typing import Array

Padding = Literal['zeros', 'border', 'reflection']


def grid_sample_2d(
  image: jax.Array, grid: jax.Array, *, padding: Padding, align_corners: bool
) -> jax.Array:
  """Values of pictures at given places.

  Args:
    image: [B, H, W, C].
    grid: [B, H', W', 2], (x, y).
    padding: what there is outside.
    align_corners: whether -1 and 1 are the middles of cells.

  Returns:
    [B, H', W', C], type of `image`.

  Raises:
    ValueError: for other shapes, or an unknown `padding`.
  """
  return _sample(image, grid, padding, align_corners, 2)


def grid_sample_3d(
  volume: jax.Array, grid: jax.Array, *, padding: Padding, align_corners: bool
) -> jax.Array:
  """Values of volumes at given places.

  Args:
    volume: [B, D, H, W, C].
    grid: [B, D', H', W', 3], (x, y, z).
    padding: what there is outside.
    align_corners: whether -1 and 1 are the middles of cells.

  Returns:
    [B, D', H', W', C], type of `volume`.

  Raises:
    ValueError: for other shapes, or an unknown `padding`.
  """
  return _sample(volume, grid, padding, align_corners, 3)


def interpolation(
  place: Array, length: int, *, align_corners: bool
) -> jax.Array:
  """Weights of cells along one axis, zeros outside.

  Where coordinates of one axis do not depend on the others, sampling is a
  product with one such matrix per axis.

  Args:
    place: [..., M] coordinates in [-1, 1].
    length: N, cells of the axis.
    align_corners: whether -1 and 1 are the middles of cells.

  Returns:
    [..., M, N], at most two neighbours of a row are not 0.
  """
  axis = _Axis(jnp.asarray(place), length, 'zeros', align_corners)
  cell = jnp.arange(length, dtype=jnp.int32)

  def side(which: int) -> jax.Array:
    index, inside, share = axis.tap(which)
    hit = inside[..., None] & (index[..., None] == cell)
    return jnp.where(hit, share[..., None], 0)

  return side(0) + side(1)


def _to_cells(place: jax.Array, length: int, align_corners: bool) -> jax.Array:
  """Cells (the first one's middle is 0) of coordinates in [-1, 1]."""
  if align_corners:
    return (place + 1) * (0.5 * (length - 1))
  return ((place + 1) * length - 1) * 0.5


def _sample(
  cells: jax.Array,
  grid: jax.Array,
  padding: Padding,
  align_corners: bool,
  rank: int,
) -> jax.Array:
  """[B, *M, C]: `cells` [B, *N, C] at `grid` [B, *M, rank]."""
  if (
    cells.ndim != rank + 2
    or grid.ndim != rank + 2
    or grid.shape[-1] != rank
    or grid.shape[0] != cells.shape[0]
  ):
    raise ValueError(
      f'expected cells [B{", N" * rank}, C] and a grid [B{", M" * rank}, '
      f'{rank}], found {cells.shape} and {grid.shape}'
    )
  batch, *lengths, channels = cells.shape
  cells, grid = jnp.asarray(cells), jnp.asarray(grid)
  grid = grid.astype(np.promote_types(np.float32, grid.dtype))
  axes = [
    _Axis(grid[..., rank - 1 - i], length, padding, align_corners)
    for i, length in enumerate(lengths)
  ]
  rows = cells.reshape(-1, channels)  # [B N, C]
  first = jnp.arange(batch, dtype=jnp.int32) * math.prod(lengths)
  first = first.reshape(-1, *[1] * rank)
  wide = np.promote_types(grid.dtype, cells.dtype)
  total = jnp.zeros((*grid.shape[:-1], channels), wide)
  for corner in itertools.product((0, 1), repeat=rank):
    index = jnp.zeros_like(first)
    inside, weight = jnp.bool_(True), jnp.ones((), grid.dtype)
    for axis, side in zip(axes, corner, strict=True):
      at, within, share = axis.tap(side)
      index = index * axis.length + at
      inside, weight = inside & within, weight * share
    # Ones outside are masked here and not cut off before, so that the
    # gradient at the edge is PyTorch's.
    weight = jnp.where(inside, weight, 0).astype(wide)
    row = jnp.take(rows, first + index, axis=0, mode='clip')
    total = total + weight[..., None] * row.astype(wide)
  return total.astype(cells.dtype)


class _Axis:
  """The two cells on either side of every place, along one axis."""

  def __init__(
    self,
    place: jax.Array,
    length: int,
    padding: Padding,
    align_corners: bool,
  ):
    self.length = length
    x = _to_cells(place, length, align_corners)
    if padding == 'zeros':
      # Far ones, infinite ones and NaN to a place where both cells are out.
      x = jnp.where((x > -2) & (x < length + 1), x, -2)
    elif padding == 'border':
      x = _cut(x, length)
    elif padding == 'reflection':
      x = _cut(_mirrored(x, length, align_corners), length)
    else:
      raise ValueError(f'unknown padding {padding!r}')
    low = jnp.floor(x)
    self._share = x - low
    self._low = low.astype(jnp.int32)

  def tap(self, side: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Index, whether it is one, and weight of a cell, low (0) or high (1)."""
    index = self._low + side
    inside = (index >= 0) & (index < self.length)
    share = self._share if side else 1 - self._share
    return jnp.clip(index, 0, self.length - 1), inside, share


def _cut(x: jax.Array, length: int) -> jax.Array:
  """`x` in [0, length - 1]; no gradient at the ends and outside."""
  x = jnp.where(x > 0, x, 0)
  return jnp.where(x < length - 1, x, length - 1)


def _mirrored(x: jax.Array, length: int, align_corners: bool) -> jax.Array:
  """`x` reflected at the edges as often as it takes."""
  low, span = (0.0, length - 1) if align_corners else (-0.5, length)
  if span == 0:
    return jnp.zeros_like(x)
  x = x - low
  x = jnp.where(x < 0, -x, x)
  turns = jnp.floor(x / span)
  x = x - turns * span
  return jnp.where(turns % 2 == 0, x, span - x) + low
