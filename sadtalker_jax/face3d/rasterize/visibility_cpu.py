"""Triangle ids on CPU: one picture at a time, in passes that fit the cache.

The first item of every triangle is evaluated at once, where its corners have
been gathered anyway; in a dense mesh that is most of them. A prefix sum numbers
the others, passes of `capacity` items find their triangles, and chunks of a
pass are evaluated until the last item is done: the result is exact for any
number of items, and small numbers cost little.

Reasons for this form (XLA:CPU of jax 0.10; more in
`docs/results/rasterizer.md`): its own prefix sum is quadratic for small arrays
and slow for large ones, so rows are summed by matrix products in float64, which
are exact; and gathers of contiguous planes take half the time of gathers of
columns.
"""

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import compaction, varying, work_items

CHUNK = 4096  # work items evaluated together: their arrays fit the L2 cache


def resolve(
  positions: jax.Array,
  triangles: jax.Array,
  *,
  size: tuple[int, int],
  capacity: int,
) -> tuple[jax.Array, jax.Array]:
  """The nearest triangle of every pixel of one picture.

  Args:
    positions: [V, 3].
    triangles: [3, T] int32 vertex ids, corners ascending.
    size: (H, W), static; P = H x W.
    capacity: number of work items per pass, static, a multiple of `CHUNK`.

  Returns:
    Triangles [P], -1 where none is, and the bits of 1 / depth [P], 0 where no
    triangle is; int32.
  """
  corners = list(triangles)
  height, width = size
  count = corners[0].shape[0]
  planes = work_items.vertex_planes(positions)
  x, y, inverse = work_items.gather(planes, corners)
  box = work_items.boxes(x, y, inverse, size)
  visible = box.items > 0
  key = work_items.keys(x, y, inverse, box.column, box.row)
  pixel = jnp.where(visible, box.row * width + box.column, 0.0)
  winners = work_items.settle(
    work_items.nothing(height * width),
    pixel.astype(jnp.int32),
    jnp.where(visible, key, 0),
    jnp.arange(count, dtype=jnp.int32),
  )
  more = jnp.maximum(box.items - 1, 0).astype(jnp.int32)
  # Rows of counts that may not fit float32 are summed in float64.
  small = compaction.ROW * height * width < 1 << 24
  sums, before = compaction.cumsum_rows(more, 'float32' if small else 'float64')
  padded = jnp.pad(more, (0, sums.size - count))
  within = sums - padded.reshape(sums.shape)
  total = before[-1]

  def items(
    triangle: jax.Array, offset: jax.Array, winners: jax.Array
  ) -> jax.Array:
    """Winners after a chunk of items, given by their triangles and offsets."""
    ids = [work_items.take(c, triangle) for c in corners]
    x, y, inverse = work_items.gather(planes, ids)
    box = work_items.boxes(x, y, inverse, size)
    column, row, valid = work_items.expand(offset + 1, box)
    key = work_items.keys(x, y, inverse, column, row)
    pixel = jnp.where(valid, row * width + column, 0.0).astype(jnp.int32)
    return work_items.settle(winners, pixel, jnp.where(valid, key, 0), triangle)

  def one_pass(
    carry: tuple[jax.Array, jax.Array],
  ) -> tuple[jax.Array, jax.Array]:
    base, winners = carry
    # Far from this pass a row is only known to lie before or after it.
    with jax.enable_x64(True):
      rows = jnp.clip(before[:-1] - base, -(2**30), 2**30).astype(jnp.int32)
      left = jnp.minimum(total - base, capacity).astype(jnp.int32)
    start = (rows[:, None] + within).reshape(-1)[:count]
    triangle = _owners(start, capacity)

    def chunk(
      carry: tuple[jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array]:
      first, winners = carry
      mine = lax.dynamic_slice(triangle, (first,), (CHUNK,))
      item = first + jnp.arange(CHUNK, dtype=jnp.int32)
      offset = item - work_items.take(start, mine)
      return first + CHUNK, items(mine, offset, winners)

    _, winners = lax.while_loop(
      lambda carry: carry[0] < left,
      chunk,
      varying.like((jnp.int32(0), winners), left),
    )
    with jax.enable_x64(True):
      return base + capacity, winners

  _, winners = lax.while_loop(
    lambda carry: carry[0] < total,
    one_pass,
    varying.like((before[0], winners), total),
  )
  return work_items.unpack(winners)


def _owners(start: jax.Array, capacity: int) -> jax.Array:
  """Triangle of every item of a pass, [capacity] int32.

  Args:
    start: [T] int32 index of each triangle's first item in this pass.
    capacity: number of items in a pass, static.
  """
  # The triangle of an item is the number of starts up to it, minus one; of
  # triangles without items, which share their start, the last one is taken.
  starts = jnp.zeros(capacity, jnp.int32)
  starts = starts.at[jnp.maximum(start, 0)].add(1, mode='drop')
  return compaction.cumsum(starts) - 1
