"""Whole volumes shifted, on CPU: two cells per axis instead of a matrix.

Shapes and meaning as in `shifting`. A few rows of the result are computed at a
time, [R, W, K, C], in two halves with a few 100 KB between them: rows are mixed
along depth and height, [K, R, W, C], then along width, where the keypoints
become the inner axis. The two halves run in different steps of a loop: the
state of a loop is always written to memory, whereas XLA would otherwise compute
the first half again for everything that reads it.
"""

from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.ops.sampling import banded_plan


def shifted(
  volume: jax.Array, shift: jax.Array, *, align_corners: bool
) -> jax.Array:
  """`shifting.shifted`, for arrays of one type, float32 or wider."""
  plan = banded_plan.make(volume.shape, shift, align_corners)
  padded = _padded_rows(volume)

  def mix(step: banded_plan.Step) -> jax.Array:
    return _mixed(padded, plan, step)

  def place(
    mixed: jax.Array, steps: tuple[banded_plan.Step, banded_plan.Step]
  ) -> tuple[jax.Array, jax.Array]:
    now, then = steps
    low, high = _neighbours(mixed, plan, now)
    low_weight, high_weight = (
      a[now.which][..., None] for a in (plan.x.low, plan.x.high)
    )
    # [R, W, K, C]
    return mix(then), low_weight * low + high_weight * high

  pairs, first = banded_plan.steps(volume.shape)
  _, found = lax.scan(place, mix(first), pairs)
  return found.reshape(*volume.shape[:4], -1, volume.shape[-1])


def pull(
  volume: jax.Array,
  shift: jax.Array,
  cotangent: jax.Array,
  *,
  align_corners: bool,
) -> tuple[jax.Array, jax.Array]:
  """Gradients of volumes and shifts.

  Args:
    volume: [B, D, H, W, C].
    shift: [B, K, 3].
    cotangent: [B, D, H, W, K, C] gradient of the result of `shifted`.
    align_corners: whether -1 and 1 are the middles of cells, or their edges.

  Returns:
    [B, D, H, W, C] and [B, K, 3].
  """
  batch, depth, height, width, channels = volume.shape
  count = shift.shape[1]
  plan = banded_plan.make(volume.shape, shift, align_corners)
  padded = _padded_rows(volume)
  rows = volume.reshape(-1, width * channels)
  blocks = cotangent.reshape(
    -1, banded_plan.rows(height), width, count, channels
  )

  def mix(step: banded_plan.Step) -> tuple[jax.Array, jax.Array]:
    return _mixed(padded, plan, step), _unmixed(blocks, plan, step)

  def add(
    state: Any, steps: tuple[banded_plan.Step, banded_plan.Step]
  ) -> tuple[Any, jax.Array]:
    (mixed, back), total = state
    now, then = steps
    low, high = _neighbours(mixed, plan, now)
    by_x = blocks[now.block] * plan.x.seen[now.which][..., None] * (high - low)
    by_x = by_x.reshape(-1, count * channels)
    ones = jnp.ones(len(by_x), by_x.dtype)
    by_x = jnp.dot(ones, by_x, precision=lax.Precision.HIGHEST)
    by_y = by_z = jnp.zeros((), volume.dtype)
    for corner in banded_plan.corners(plan, now):
      row = jnp.take(rows, corner.row, axis=0, mode='clip')  # [K R, W C]
      by_y = by_y + corner.by_y[:, None] * row
      by_z = by_z + corner.by_z[:, None] * row
      total = total.at[corner.row].add(
        corner.weight[:, None] * back, mode='promise_in_bounds'
      )
    found = [by_x, _sum(by_y * back), _sum(by_z * back)]
    # Sums over channels, or over rows.
    found = [a.reshape(count, -1).sum(-1) for a in found]
    return (mix(then), total), jnp.stack(found, axis=-1)  # [K, 3]

  pairs, first = banded_plan.steps(volume.shape)
  state = (mix(first), jnp.zeros_like(rows))
  (_, total), found = lax.scan(add, state, pairs)
  # Cells per unit of shift.
  scale = [(n - align_corners) * 0.5 for n in (width, height, depth)]
  of_shift = found.reshape(batch, -1, count, 3).sum(1)
  return total.reshape(volume.shape), of_shift * jnp.array(scale, shift.dtype)


def _padded_rows(volume: jax.Array) -> jax.Array:
  """Rows [B D H, (W + 2) C] with a cell of zeros at both ends of each."""
  channels = volume.shape[-1]
  rows = volume.reshape(-1, volume.shape[-2] * channels)
  return jnp.pad(rows, ((0, 0), (channels, channels)))


def _mixed(
  padded: jax.Array, plan: banded_plan.ShiftPlan, step: banded_plan.Step
) -> jax.Array:
  """Rows [K R, (W + 2) C] mixed along depth and height."""
  total = jnp.zeros((), padded.dtype)
  for corner in banded_plan.corners(plan, step):
    row = jnp.take(padded, corner.row, axis=0, mode='clip')
    total = total + corner.weight[:, None] * row
  return total


def _neighbours(
  mixed: jax.Array, plan: banded_plan.ShiftPlan, step: banded_plan.Step
) -> tuple[jax.Array, jax.Array]:
  """Both cells [R, W, K, C] along x, from rows of `_mixed`."""
  index = plan.x.cell[step.which]  # [W, K]
  width, count = index.shape
  rows = len(mixed) // count
  row = jnp.arange(rows, dtype=jnp.int32)[:, None, None] * (width + 2)
  flat = mixed.reshape(count * rows * (width + 2), -1)
  low = jnp.take(flat, row + index, axis=0, mode='clip')
  return low, jnp.take(flat, row + index + 1, axis=0, mode='clip')


def _unmixed(
  blocks: jax.Array, plan: banded_plan.ShiftPlan, step: banded_plan.Step
) -> jax.Array:
  """Gradients [K R, W C] of the rows of `_mixed`, for a block [R, W, K, C]."""
  rows, width, count, channels = blocks.shape[1:]
  flat = blocks.reshape(-1, channels)
  row = jnp.arange(rows, dtype=jnp.int32)[:, None] * (width * count)
  row = row + step.block * (rows * width * count)
  total = jnp.zeros((), blocks.dtype)
  for index, weight in plan.back:
    index = row + index[step.which][:, None]  # [K, R, W]
    cell = jnp.take(flat, index, axis=0, mode='clip')
    total = total + weight[step.which][:, None, :, None] * cell
  return total.reshape(count * rows, width * channels)


def _sum(rows: jax.Array) -> jax.Array:
  """Sums of rows, as a product: XLA:CPU is slow at sums over a last axis."""
  ones = jnp.ones(rows.shape[-1], rows.dtype)
  return jnp.dot(rows, ones, precision=lax.Precision.HIGHEST)
