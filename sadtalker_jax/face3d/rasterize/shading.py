"""Weights, values and gradients of the pixels of one or many pictures.

The mathematics of `rasterizer.interpolate`, and its forms for whole batches at
once. At a pixel with corners i = 0, 1, 2 at (x_i, y_i) from its centre and
depth z_i, cyclically

    e_0 = x_1 y_2 - y_1 x_2,  b_i = e_i / z_i,  s = b_0 + b_1 + b_2,
    w_i = b_i / s,  value = sum_i w_i a_i.

A cotangent g of the value gives h_i = <g, a_i>, m = sum_i w_i h_i, and

    a_i: w_i g,  e_i: f_i = (h_i - m) / (s z_i),  z_i: -f_i b_i,
    x_0: f_2 y_1 - f_1 y_2,  y_0: f_1 x_2 - f_2 x_1.

These are derivatives of the formulas, worked out by hand as in the paper of
nvdiffrast (Laine et al., 2020, section 3.3); the code is our own. Pixels are
[N]; corners and planes are lists of three or more [N] or [V]. Divisions are
used where results are read more than once, because XLA:CPU computes cheaper
operations again for each use.
"""

from typing import NamedTuple, TypeAlias

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import varying, work_items

Planes: TypeAlias = list[jax.Array]

_STEEPEST = 1e9  # limit of 1 / s in gradients: slivers below 1e-9 z pixels


class Pixels(NamedTuple):
  """Pixels and the corners of their triangles; ids of -1 show nothing."""

  ids: jax.Array  # [N] int32
  corners: Planes  # vertex ids of the three corners, [N] int32; V for none
  x: Planes  # x of the corners, from the pixel centre
  y: Planes
  z: Planes  # depth of the corners
  b: Planes  # see the module
  inverse: jax.Array  # 1 / s, 0 where s is 0


def vertex_planes(positions: jax.Array) -> Planes:
  """x, y and depth, each [V + 1], of positions [V, 3].

  The last vertex is a dummy, for pixels that show nothing.
  """
  padded = jnp.pad(positions.T, ((0, 0), (0, 1)), constant_values=1)
  return list(padded)


def look(
  planes: Planes,
  triangles: jax.Array,
  ids: jax.Array,
  pixel: jax.Array,
  width: int,
  shift: jax.Array | None = None,
) -> Pixels:
  """The corners of the pixels' triangles, and the terms of their weights.

  Args:
    planes: result of `vertex_planes`, [V + 1] each.
    triangles: [3, T] int32 vertex ids.
    ids: [N] int32 triangle of every pixel, or -1.
    pixel: [N] int32 index of the pixel within its picture.
    width: width of the picture.
    shift: [N] int32 number that is added to vertex ids, for pictures that are
      folded together.
  """
  dtype, nobody = planes[0].dtype, planes[0].shape[0] - 1
  hit = ids >= 0
  corners = [work_items.take(row, ids) for row in triangles]
  if shift is not None:
    corners = [c + shift for c in corners]
  corners = [jnp.where(hit, c, nobody) for c in corners]
  # Whole numbers up to 2^22: with the half the quotient is never a whole
  # number.
  number = pixel.astype(jnp.float32)
  row = jnp.floor((number + 0.5) / width)
  cx = (number - row * width + 0.5).astype(dtype)
  cy = (row + 0.5).astype(dtype)
  x, y, z = ([work_items.take(plane, c) for c in corners] for plane in planes)
  x = [a - cx for a in x]
  y = [a - cy for a in y]
  e = [
    x[1] * y[2] - y[1] * x[2],
    x[2] * y[0] - y[2] * x[0],
    x[0] * y[1] - y[0] * x[1],
  ]
  b = [a / d for a, d in zip(e, z, strict=True)]
  total = b[0] + b[1] + b[2]
  inverse = 1 / jnp.where(total != 0, total, jnp.inf)
  return Pixels(ids, corners, x, y, z, b, inverse)


def values(pixels: Pixels, attributes: Planes) -> Planes:
  """Attributes at the pixels, 0 where nothing is shown.

  Args:
    pixels: result of `look`.
    attributes: one plane [V] per channel.

  Returns:
    One plane [N] per channel.
  """
  hit = pixels.ids >= 0
  result = []
  for plane in attributes:
    a = [work_items.take(plane, c) for c in pixels.corners]
    b = pixels.b
    mixed = (b[0] * a[0] + b[1] * a[1] + b[2] * a[2]) * pixels.inverse
    result.append(jnp.where(hit, mixed, 0.0))
  return result


def parts(
  pixels: Pixels, attributes: Planes, cotangent: Planes
) -> list[Planes]:
  """Gradients of every pixel for its three vertices; formulas above.

  Args:
    pixels: result of `look`.
    attributes: one plane [V] per channel.
    cotangent: gradients of the values, one plane [N] per channel.

  Returns:
    For x, y, depth and every channel, three planes [N]; arbitrary where nothing
    is shown, since the corner is then the dummy vertex.
  """
  x, y, b, inverse = pixels.x, pixels.y, pixels.b, pixels.inverse
  total = b[0] + b[1] + b[2]
  h = [
    sum(
      (
        g * work_items.take(plane, c)
        for g, plane in zip(cotangent, attributes, strict=True)
      ),
      jnp.zeros_like(inverse),
    )
    for c in pixels.corners
  ]
  mean = (b[0] * h[0] + b[1] * h[1] + b[2] * h[2]) / jnp.where(
    total != 0, total, jnp.inf
  )
  steep = jnp.clip(inverse, -_STEEPEST, _STEEPEST)
  f = [(a - mean) * steep / z for a, z in zip(h, pixels.z, strict=True)]
  cyclic = ((1, 2), (2, 0), (0, 1))
  return [
    [f[k] * y[j] - f[j] * y[k] for j, k in cyclic],
    [f[j] * x[k] - f[k] * x[j] for j, k in cyclic],
    [-fi * bi for fi, bi in zip(f, b, strict=True)],
    *([g * (bi * inverse) for bi in b] for g in cotangent),
  ]


def scatter(parts: Planes, corners: Planes, number: int) -> jax.Array:
  """Sums of the pixels' gradients over the vertices of their corners.

  Args:
    parts: three planes [N] of one component.
    corners: vertex ids, three planes [N]; those not below `number` are ignored.
    number: number of vertices.

  Returns:
    [number].
  """
  return add(jnp.zeros(number, parts[0].dtype), parts, corners)


def add(total: jax.Array, parts: Planes, corners: Planes) -> jax.Array:
  """`total` [V] plus the sums of `scatter`, by one plain scatter per corner."""
  for part, ids in zip(parts, corners, strict=True):
    total = total.at[ids].add(part, mode='drop')
  return total


def sorted_sums(parts: list[Planes], corners: Planes, number: int) -> Planes:
  """Sums like those of `scatter` for all components, without a scatter.

  Contributions are sorted by vertex. Then sums over 1, 2, 4 ... neighbours of
  the same vertex are formed by doubling, until the longest run is done. Binary
  search finds the ends of runs.

  Args:
    parts: result of `parts`, K components of three planes [N].
    corners: vertex ids, three planes [N]; those not below `number` are ignored.
    number: number of vertices.

  Returns:
    K planes [number].
  """
  ids = jnp.concatenate(corners)
  rows = jnp.stack([jnp.concatenate(three) for three in parts], -1)  # [3N, K]
  ids, order = lax.sort(
    (ids, jnp.arange(ids.shape[0], dtype=jnp.int32)), num_keys=1
  )
  rows = jnp.take(rows, order, axis=0)
  vertex = jnp.arange(number, dtype=jnp.int32)
  first, after = (
    jnp.searchsorted(ids, vertex, side=side).astype(jnp.int32)
    for side in ('left', 'right')
  )
  longest = (after - first).max()
  total = ids.shape[0]
  before = jnp.concatenate([jnp.full_like(ids, -1), ids])
  nothing = jnp.zeros_like(rows)

  def double(
    carry: tuple[jax.Array, jax.Array],
  ) -> tuple[jax.Array, jax.Array]:
    step, rows = carry
    same = lax.dynamic_slice(before, (total - step,), (total,)) == ids
    shifted = lax.dynamic_slice(
      jnp.concatenate([nothing, rows]),
      (total - step, jnp.int32(0)),
      rows.shape,
    )
    return 2 * step, rows + jnp.where(same[:, None], shifted, 0.0)

  _, rows = lax.while_loop(
    lambda carry: carry[0] < longest,
    double,
    varying.like((jnp.int32(1), rows), rows, ids),
  )
  sums = work_items.take(rows, after - 1)
  return list(jnp.where((after > first)[:, None], sums, 0.0).T)
