"""Gradients of the cells that `grid_sample` reads.

A cell's gradient is the sum, over all places that read it, of its weight there
times the cotangent of the place.
"""

from collections.abc import Sequence
import itertools
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.ops.sampling import cells as cells_lib
from sadtalker_jax.ops.sampling import neighbours


def scattered(
  axes: Sequence[cells_lib.Between], lengths: Sequence[int], g: jax.Array
) -> jax.Array:
  """Sums [B, N, C] over places of weight times `g` [B, M, C]."""
  total = jnp.zeros((len(g), math.prod(lengths), g.shape[-1]), g.dtype)

  def add(total: jax.Array, index: jax.Array, update: jax.Array) -> jax.Array:
    return total.at[index].add(update, mode='promise_in_bounds')

  for corner in itertools.product((0, 1), repeat=len(lengths)):
    index, weight = cells_lib.corner(axes, lengths, corner)
    update = weight.astype(g.dtype)[..., None] * g
    total = jax.vmap(add)(total, index, update)
  return total


def paired(
  axes: Sequence[cells_lib.Between], lengths: Sequence[int], g: jax.Array
) -> jax.Array:
  """`scattered`, with two neighbours along the last axis in one update."""
  # Cells -1 to N of every axis; those outside are cut off at the end.
  rimmed = [n + 2 for n in lengths]
  strides = [math.prod(rimmed[i + 1 :]) for i in range(len(rimmed))]
  count = len(g) * math.prod(rimmed)
  first = jnp.arange(len(g), dtype=jnp.int32)[:, None] * math.prod(rimmed)
  seen = jnp.bool_(True)
  for axis, stride in zip(axes, strides, strict=True):
    first = first + (axis.low + 1) * stride
    seen = seen & (axis.low > -2)
  first = jnp.where(seen, first, count)
  shares = [axis.share.astype(g.dtype) for axis in axes]
  total = _rows(first, shares, strides, g, count)
  total = total.reshape(len(g), *rimmed, -1)
  return total[(slice(None), *(slice(1, n + 1) for n in lengths))]


def windows(
  near: neighbours.Neighbours, lengths: Sequence[int], g: jax.Array
) -> jax.Array:
  """`scattered` for few channels, with two neighbouring cells as one row.

  Args:
    near: cells around the places.
    lengths: number of cells of each axis.
    g: [B, M, C] cotangents of the places.
  """
  batch, _, channels = g.shape
  *others, last = (
    [weight.astype(g.dtype)[:, None] for weight in two] for two in near.weights
  )
  # Selected, not stacked: XLA does not vectorise concatenations.
  low, high = last
  pair = jnp.where(jnp.arange(2, dtype=jnp.int32) == 0, low, high)
  index, g = near.first[:, None] * channels, g.reshape(-1, 1, channels)
  window = lax.ScatterDimensionNumbers(
    update_window_dims=(1,),
    inserted_window_dims=(),
    scatter_dims_to_operand_dims=(0,),
  )
  total = jnp.zeros(batch * math.prod(lengths) * channels, g.dtype)
  for sides, offset in neighbours.offsets(lengths)[::2]:
    weight = pair
    for side, two in zip(sides, others, strict=False):
      weight = weight * two[side]
    total = lax.scatter_add(
      total,
      index + offset * channels,
      (weight[..., None] * g).reshape(-1, 2 * channels),
      window,
      mode='promise_in_bounds',
    )
  return total


def _rows(
  first: jax.Array,
  shares: Sequence[jax.Array],
  strides: Sequence[int],
  g: jax.Array,
  count: int,
) -> jax.Array:
  """Sums [count, C], with two rows of channels per update.

  Places are taken in chunks, so that updates stay in the cache: all at once
  they take five times as long.

  Args:
    first: [B, M] index of the first cell of each place; `count` for none.
    shares: weight [B, M] of the upper cell, for each axis.
    strides: distance of neighbours in cells, for each axis.
    g: [B, M, C] cotangents of the places.
    count: number of cells.
  """
  channels = g.shape[-1]
  window = lax.ScatterDimensionNumbers(
    update_window_dims=(1, 2),
    inserted_window_dims=(),
    scatter_dims_to_operand_dims=(0,),
  )

  def add(total: jax.Array, chunk: Any) -> tuple[jax.Array, None]:
    first, (*others, last), g = chunk
    for sides in itertools.product((0, 1), repeat=len(others)):
      weight, offset = jnp.ones((), g.dtype), 0
      for side, share, stride in zip(sides, others, strides, strict=False):
        weight = weight * (share if side else 1 - share)
        offset += side * stride
      pair = jnp.stack([(1 - last) * weight, last * weight], axis=1)
      total = lax.scatter_add(
        total,
        (first + offset)[:, None],
        pair[..., None] * g[:, None],  # [n, 2, C]
        window,
        mode='drop',
      )
    return total, None

  chunks = cells_lib.in_chunks(
    (first, list(shares), g), channels, outside=count
  )
  return lax.scan(add, jnp.zeros((count, channels), g.dtype), chunks)[0]
