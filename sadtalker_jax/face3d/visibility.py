"""Triangle ids by work-item expansion: the engine of `rasterizer`.

Conventions as in `rasterizer`, whose functions callers use. One picture at a
time; P = H x W pixels in row order; a block is B triangles.

Every pixel centre in a triangle's bounding box is one work item. A prefix sum
numbers the items of a block, passes of `capacity` items evaluate them all, and
two integer scatters settle each pixel independently of the order of items: the
largest bits of 1 / depth, then the lowest id that has them. Face meshes have
one to a few dozen items per triangle, which is why this beats tiles and bins on
CPU (research notes `rasterizer.md`, sections 2 and 3).
"""

import functools
from typing import NamedTuple, TypeAlias

import jax
from jax import lax
import jax.numpy as jnp

CHUNK = 8192  # work items evaluated together: fits the L2 cache
MAX_SIDE = 1 << 15  # a corner of a bounding box is packed in 15 + 16 bits
MAX_PIXELS = 1 << 22  # item numbers within a triangle divide exactly below

_NEAR = 1e-6  # smallest depth whose reciprocal is a sound float32
_SUM_BLOCK = 64  # row length of the two-level prefix sum

_Three: TypeAlias = tuple[jax.Array, jax.Array, jax.Array]


class _Work(NamedTuple):
  """Triangles of one block, ready for expansion; all [B]."""

  x: _Three  # of the corners
  y: _Three
  inverse: _Three  # 1 / depth
  origin: jax.Array  # first column | first row << 16
  columns: jax.Array  # width of the bounding box, pixel centres
  start: jax.Array  # number of the first work item
  total: jax.Array  # [] number of work items of the block


def blocks(triangles: jax.Array, num_pixels: int, capacity: int) -> jax.Array:
  """Triangles in blocks so small that item numbers fit int32.

  Args:
    triangles: [T, 3] int32, T > 0.
    num_pixels: P, the most items a triangle can have.
    capacity: items per pass.

  Returns:
    [N, 3, B]; N is 1 unless triangles or pixels are very many. The last block
    is filled up with triangles without area.
  """
  count = triangles.shape[0]
  most = max((2**31 - 1 - capacity) // num_pixels, 1)
  number = -(-count // most)
  size = -(-count // number)
  padded = jnp.pad(triangles, ((0, number * size - count), (0, 0)))
  return padded.reshape(number, size, 3).transpose(0, 2, 1)


def resolve(
  positions: jax.Array,
  triangle_blocks: jax.Array,
  *,
  size: tuple[int, int],
  capacity: int,
) -> tuple[jax.Array, jax.Array]:
  """The nearest triangle of every pixel.

  Args:
    positions: [V, 3].
    triangle_blocks: [N, 3, B] of `blocks`, corners ascending.
    size: (H, W).
    capacity: work items per pass, a multiple of `CHUNK`.

  Returns:
    Ids [P] int32, at least N x B where no triangle is, and the bits of
    1 / depth [P] int32, 0 where no triangle is.
  """
  num_pixels = size[0] * size[1]
  number, _, block_size = triangle_blocks.shape

  def block_step(
    state: tuple[jax.Array, jax.Array], block: tuple[jax.Array, jax.Array]
  ) -> tuple[tuple[jax.Array, jax.Array], None]:
    first, corners = block
    work = _prepare(positions, corners, size)
    pass_step = functools.partial(
      _pass, work=work, first=first, size=size, capacity=capacity
    )
    last = (work.total - 1) // capacity  # -1 if there is nothing to do
    _, ids, nearest = lax.while_loop(
      lambda carry: carry[0] >= 0, pass_step, (last, *state)
    )
    return (ids, nearest), None

  firsts = jnp.arange(number, dtype=jnp.int32) * block_size
  empty = (
    jnp.full(num_pixels, number * block_size, jnp.int32),
    jnp.zeros(num_pixels, jnp.int32),
  )
  # From the last item to the first: whoever comes later has a lower id, so a
  # plain minimum over the winners so far is right, also across passes.
  settled, _ = lax.scan(
    block_step, empty, (firsts, triangle_blocks), reverse=True
  )
  return settled


def _prepare(
  positions: jax.Array, corners: jax.Array, size: tuple[int, int]
) -> _Work:
  """Bounding boxes and item numbers of a block of triangles [3, B]."""
  height, width = size
  x, y, z = (_take3(positions[:, k], corners) for k in range(3))
  x0, x1 = _centres(x, width)
  y0, y1 = _centres(y, height)
  area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
  # A NaN fails every comparison, so none of them may stand negated here.
  proper = (
    jnp.isfinite(area)
    & (area != 0)
    & (_least(z) > _NEAR)
    & jnp.isfinite(z[0] + z[1] + z[2])
  )
  columns = jnp.maximum(x1 - x0 + 1, 0)
  rows = jnp.maximum(y1 - y0 + 1, 0)
  number = jnp.where(proper, columns * rows, 0)
  # Up to 2^22 items per triangle: halves of 11 bits keep float sums exact.
  ends = _cumsum(number & 2047) + (_cumsum(number >> 11) << 11)
  a, b, c = (1 / jnp.where(proper, zi, 1.0) for zi in z)
  return _Work(
    x, y, (a, b, c), x0 | (y0 << 16), columns, ends - number, ends[-1]
  )


def _take3(values: jax.Array, corners: jax.Array) -> _Three:
  a, b, c = (jnp.take(values, ids, mode='clip') for ids in corners)
  return a, b, c


def _centres(values: _Three, limit: int) -> tuple[jax.Array, jax.Array]:
  """First and last pixel centre between the least and the largest value.

  Clipped before the conversion to int, whose result is undefined out of range;
  NaN becomes 0 here and is caught by the area.
  """
  low, high = jnp.nan_to_num(_least(values)), jnp.nan_to_num(_largest(values))
  first = jnp.ceil(jnp.clip(low - 0.5, 0, limit))
  last = jnp.floor(jnp.clip(high - 0.5, -1, limit - 1))
  return first.astype(jnp.int32), last.astype(jnp.int32)


def _least(values: _Three) -> jax.Array:
  return jnp.minimum(jnp.minimum(values[0], values[1]), values[2])


def _largest(values: _Three) -> jax.Array:
  return jnp.maximum(jnp.maximum(values[0], values[1]), values[2])


def _pass(
  carry: _Three,
  *,
  work: _Work,
  first: jax.Array,
  size: tuple[int, int],
  capacity: int,
) -> _Three:
  """Evaluates one pass of work items and settles the pixels they touch."""
  number, ids, nearest = carry
  base = number * capacity
  # The triangle of an item is the number of starts up to it, less one; of
  # triangles without items, which share their start, the last one counts.
  relative = work.start - base
  before = relative < 0
  starts = jnp.zeros(capacity, jnp.int32)
  starts = starts.at[jnp.where(before, capacity, relative)].add(1, mode='drop')
  triangle = _cumsum(starts) - 1 + jnp.sum(before, dtype=jnp.int32)
  item = base + jnp.arange(capacity, dtype=jnp.int32)
  # The map is a point where XLA:CPU must store the results; fused into the
  # scatters they would be computed again and again.
  pixel, key = lax.map(
    lambda a: _evaluate(*a, work=work, size=size),
    (triangle.reshape(-1, CHUNK), item.reshape(-1, CHUNK)),
  )
  pixel, key = pixel.reshape(-1), key.reshape(-1)
  nearest = nearest.at[pixel].max(key, mode='drop')
  won = (key > 0) & (key == jnp.take(nearest, pixel, mode='clip'))
  winner = jnp.where(won, pixel, size[0] * size[1])
  ids = ids.at[winner].min(first + triangle, mode='drop')
  return number - 1, ids, nearest


def _evaluate(
  triangle: jax.Array,
  item: jax.Array,
  *,
  work: _Work,
  size: tuple[int, int],
) -> tuple[jax.Array, jax.Array]:
  """Pixels of work items, and their keys: bits of 1 / depth, 0 if outside.

  Bits of positive floats order as the floats do. Items beyond the last get the
  pixel P, which no scatter writes.
  """
  take = functools.partial(jnp.take, indices=triangle, mode='clip')
  offset = item - take(work.start)
  columns, origin = take(work.columns), take(work.origin)
  # Exact: offset < 2^22, so the half keeps the quotient off whole numbers.
  row = jnp.floor(
    (offset.astype(jnp.float32) + 0.5) / columns.astype(jnp.float32)
  ).astype(jnp.int32)
  column = (origin & 0xFFFF) + offset - row * columns
  row = (origin >> 16) + row
  valid = item < work.total
  x = [take(a) - (column.astype(jnp.float32) + 0.5) for a in work.x]
  y = [take(a) - (row.astype(jnp.float32) + 0.5) for a in work.y]
  # Each edge from its lower to its higher vertex id, so that both triangles at
  # an edge get the same number; the middle one then has its sign turned.
  e = (
    x[1] * y[2] - y[1] * x[2],
    -(x[0] * y[2] - y[0] * x[2]),
    x[0] * y[1] - y[0] * x[1],
  )
  area = e[0] + e[1] + e[2]
  inside = (_least(e) >= 0) | (_largest(e) <= 0)
  good = valid & inside & (area != 0)
  inverse = [take(a) for a in work.inverse]
  weighted = e[0] * inverse[0] + e[1] * inverse[1] + e[2] * inverse[2]
  key = weighted / jnp.where(area == 0, 1.0, area)
  bits = lax.bitcast_convert_type(jnp.where(good, key, 0.0), jnp.int32)
  return jnp.where(valid, row * size[1] + column, size[0] * size[1]), bits


def _cumsum(values: jax.Array) -> jax.Array:
  """Inclusive prefix sum of int32 [N], by matrix products within blocks.

  XLA's own scan is several times slower on CPU. Exact while every block of 64
  sums to less than 2^24.
  """
  size = values.shape[0]
  padded = jnp.pad(values, (0, -size % _SUM_BLOCK))
  rows = padded.astype(jnp.float32).reshape(-1, _SUM_BLOCK)
  upper = jnp.triu(jnp.ones((_SUM_BLOCK, _SUM_BLOCK), jnp.float32))
  sums = jnp.dot(rows, upper, precision=lax.Precision.HIGHEST)
  sums = sums.astype(jnp.int32)
  ends = jnp.cumsum(sums[:, -1])
  return (sums + (ends - sums[:, -1])[:, None]).reshape(-1)[:size]
