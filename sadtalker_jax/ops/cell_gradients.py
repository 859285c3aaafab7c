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
import numpy as np

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
  # Cells -1 to N of every axis: what falls outside is cut off in the end.
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
  form = _planes if g.shape[-1] < cells_lib.FEW else _rows
  total = form(first, shares, strides, g, count)
  total = total.reshape(len(g), *rimmed, -1)
  return total[(slice(None), *(slice(1, n + 1) for n in lengths))]


def _rows(
  first: jax.Array,
  shares: Sequence[jax.Array],
  strides: Sequence[int],
  g: jax.Array,
  count: int,
) -> jax.Array:
  """Sums [count, C], two rows of channels with an update.

  Places are taken in chunks, so that updates stay in the cache: all at once
  they take five times as long.

  Args:
    first: [B, M] index of the first cell of each place; `count` for none.
    shares: [B, M] of each axis.
    strides: of each axis, in cells.
    g: [B, M, C].
    count: of cells.
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


def _planes(
  first: jax.Array,
  shares: Sequence[jax.Array],
  strides: Sequence[int],
  g: jax.Array,
  count: int,
) -> jax.Array:
  """As `_rows`, for few channels, each by itself.

  An update of two cells takes as long as one of a single cell if the two are
  one number: the parts of a complex one, which never mix in sums.
  """
  first = first.reshape(-1)
  *others, last = (share.reshape(-1) for share in shares)
  planes = [g[..., c].reshape(-1) for c in range(g.shape[-1])]
  none = jnp.zeros(count, np.promote_types(g.dtype, np.complex64))

  # A loop over a handful of corners: what it reads is worked out once, before.
  def add(
    totals: list[jax.Array], sides: jax.Array
  ) -> tuple[list[jax.Array], None]:
    weight, index = jnp.ones((), g.dtype), first
    for i, share in enumerate(others):
      weight = weight * jnp.where(sides[i] == 1, share, 1 - share)
      index = index + sides[i] * strides[i]
    updates = [
      lax.complex((1 - last) * weight * plane, last * weight * plane)
      for plane in planes
    ]
    return [
      total.at[index].add(update, mode='drop')
      for total, update in zip(totals, updates, strict=True)
    ], None

  sides = np.array(list(itertools.product((0, 1), repeat=len(others))))
  totals, _ = lax.scan(add, [none] * len(planes), jnp.asarray(sides, jnp.int32))
  # The second of a pair belongs to the next cell; the last cell has no pairs.
  return jnp.stack([t.real + jnp.roll(t.imag, 1) for t in totals], axis=-1)
