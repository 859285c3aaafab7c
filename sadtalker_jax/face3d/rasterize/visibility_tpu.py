"""Triangle ids on TPU: sorted tiles and dense arithmetic, without a scatter.

A scatter is a serial loop there. So pairs of a triangle and a tile that its
box touches are numbered by a prefix sum, found by binary search and sorted by
tile; every tile then tests the triangles of its run against all its pixels, a
fixed number of triangles at a time, until the longest run is done. Pairs beyond
the capacity are left to further passes.
"""

from typing import TypeAlias

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import varying, work_items

_TILE = 16  # pixels on a side
_RUN = 32  # triangles of every tile that are tested together
_PAIRS = 2  # pairs per triangle in a pass

_State: TypeAlias = tuple[jax.Array, jax.Array]  # bits and triangles [K, S]
_Carry: TypeAlias = tuple[jax.Array, jax.Array, jax.Array]  # and a counter


def resolve(
  positions: jax.Array, triangles: jax.Array, *, size: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
  """The nearest triangle of every pixel.

  Args:
    positions: [B, V, 3].
    triangles: [3, T] int32 vertex ids, corners ascending.
    size: (H, W), static; P = H x W.

  Returns:
    Triangles [B, P], -1 where none is, and the bits of 1 / depth [B, P], 0
    where no triangle is; int32.

  Raises:
    ValueError: T triangles in every tile could be 2^30 pairs or more.
  """
  tiles = [-(-side // _TILE) for side in size]
  most = triangles.shape[1] * tiles[0] * tiles[1]
  if most >= 1 << 30:
    raise ValueError(
      f'expected fewer than 2^30 triangles x tiles, found {most}'
    )
  return jax.vmap(lambda p: _one(p, list(triangles), size))(positions)


def _one(
  positions: jax.Array, corners: work_items.Three, size: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
  """Triangles and bits [P] of one picture."""
  down, across = (-(-side // _TILE) for side in size)
  planes = work_items.vertex_planes(positions)
  box = work_items.boxes(*work_items.gather(planes, corners), size)
  seen = box.items > 0

  def tile_of(pixel: jax.Array) -> jax.Array:
    return jnp.where(seen, jnp.floor(pixel / _TILE), 0.0).astype(jnp.int32)

  first = tile_of(box.column), tile_of(box.row)
  columns = tile_of(box.column + box.columns - 1) - first[0] + 1
  lines = tile_of(box.row + box.rows - 1) - first[1] + 1
  pairs = jnp.where(seen, columns * lines, 0)
  ends = lax.cumsum(pairs)
  # A multiple of the run, so that the last slice of a pass stays inside.
  capacity = -(-_PAIRS * corners[0].shape[0] // _RUN) * _RUN

  def one_pass(carry: _Carry) -> _Carry:
    base, bits, ids = carry
    slot = base + jnp.arange(capacity, dtype=jnp.int32)
    triangle = jnp.searchsorted(ends, slot, side='right').astype(jnp.int32)

    def take(values: jax.Array) -> jax.Array:
      return work_items.take(values, triangle)

    offset = slot - take(ends - pairs)
    row = offset // take(columns)
    tile = (take(first[1]) + row) * across + take(first[0])
    tile = tile + offset - row * take(columns)
    tile = jnp.where(slot < ends[-1], tile, down * across)
    tile, triangle = lax.sort((tile, triangle), num_keys=2)
    state = _test_runs((bits, ids), tile, triangle, planes, corners, size)
    return base + capacity, *state

  tiles, pixels = down * across, _TILE**2
  start = (
    jnp.int32(0),
    jnp.zeros((tiles, pixels), jnp.int32),
    jnp.full((tiles, pixels), -1, jnp.int32),
  )
  _, bits, ids = lax.while_loop(
    lambda carry: carry[0] < ends[-1],
    one_pass,
    varying.like(start, ends),
  )

  def picture(values: jax.Array) -> jax.Array:
    values = values.reshape(down, across, _TILE, _TILE).swapaxes(1, 2)
    values = values.reshape(down * _TILE, across * _TILE)
    return values[: size[0], : size[1]].reshape(-1)

  return picture(ids), picture(bits)


def _test_runs(
  state: _State,
  tile: jax.Array,
  triangle: jax.Array,
  planes: work_items.Three,
  corners: work_items.Three,
  size: tuple[int, int],
) -> _State:
  """The state after the pairs of one pass.

  Args:
    state: bits and triangles so far, [K tiles, S pixels].
    tile: [N] tiles of the pairs, ascending; K for no pair.
    triangle: [N] triangles of the pairs.
    planes: x, y and 1 / depth of the vertices, [V].
    corners: vertex ids, [T].
    size: (H, W).

  Returns:
    State with the winners of these pairs.
  """
  tiles, across = state[0].shape[0], -(-size[1] // _TILE)
  number = jnp.arange(tiles, dtype=jnp.int32)
  low, high = (
    jnp.searchsorted(tile, number, side=side).astype(jnp.int32)
    for side in ('left', 'right')
  )
  within = jnp.arange(_TILE**2, dtype=jnp.int32)
  column = (number % across * _TILE)[:, None] + within % _TILE
  row = (number // across * _TILE)[:, None] + within // _TILE
  column, row = (a.astype(jnp.float32)[:, None] for a in (column, row))

  def test(carry: _Carry) -> _Carry:
    step, bits, ids = carry
    at = low[:, None] + step * _RUN + jnp.arange(_RUN, dtype=jnp.int32)
    mine = work_items.take(triangle, at)  # [K, R]
    vertices = [work_items.take(c, mine) for c in corners]
    x, y, inverse = (
      [a[..., None] for a in three]  # [K, R, 1]
      for three in work_items.gather(planes, vertices)
    )
    key = work_items.keys(x, y, inverse, column, row)  # [K, R, S]
    # Rounding may place a centre beside the box of a sliver inside of it.
    box = work_items.boxes(x, y, inverse, size)
    boxed = (column >= box.column) & (column < box.column + box.columns)
    boxed &= (row >= box.row) & (row < box.row + box.rows)
    key = jnp.where(boxed & (at < high[:, None])[..., None], key, 0)
    best = key.max(1)
    # Of equal keys the lowest triangle wins, in and across steps.
    equal = jnp.where(key == best[:, None], mine[..., None], 1 << 30).min(1)
    nearer = best > bits
    tie = (best == bits) & (equal < ids)
    ids = jnp.where(nearer | ((best > 0) & tie), equal, ids)
    return step + 1, jnp.maximum(bits, best), ids

  longest = (high - low).max()
  _, bits, ids = lax.while_loop(
    lambda carry: carry[0] * _RUN < longest,
    test,
    varying.like((jnp.int32(0), *state), longest),
  )
  return bits, ids
