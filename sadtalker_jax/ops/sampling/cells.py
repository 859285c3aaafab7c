"""Cells and weights of places along one axis, for the sampling of pictures.

A place is a coordinate in [-1, 1]. Its cell coordinate is 0 at the middle of
the first cell, N - 1 at that of the last. A place lies between two neighbours,
`low` and `low` + 1; `share` is its distance from the first, in cells.
"""

from collections.abc import Sequence
import math
from typing import Literal, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import Array

# Numbers in a chunk (rows times channels): an update of a few 100 KB.
_CHUNK = 2**14
FEW = 8  # below this number of channels each is treated by itself

Padding = Literal['zeros', 'border', 'reflection']

_Tree = TypeVar('_Tree')


class Between(NamedTuple):
  """The two cells on either side of every place, along one axis."""

  low: jax.Array  # int32, -1 to N - 1; -2 where both cells lie outside
  share: jax.Array  # weight of `low` + 1, 0 to 1; that of `low` is the rest
  slope: jax.Array  # derivative of the cell coordinate by the place

  def tap(
    self, side: int, length: int
  ) -> tuple[jax.Array, jax.Array, jax.Array]:
    """One of the two cells.

    Args:
      side: 0 for the lower cell, 1 for the upper.
      length: number N of cells of the axis.

    Returns:
      The index, clipped to cells that exist; whether it was inside before; and
      the weight, not yet 0 outside.
    """
    index = self.low + side
    inside = (index >= 0) & (index < length)
    share = self.share if side else 1 - self.share
    return jnp.clip(index, 0, length - 1), inside, share


def coordinates(place: Array, length: int, *, align_corners: bool) -> jax.Array:
  """Cell coordinates of places.

  Args:
    place: [...], coordinates in [-1, 1].
    length: number N of cells of the axis.
    align_corners: whether -1 and 1 are the middles of cells, or their edges.
  """
  place = jnp.asarray(place)
  if align_corners:
    return (place + 1) * (0.5 * (length - 1))
  return ((place + 1) * length - 1) * 0.5


def bounded(
  place: Array, length: int, padding: Padding, *, align_corners: bool
) -> tuple[jax.Array, jax.Array]:
  """Cell coordinates of places, brought near to the cells that exist.

  Args:
    place: [...] coordinates in [-1, 1] or outside, float32 or wider.
    length: number N of cells of the axis.
    padding: values outside; see `grid_sample`.
    align_corners: whether -1 and 1 are the middles of cells, or their edges.

  Returns:
    Cell coordinates [...], with 'zeros' from -2 to N + 1, otherwise from 0 to
    N - 1; and their derivatives [...] by the place.

  Raises:
    ValueError: `padding` is unknown.
  """

  def inner(place: jax.Array) -> jax.Array:
    x = coordinates(place, length, align_corners=align_corners)
    if padding == 'zeros':
      # Far, infinite and NaN places go where both cells are outside.
      return jnp.where((x > -2) & (x < length + 1), x, -2)
    if padding == 'border':
      return _cut(x, length)
    if padding == 'reflection':
      return _cut(_mirrored(x, length, align_corners), length)
    raise ValueError(f'unknown padding {padding!r}')

  x, pull = jax.vjp(inner, jnp.asarray(place))
  (slope,) = pull(jnp.ones_like(x))
  return x, slope


def between(
  place: Array, length: int, padding: Padding, *, align_corners: bool
) -> Between:
  """The cells on either side of places; see `bounded`."""
  x, slope = bounded(place, length, padding, align_corners=align_corners)
  low = jnp.floor(x)
  index = low.astype(jnp.int32)
  index = jnp.where((index < -1) | (index >= length), -2, index)
  return Between(index, x - low, slope)


def of_grid(
  grid: jax.Array,
  lengths: Sequence[int],
  padding: Padding,
  align_corners: bool,
) -> list[Between]:
  """The cells around places [..., R], for each axis in the order of `lengths`.

  Places are (x, y) or (x, y, z), `lengths` (height, width) or (depth, height,
  width).
  """
  return [
    between(grid[..., -1 - i], length, padding, align_corners=align_corners)
    for i, length in enumerate(lengths)
  ]


def corner(
  axes: Sequence[Between], lengths: Sequence[int], sides: Sequence[int]
) -> tuple[jax.Array, jax.Array]:
  """One of the cells around every place.

  Args:
    axes: pairs of cells, from the first axis to the last.
    lengths: number of cells of each axis.
    sides: for each axis 0 for the lower cell, 1 for the upper.

  Returns:
    Index among all cells, always of one that exists, and its weight, 0 where
    the cell meant does not exist.
  """
  index, inside, weight = axes[0].tap(sides[0], lengths[0])
  for axis, side, length in zip(axes[1:], sides[1:], lengths[1:], strict=True):
    at, within, share = axis.tap(side, length)
    index = index * length + at
    inside, weight = inside & within, weight * share
  return index, jnp.where(inside, weight, 0)


def take(rows: jax.Array, index: jax.Array, *, flat: bool) -> jax.Array:
  """Rows of channels at indices.

  Args:
    rows: [B, N, C].
    index: [B, ...], 0 to N - 1.
    flat: whether to gather from the whole batch as one list, which is quicker
      on CPU; otherwise the batch is an axis of the gather, so that a sharded
      batch needs no data of other devices.

  Returns:
    [B, ..., C].
  """
  batch, count, channels = rows.shape
  if flat:
    first = jnp.arange(batch, dtype=jnp.int32) * count
    first = first.reshape(-1, *[1] * (index.ndim - 1))
    rows = rows.reshape(-1, channels)
    return jnp.take(rows, first + index, axis=0, mode='clip')

  def one(rows: jax.Array, index: jax.Array) -> jax.Array:
    return jnp.take(rows, index, axis=0, mode='clip')

  return jax.vmap(one)(rows, index)


def in_chunks(tree: _Tree, channels: int, *, outside: int) -> _Tree:
  """Arrays [B, M, ...] as [chunks, places, ...], padded with `outside`."""
  total = math.prod(jax.tree.leaves(tree)[0].shape[:2])
  size = max(min(total, _CHUNK // max(channels, 1)), 1)

  def split(a: jax.Array) -> jax.Array:
    flat = a.reshape(total, *a.shape[2:])
    rest = ((0, -total % size), *[(0, 0)] * (flat.ndim - 1))
    flat = jnp.pad(flat, rest, constant_values=outside)
    return flat.reshape(-1, size, *flat.shape[1:])

  return jax.tree.map(split, tree)


def _cut(x: jax.Array, length: int) -> jax.Array:
  """`x` clipped to [0, length - 1]; no gradient at the ends and outside."""
  x = jnp.where(x > 0, x, 0)
  return jnp.where(x < length - 1, x, length - 1)


def _mirrored(x: jax.Array, length: int, align_corners: bool) -> jax.Array:
  """`x` reflected at the edges as often as needed."""
  low, span = (0.0, length - 1) if align_corners else (-0.5, length)
  if span == 0:
    return jnp.zeros_like(x)
  x = x - low
  x = jnp.where(x < 0, -x, x)
  turns = jnp.floor(x / span)
  x = x - turns * span
  return jnp.where(turns % 2 == 0, x, span - x) + low
