"""Shifts of whole volumes as indices and weights of cells, and their order.

Used by `banded`, which describes the layout: results are computed in steps of R
rows.
"""

from collections.abc import Iterator
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops.sampling import cells, grids


class Step(NamedTuple):
  """Indices of the rows that one step computes."""

  block: jax.Array  # block among all, in the order of the result
  which: jax.Array  # volume of the batch
  depth: jax.Array  # slice of the volume
  part: jax.Array  # block of the slice


class CellSide(NamedTuple):
  """One of two cells along an axis; arrays [B, D, K] or [B, H / R, K, R]."""

  cell: jax.Array  # index, always of a cell that exists
  weight: jax.Array  # 0 where the cell meant does not exist
  rate: jax.Array  # derivative of `weight` by the cell coordinate


class Corner(NamedTuple):
  """One of the four source rows of each row of a step; arrays [K R]."""

  row: jax.Array  # index in [B, D, H]
  weight: jax.Array
  by_z: jax.Array  # derivatives of `weight`
  by_y: jax.Array


class CellPair(NamedTuple):
  """The two cells along x, next to each other; arrays [B, W, K]."""

  cell: jax.Array  # the lower one in [K, R, W + 2] at R = 0
  low: jax.Array  # weight of the lower cell, 0 where both are outside
  high: jax.Array  # weight of the upper cell, 0 where both are outside
  seen: jax.Array  # 0 where both are outside, otherwise 1


class ShiftPlan(NamedTuple):
  """The cells and weights of all results of some shifts."""

  z: tuple[CellSide, CellSide]
  y: tuple[CellSide, CellSide]
  x: CellPair
  back: tuple[tuple[jax.Array, jax.Array], ...]  # see `_backwards`


def rows(height: int) -> int:
  """Number R of rows in a step, so that its data fit the cache of a core."""
  return math.gcd(height, 16)


def steps(shape: tuple[int, ...]) -> tuple[tuple[Step, Step], Step]:
  """All steps, each with the one after it, and the first."""
  batch, depth, height = shape[:3]
  per_slice = height // rows(height)
  block = np.arange(batch * depth * per_slice, dtype=np.int32)
  slices = block // per_slice
  numbers = block, slices // depth, slices % depth, block % per_slice
  step = Step(*(jnp.asarray(a) for a in numbers))
  after = jax.tree.map(lambda a: jnp.roll(a, -1), step)
  return (step, after), jax.tree.map(lambda a: a[0], step)


def make(
  shape: tuple[int, ...], shift: jax.Array, align_corners: bool
) -> ShiftPlan:
  """The plan of shifts [B, K, 3] of volumes of `shape` [B, D, H, W, C]."""
  batch, depth, height, width, _ = shape
  count, size = shift.shape[1], rows(height)

  def coordinates(length: int) -> np.ndarray:
    return grids.axis_coordinates(length).astype(shift.dtype)

  def sides(axis: int, length: int) -> tuple[CellSide, CellSide]:
    place = coordinates(length) + shift[..., axis, None]
    found = cells.between(place, length, 'zeros', align_corners=align_corners)

    def one(side: int) -> CellSide:
      index, inside, weight = found.tap(side, length)
      rate = jnp.where(inside, jnp.array(2 * side - 1, weight.dtype), 0)
      return CellSide(index, jnp.where(inside, weight, 0), rate)

    return one(0), one(1)

  start = jnp.arange(batch, dtype=jnp.int32)[:, None, None] * (depth * height)
  z = tuple(
    side._replace(cell=start + side.cell * height) for side in sides(2, depth)
  )
  z = jax.tree.map(lambda a: a.swapaxes(1, 2), z)
  y = jax.tree.map(
    lambda a: a.reshape(batch, count, -1, size).swapaxes(1, 2),
    sides(1, height),
  )
  place = coordinates(width) + shift[..., :1]
  x = cells.between(place, width, 'zeros', align_corners=align_corners)
  first = cells.coordinates(place[..., :1], width, align_corners=align_corners)
  start = jnp.arange(count, dtype=jnp.int32) * (size * (width + 2))
  seen = x.low > -2
  pair = CellPair(
    jnp.maximum(x.low + 1, 0) + start[:, None],
    jnp.where(seen, 1 - x.share, 0),
    jnp.where(seen, x.share, 0),
    seen.astype(shift.dtype),
  )
  pair = jax.tree.map(lambda a: a.swapaxes(1, 2), pair)
  return ShiftPlan(z, y, pair, _backwards(x, first))


def _backwards(
  x: cells.Between, first: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], ...]:
  """The results that each cell contributes to, and its weights in them.

  Neighbouring results are one cell apart, or a little more (quirk Q4), so a
  cell w contributes at most to the results w - o, w - o - 1 and w - o - 2,
  where o is the lower cell of the first result.

  Args:
    x: cells of the results.
    first: [B, K, 1] cell coordinate of the first result.

  Returns:
    For each of the three results its index in [W, K] and the weight, [B, K, W].
  """
  count, width = x.low.shape[1:]
  keypoint = jnp.arange(count, dtype=jnp.int32)[:, None]
  # Beyond these limits all weights are 0; so they are for a NaN shift.
  near = jnp.where(jnp.abs(first) < width + 2, first, width + 2)
  offset = jnp.floor(near).astype(jnp.int32)
  cell = jnp.arange(width, dtype=jnp.int32)
  result = []
  for further in range(3):
    index = cell - offset - further
    inside = (index >= 0) & (index < width)
    index = jnp.clip(index, 0, width - 1)
    low = jnp.take_along_axis(x.low, index, -1)
    share = jnp.take_along_axis(x.share, index, -1)
    weight = jnp.where(low == cell, 1 - share, 0)
    weight = weight + jnp.where((low + 1 == cell) & (low > -2), share, 0)
    result.append((index * count + keypoint, jnp.where(inside, weight, 0)))
  return tuple(result)


def corners(plan: ShiftPlan, step: Step) -> Iterator[Corner]:
  """The four source rows that each row of a step is mixed of."""
  for z in plan.z:
    z = CellSide(*(a[step.which, step.depth, :, None] for a in z))  # [K, 1]
    for y in plan.y:
      y = CellSide(*(a[step.which, step.part] for a in y))  # [K, R]
      corner = Corner(
        z.cell + y.cell,
        z.weight * y.weight,
        z.rate * y.weight,
        z.weight * y.rate,
      )
      yield jax.tree.map(lambda a: a.reshape(-1), corner)
