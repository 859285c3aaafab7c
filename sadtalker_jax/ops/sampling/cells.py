"""Where places fall along one axis of cells, for the sampling of pictures.

A place is a coordinate in [-1, 1]. Its cell coordinate is 0 at the middle of
the first cell, N - 1 at that of the last. A place lies between two neighbours,
`low` and `low` + 1, a `share` of the way to the second.
"""

from collections.abc import Sequence
import math
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import Array

# Floats of a row times rows in a chunk: an update of a few 100 KB.
_CHUNK = 2**14
FEW = 8  # up to fewer channels than this each is worked on by itself

Padding = Literal['zeros', 'border', 'reflection']


class Between(NamedTuple):
  """The two cells on either side of every place, along one axis."""

  low: jax.Array  # int32, -1 to N - 1; -2 where both cells lie outside
  share: jax.Array  # weight of `low` + 1, 0 to 1; that of `low` is the rest
  slope: jax.Array  # derivative of the cell coordinate by the place

  def tap(
    self, side: int, length: int
  ) -> tuple[jax.Array, jax.Array, jax.Array]:
    """A cell that there is, whether it is the one asked for, and its weight.

    Args:
      side: 0 for the lower cell, 1 for the upper.
      length: N, cells of the axis.
    """
    index = self.low + side
    inside = (index >= 0) & (index < length)
    share = self.share if side else 1 - self.share
    return jnp.clip(index, 0, length - 1), inside, share


def coordinates(place: Array, length: int, *, align_corners: bool) -> jax.Array:
  """Cell coordinates of places.

  Args:
    place: [...], coordinates in [-1, 1].
    length: N, cells of the axis.
    align_corners: whether -1 and 1 are the middles of cells, or their edges.
  """
  place = jnp.asarray(place)
  if align_corners:
    return (place + 1) * (0.5 * (length - 1))
  return ((place + 1) * length - 1) * 0.5


def bounded(
  place: Array, length: int, padding: Padding, *, align_corners: bool
) -> tuple[jax.Array, jax.Array]:
  """Cell coordinates of places, near cells that there are.

  Args:
    place: [...], float32 or wider, coordinates in [-1, 1] or outside.
    length: N, cells of the axis.
    padding: what there is outside.
    align_corners: whether -1 and 1 are the middles of cells, or their edges.

  Returns:
    With 'zeros', -2 to N + 1, with others 0 to N - 1; derivatives by the place.

  Raises:
    ValueError: for an unknown `padding`.
  """

  def inner(place: jax.Array) -> jax.Array:
    x = coordinates(place, length, align_corners=align_corners)
    if padding == 'zeros':
      # Far ones, infinite ones and NaN to a place where both cells are out.
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
  """Axes in the order of `lengths`; places [..., R] are (x, y) or (x, y, z)."""
  return [
    between(grid[..., -1 - i], length, padding, align_corners=align_corners)
    for i, length in enumerate(lengths)
  ]


def corner(
  axes: Sequence[Between], lengths: Sequence[int], sides: Sequence[int]
) -> tuple[jax.Array, jax.Array]:
  """One of the cells around every place: index among all, and weight.

  Args:
    axes: from the first axis to the last.
    lengths: their cells.
    sides: of each axis, 0 for the lower cell, 1 for the upper.

  Returns:
    Index of a cell that there is, and its weight, 0 where another was meant.
  """
  index, inside, weight = axes[0].tap(sides[0], lengths[0])
  for axis, side, length in zip(axes[1:], sides[1:], lengths[1:], strict=True):
    at, within, share = axis.tap(side, length)
    index = index * length + at
    inside, weight = inside & within, weight * share
  return index, jnp.where(inside, weight, 0)


def take(rows: jax.Array, index: jax.Array, *, flat: bool) -> jax.Array:
  """Rows of channels.

  Args:
    rows: [B, N, C].
    index: [B, ...], 0 to N - 1.
    flat: whether to gather from all of the batch as one list, quicker on CPU;
      otherwise the batch is an axis of the gather, so that where it is sharded
      nothing is fetched from other devices.

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


def in_chunks(tree: Any, channels: int, *, outside: int) -> Any:
  """Arrays [B, M, ...] as [chunks, places, ...], filled up with `outside`."""
  total = math.prod(jax.tree.leaves(tree)[0].shape[:2])
  size = max(min(total, _CHUNK // max(channels, 1)), 1)

  def split(a: jax.Array) -> jax.Array:
    flat = a.reshape(total, *a.shape[2:])
    rest = ((0, -total % size), *[(0, 0)] * (flat.ndim - 1))
    flat = jnp.pad(flat, rest, constant_values=outside)
    return flat.reshape(-1, size, *flat.shape[1:])

  return jax.tree.map(split, tree)


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
