"""Triangle ids on GPU: the batch folded into flat indices, few large kernels.

As on CPU, the first item of every triangle is evaluated at once and the others
by expansion, but for all pictures together, without a loop over them, and with
XLA's own prefix sum. A loop continues with the items beyond the capacity, if
there are any, so that no mesh is too large or too near.
"""

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import varying, work_items


def resolve(
  positions: jax.Array,
  triangles: jax.Array,
  *,
  size: tuple[int, int],
  capacity: int,
) -> tuple[jax.Array, jax.Array]:
  """The nearest triangle of every pixel.

  Args:
    positions: [B, V, 3].
    triangles: [3, T] int32 vertex ids, corners ascending.
    size: (H, W), static; P = H x W.
    capacity: number of work items per picture and pass, static.

  Returns:
    Triangles [B, P], -1 where none is, and the bits of 1 / depth [B, P], 0
    where no triangle is; int32.

  Raises:
    ValueError: the batch has 2^31 or more pixels, corners or items in a pass.
  """
  height, width = size
  batch, vertices, _ = positions.shape
  count = triangles.shape[1]
  slots = batch * capacity
  largest = max(batch * height * width, batch * max(count, vertices), slots)
  if largest >= 1 << 31:
    raise ValueError(
      f'expected fewer than 2^31 pixels, triangles, vertices and items in a '
      f'batch, found {largest}; use smaller batches'
    )

  def flat(values: jax.Array, step: int) -> jax.Array:
    """Indices [T] within a picture as indices [B x T] within the batch."""
    shifts = jnp.arange(batch, dtype=jnp.int32) * step
    return (values[None] + shifts[:, None]).reshape(-1)

  planes = work_items.vertex_planes(positions.reshape(-1, 3))
  corners = [flat(c, vertices) for c in triangles]
  identity = flat(jnp.arange(count, dtype=jnp.int32), 0)
  picture = flat(jnp.zeros(count, jnp.int32), height * width)
  x, y, inverse = work_items.gather(planes, corners)
  box = work_items.boxes(x, y, inverse, size)
  visible = box.items > 0
  key = work_items.keys(x, y, inverse, box.column, box.row)
  pixel = jnp.where(visible, box.row * width + box.column, 0.0)
  winners = work_items.settle(
    work_items.nothing(batch * height * width),
    picture + pixel.astype(jnp.int32),
    jnp.where(visible, key, 0),
    identity,
  )
  more = jnp.maximum(box.items - 1, 0).astype(jnp.int32)
  with jax.enable_x64(True):
    ends = lax.cumsum(more.astype(jnp.int64))
    start, total = ends - more.astype(jnp.int64), ends[-1]

  def one_pass(
    carry: tuple[jax.Array, jax.Array],
  ) -> tuple[jax.Array, jax.Array]:
    base, winners = carry
    with jax.enable_x64(True):
      relative = jnp.clip(start - base, -(1 << 30), (1 << 31) - 1)
      relative = relative.astype(jnp.int32)
    before = relative < 0
    starts = jnp.zeros(slots, jnp.int32)
    starts = starts.at[jnp.where(before, slots, relative)].add(1, mode='drop')
    owner = lax.cumsum(starts) - 1 + jnp.sum(before, dtype=jnp.int32)
    item = jnp.arange(slots, dtype=jnp.int32)
    offset = item - work_items.take(relative, owner)
    ids = [work_items.take(c, owner) for c in corners]
    x, y, inverse = work_items.gather(planes, ids)
    box = work_items.boxes(x, y, inverse, size)
    column, row, valid = work_items.expand(offset + 1, box)
    key = work_items.keys(x, y, inverse, column, row)
    pixel = jnp.where(valid, row * width + column, 0.0).astype(jnp.int32)
    winners = work_items.settle(
      winners,
      work_items.take(picture, owner) + pixel,
      jnp.where(valid, key, 0),
      work_items.take(identity, owner),
    )
    with jax.enable_x64(True):
      return base + slots, winners

  with jax.enable_x64(True):
    first = jnp.int64(0)
  _, winners = lax.while_loop(
    lambda carry: carry[0] < total,
    one_pass,
    varying.like((first, winners), total),
  )
  ids, bits = work_items.unpack(winners)
  shape = (batch, height * width)
  return ids.reshape(shape), bits.reshape(shape)
