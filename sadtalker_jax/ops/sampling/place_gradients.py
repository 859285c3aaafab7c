"""Gradients of the places at which `grid_sample` samples.

With the cotangent g of a place, and v_t the cell at corner t with weight w_t,
the gradient of a coordinate is the sum over t of (derivative of w_t) <v_t, g>.
"""

from collections.abc import Sequence
import functools
import itertools
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.ops.sampling import cells as cells_lib
from sadtalker_jax.ops.sampling import neighbours


def dots(
  rows: jax.Array,
  axes: Sequence[cells_lib.Between],
  lengths: Sequence[int],
  g: jax.Array,
  *,
  flat: bool = False,
) -> jax.Array:
  """Gradients [B, M, R] of places for `g` [B, M, C] and cells [B, N, C]."""

  def dot(sides: tuple[int, ...]) -> jax.Array:
    index, _ = cells_lib.corner(axes, lengths, sides)
    row = cells_lib.take(rows, index, flat=flat)
    products = row.astype(g.dtype) * g
    if products.shape[-1] >= cells_lib.FEW:
      return products.sum(-1)
    # A sum over a short last axis would keep XLA from fusing what surrounds it.
    return functools.reduce(jnp.add, jnp.unstack(products, axis=-1))

  dots = map(dot, itertools.product((0, 1), repeat=len(lengths)))
  return _stacked(_along_axes(_sides(axes, lengths), list(dots)), axes)


def chunked(
  rows: jax.Array,
  axes: Sequence[cells_lib.Between],
  lengths: Sequence[int],
  g: jax.Array,
) -> jax.Array:
  """`dots`, in chunks of places where channels are many."""
  batch, count, channels = rows.shape
  if channels < cells_lib.FEW:
    return dots(rows, axes, lengths, g, flat=True)
  # Indices are computed before the loop, where XLA vectorises over many places;
  # in a loop over rows it would compute them for one row at a time.
  parts = []
  for i, (axis, length) in enumerate(zip(axes, lengths, strict=True)):
    stride = math.prod(lengths[i + 1 :])
    parts.append([axis.tap(side, length)[0] * stride for side in (0, 1)])
  start = jnp.arange(batch, dtype=jnp.int32)[:, None] * count
  parts[0] = [start + part for part in parts[0]]
  flat = rows.reshape(-1, channels)
  # XLA is slow at sums over a short last axis, but not at products.
  ones = jnp.ones(channels, g.dtype)

  def totals(chunk: Any) -> list[jax.Array]:
    parts, sides, g = chunk
    dots = []
    for index in itertools.product(*parts):
      row = jnp.take(flat, functools.reduce(jnp.add, index), 0, mode='clip')
      product = row.astype(g.dtype) * g
      dots.append(jnp.dot(product, ones, precision=lax.Precision.HIGHEST))
    return _along_axes(sides, dots)

  chunks = cells_lib.in_chunks(
    (parts, _sides(axes, lengths), g), channels, outside=0
  )
  found = [a.reshape(-1)[: g[..., 0].size] for a in lax.map(totals, chunks)]
  return _stacked([a.reshape(g.shape[:2]) for a in found], axes)


def plane(
  rows: jax.Array,
  near: neighbours.Neighbours,
  lengths: Sequence[int],
  g: jax.Array,
) -> jax.Array:
  """`dots` for pictures of few channels."""

  def wide(pairs: Sequence[neighbours.Two]) -> list[list[jax.Array]]:
    return [[a.astype(g.dtype)[:, None] for a in pair] for pair in pairs]

  (top, bottom), (left, right) = wide(near.weights)
  (of_top, of_bottom), (of_left, of_right) = wide(near.slopes)
  a, b, c, d = (
    row.astype(g.dtype) for row in neighbours.rows(rows, near, lengths)
  )
  along_x = top * (of_left * a + of_right * b) + bottom * (
    of_left * c + of_right * d
  )
  along_y = of_top * (left * a + right * b) + of_bottom * (left * c + right * d)
  flat = g.reshape(-1, g.shape[-1])
  # As one complex number: two sums would go through the places twice.
  both = lax.complex(along_x * flat, along_y * flat).sum(-1)[:, None]
  first = jnp.arange(2, dtype=jnp.int32) == 0
  return jnp.where(first, both.real, both.imag).reshape(*g.shape[:-1], 2)


def _sides(
  axes: Sequence[cells_lib.Between], lengths: Sequence[int]
) -> list[tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]]:
  """For each axis and both cells: weight, and its derivative by coordinate."""
  result = []
  for axis, length in zip(axes, lengths, strict=True):
    (_, has_low, low), (_, has_high, high) = (
      axis.tap(side, length) for side in (0, 1)
    )
    result.append(
      (
        (jnp.where(has_low, low, 0), -has_low.astype(low.dtype)),
        (jnp.where(has_high, high, 0), has_high.astype(high.dtype)),
      )
    )
  return result


def _along_axes(
  sides: Sequence[Sequence[Sequence[jax.Array]]], dots: list[jax.Array]
) -> list[jax.Array]:
  """Derivatives, along each axis, of the interpolation of `dots`.

  Args:
    sides: result of `_sides`.
    dots: one array per corner, with the last axis changing first.
  """
  nodes: list[tuple[jax.Array, list[jax.Array]]] = [(dot, []) for dot in dots]
  for (low, of_low), (high, of_high) in reversed(sides):
    nodes = [
      (
        low * a + high * b,
        [
          of_low * a + of_high * b,
          *(low * p + high * q for p, q in zip(along_a, along_b, strict=True)),
        ],
      )
      for (a, along_a), (b, along_b) in zip(
        nodes[::2], nodes[1::2], strict=True
      )
    ]
  return nodes[0][1]


def _stacked(
  totals: Sequence[jax.Array], axes: Sequence[cells_lib.Between]
) -> jax.Array:
  """Gradients of (x, y) or (x, y, z) from those of cell coordinates."""
  result, *others = (
    (total * axis.slope)[..., None]
    for total, axis in zip(totals[::-1], axes[::-1], strict=True)
  )
  # Not stacked: XLA would compute what the totals share for each of them.
  which = jnp.arange(len(axes), dtype=jnp.int32)
  for i, other in enumerate(others, start=1):
    result = jnp.where(which == i, other, result)
  return result
