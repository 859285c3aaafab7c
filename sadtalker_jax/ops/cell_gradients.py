"""Gradients of the cells that `grid_sample` saw.

A cell receives the sum, over all places that saw it, of its weight there times
the cotangent of the place.
"""

from collections.abc import Sequence
import itertools
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.ops import cells as cells_lib


def scattered(
  axes: Sequence[cells_lib.Between], lengths: Sequence[int], g: jax.Array
) -> jax.Array:
  """Sums over places of weight times `g` [B, M, C]: [B, N, C]."""
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
  """As `scattered`, pairs of neighbours along the last axis at a time."""
  batch, _, channels = g.shape
  # Cells -1 to N of every axis: what falls outside is cut off in the end.
  rimmed = [n + 2 for n in lengths]
  strides = [math.prod(rimmed[i + 1 :]) for i in range(len(rimmed))]
  count = batch * math.prod(rimmed)
  first = jnp.arange(batch, dtype=jnp.int32)[:, None] * math.prod(rimmed)
  seen = jnp.bool_(True)
  for axis, stride in zip(axes, strides, strict=True):
    first = first + (axis.low + 1) * stride
    seen = seen & (axis.low > -2)
  first = jnp.where(seen, first, count)
  window = lax.ScatterDimensionNumbers(
    update_window_dims=(1, 2),
    inserted_window_dims=(),
    scatter_dims_to_operand_dims=(0,),
  )

  def add(total: jax.Array, chunk: Any) -> tuple[jax.Array, None]:
    first, shares, g = chunk
    *others, last = shares
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

  shares = [axis.share.astype(g.dtype) for axis in axes]
  total, _ = lax.scan(
    add,
    jnp.zeros((count, channels), g.dtype),
    cells_lib.in_chunks((first, shares, g), channels, outside=count),
  )
  total = total.reshape(batch, *rimmed, channels)
  return total[(slice(None), *(slice(1, n + 1) for n in lengths))]
