"""Work items of rasterization: one pixel centre in the box of one triangle.

Shared by the backends of `visibility`. Conventions as in `rasterizer`; corners
of triangles are ascending vertex ids, and all arrays of a list of three hold
one number per triangle or item, in any shape.

An item's key is the bits of 1 / depth, 0 if the centre is outside: bits of
positive floats order as the floats do. The winner of a pixel is the largest
key, then the lowest triangle, which `settle` packs into one unsigned number, so
that a single scatter of maxima settles everything, in any order of items.
64-bit numbers exist inside these functions only, whatever the caller's setting
of `jax_enable_x64`.
"""

from typing import NamedTuple, TypeAlias

import jax
from jax import lax
import jax.numpy as jnp

MAX_PIXELS = 1 << 22  # whole numbers up to here are exact in the box's floats

_FAR = 1e6  # reciprocal of the smallest depth that is in front of the camera

Three: TypeAlias = list[jax.Array]


class Boxes(NamedTuple):
  """Pixel centres between the least and the largest corner; all float32."""

  column: jax.Array  # first column
  row: jax.Array  # first row
  columns: jax.Array  # number of columns; arbitrary without items
  rows: jax.Array  # number of rows; arbitrary without items
  items: jax.Array  # columns x rows, 0 where nothing can be seen


def vertex_planes(positions: jax.Array) -> Three:
  """x, y and 1 / depth, each [...], of positions [..., 3]."""
  return [positions[..., 0], positions[..., 1], 1 / positions[..., 2]]


def gather(planes: Three, corners: Three) -> tuple[Three, Three, Three]:
  """x, y and 1 / depth of the three corners.

  Args:
    planes: result of `vertex_planes`, [V] each.
    corners: vertex ids of the corners.

  Returns:
    Three lists with the values of the corners, of the shapes of the ids.
  """
  x, y, inverse = ([take(plane, ids) for ids in corners] for plane in planes)
  return x, y, inverse


def take(values: jax.Array, indices: jax.Array) -> jax.Array:
  """`values[indices]` with out-of-range indices clamped, at the lowest cost.

  XLA clamps by itself; numpy's rules would double the arithmetic.
  """
  return values.at[indices].get(
    mode='promise_in_bounds', wrap_negative_indices=False
  )


def boxes(x: Three, y: Three, inverse: Three, size: tuple[int, int]) -> Boxes:
  """Bounding boxes within the picture, without items for bad triangles.

  Args:
    x: x of the corners.
    y: y of the corners.
    inverse: 1 / depth of the corners.
    size: (H, W).

  Returns:
    The boxes. A triangle has no items if a corner is not finite or not in
    front of the camera, or if it has no area.
  """
  height, width = size
  column = jnp.maximum(jnp.ceil(_least(x) - 0.5), 0)
  row = jnp.maximum(jnp.ceil(_least(y) - 0.5), 0)
  columns = jnp.minimum(jnp.floor(_largest(x) - 0.5), width - 1) - column + 1
  rows = jnp.minimum(jnp.floor(_largest(y) - 0.5), height - 1) - row + 1
  area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
  # A NaN fails every comparison, so no comparison may be negated here.
  proper = (
    jnp.isfinite(area)
    & (area != 0)
    & (_least(inverse) > 0)
    & (_largest(inverse) < _FAR)
    & (columns > 0)
    & (rows > 0)
  )
  items = jnp.where(proper, columns * rows, 0.0)
  return Boxes(column, row, columns, rows, items)


def keys(
  x: Three, y: Three, inverse: Three, column: jax.Array, row: jax.Array
) -> jax.Array:
  """Bits of 1 / depth at pixel centres, int32; 0 outside the triangle.

  Args:
    x: x of the corners.
    y: y of the corners.
    inverse: 1 / depth of the corners.
    column: column of the pixel, float32.
    row: row of the pixel, float32.

  Returns:
    Keys, of the shape of all arguments broadcast together.
  """
  x = [a - (column + 0.5) for a in x]
  y = [a - (row + 0.5) for a in y]
  # Each edge runs from its lower to its higher vertex id, so that both
  # triangles at an edge get the same number, also if the compiler fuses
  # multiply and add. The middle one then has the opposite sign, and must not be
  # written otherwise.
  e = [
    x[1] * y[2] - y[1] * x[2],
    -(x[0] * y[2] - y[0] * x[2]),
    x[0] * y[1] - y[0] * x[1],
  ]
  area = e[0] + e[1] + e[2]
  inside = ((_least(e) >= 0) | (_largest(e) <= 0)) & (area != 0)
  weighted = e[0] * inverse[0] + e[1] * inverse[1] + e[2] * inverse[2]
  key = weighted / jnp.where(inside, area, 1.0)
  return jnp.where(inside, lax.bitcast_convert_type(key, jnp.int32), 0)


def nothing(number: int) -> jax.Array:
  """Packed winners [number] of pixels that no item has reached."""
  with jax.enable_x64(True):
    return jnp.zeros(number, jnp.uint64)


def settle(
  winners: jax.Array, pixel: jax.Array, key: jax.Array, triangle: jax.Array
) -> jax.Array:
  """Winners of the pixels after further items.

  Args:
    winners: [P] packed winners so far.
    pixel: [N] int32 pixel of every item, also of those with key 0.
    key: [N] int32 keys.
    triangle: [N] int32 triangle of every item.

  Returns:
    Packed winners [P].
  """
  with jax.enable_x64(True):
    high = key.astype(jnp.uint64) << 32
    low = (~triangle.astype(jnp.uint32)).astype(jnp.uint64)
    packed = jnp.where(key > 0, high | low, jnp.uint64(0))
    # Items without a hit write zero: cheaper than a branch on CPU, and without
    # a cell that all of them share.
    return winners.at[pixel].max(packed, mode='promise_in_bounds')


def unpack(winners: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Triangles (-1 where none is) and keys, int32, of packed winners."""
  with jax.enable_x64(True):
    low = ~winners.astype(jnp.uint32)
    high = (winners >> 32).astype(jnp.uint32)
  return low.astype(jnp.int32), high.astype(jnp.int32)


def expand(
  offset: jax.Array, box: Boxes
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Column and row, float32, of an item within the box of its triangle.

  Args:
    offset: index of the item in its box, int32, below 2^22.
    box: box of the item's triangle.

  Returns:
    Column, row, and whether there is such an item.
  """
  number = offset.astype(jnp.float32)
  # Exact: with the half the quotient is never a whole number.
  row = jnp.floor((number + 0.5) / box.columns)
  column = number - row * box.columns
  return box.column + column, box.row + row, number < box.items


def _least(values: Three) -> jax.Array:
  return jnp.minimum(jnp.minimum(values[0], values[1]), values[2])


def _largest(values: Three) -> jax.Array:
  return jnp.maximum(jnp.maximum(values[0], values[1]), values[2])
