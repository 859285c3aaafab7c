"""The cells around places, with indices that are always valid.

The form of `grid_sample` on CPU for few channels. A place at the rim or outside
takes the two cells next to it, with the weights that they have there. So one
index leads to all cells around a place, at constant distances, and none of them
needs a check of its own.
"""

from collections.abc import Sequence
import itertools
import math
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops.sampling import cells as cells_lib

Two = tuple[jax.Array, jax.Array]


class Neighbours(NamedTuple):
  """Two cells along each axis, around all places of a batch, [B * M]."""

  first: jax.Array  # int32, index of the first cell in the whole batch
  weights: list[Two]  # per axis: of the lower and of the upper cell
  slopes: list[Two]  # derivatives of the weights by the place


def exist(lengths: Sequence[int], channels: int) -> bool:
  """Whether this form applies: two cells on every axis, and few channels."""
  return min(lengths) > 1 and channels < cells_lib.FEW


def around(
  grid: jax.Array,
  lengths: Sequence[int],
  padding: cells_lib.Padding,
  align_corners: bool,
) -> Neighbours:
  """The cells around the places [B, *M, R] of a grid.

  Args:
    grid: [B, *M, R] places (x, y) or (x, y, z), float32 or wider.
    lengths: number of cells of each axis, in the opposite order (depth, height,
      width).
    padding: values outside; see `cells.Padding`.
    align_corners: whether -1 and 1 are the middles of cells, or their edges.
  """
  index = jnp.arange(len(grid), dtype=jnp.int32)
  index = jnp.repeat(index, math.prod(grid.shape[1:-1]))
  found = Neighbours(index, [], [])
  for i, length in enumerate(lengths):
    x, slope = cells_lib.bounded(
      grid[..., -1 - i].reshape(-1),
      length,
      padding,
      align_corners=align_corners,
    )
    low = jnp.where(x > 0, jnp.where(x < length - 2, x, length - 2), 0)
    low = jnp.floor(low)
    weights, slopes = (1 - (x - low), x - low), (-slope, slope)
    if padding == 'zeros':
      weights, slopes = _outside_too(x - low, slope)
    index = index * length + _integer(low)
    found.weights.append(weights)
    found.slopes.append(slopes)
  return found._replace(first=index)


def offsets(lengths: Sequence[int]) -> list[tuple[tuple[int, ...], int]]:
  """For each corner its sides (0 or 1) and its distance from the first one."""
  strides = [math.prod(lengths[i + 1 :]) for i in range(len(lengths))]
  return [
    (sides, int(np.dot(sides, strides)))
    for sides in itertools.product((0, 1), repeat=len(lengths))
  ]


def rows(
  cells: jax.Array, near: Neighbours, lengths: Sequence[int]
) -> list[jax.Array]:
  """Cells [B * M, C] at the corners, in the order of `offsets`.

  Args:
    cells: [B, ..., C].
    near: cells around the places.
    lengths: number of cells of each axis.
  """
  flat = cells.reshape(-1, cells.shape[-1])
  far = [offset for _, offset in offsets(lengths)]
  count = len(flat) - far[-1]
  # Parts of one size: XLA clamps the index once for all of them.
  return [
    flat[offset : offset + count].at[near.first].get(mode='promise_in_bounds')
    for offset in far
  ]


def values(
  cells: jax.Array, near: Neighbours, lengths: Sequence[int], dtype: np.dtype
) -> jax.Array:
  """Sums [B * M, C] of weight times cell; see `rows`."""
  nodes = [row.astype(dtype) for row in rows(cells, near, lengths)]
  for weights in reversed(near.weights):
    low, high = (weight.astype(dtype)[:, None] for weight in weights)
    nodes = [
      low * a + high * b for a, b in zip(nodes[::2], nodes[1::2], strict=True)
    ]
  return nodes[0]


def _outside_too(offset: jax.Array, slope: jax.Array) -> tuple[Two, Two]:
  """Weights and slopes for places -2 to 3 cells from the lower cell."""
  inside, after = offset >= 0, offset >= 1
  low = jnp.where(inside, -slope, slope)
  high = jnp.where(after, -slope, slope)
  return (
    (
      jnp.maximum(1 - jnp.abs(offset), 0),
      jnp.maximum(jnp.minimum(offset, 2 - offset), 0),
    ),
    (
      jnp.where((offset < -1) | after, 0, low),
      jnp.where(inside & (offset < 2), high, 0),
    ),
  )


def _integer(whole: jax.Array) -> jax.Array:
  """Whole numbers from 0 to 2^22 as int32, without XLA's range checks."""
  if whole.dtype != np.float32:
    return whole.astype(jnp.int32)
  # The last bits of the sum are the number.
  bits = lax.bitcast_convert_type(whole + np.float32(2**23), jnp.int32)
  return bits - np.float32(2**23).view(np.int32)
