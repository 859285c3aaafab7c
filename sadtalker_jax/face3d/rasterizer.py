"""Which triangle each pixel shows, and attributes interpolated there.

Conventions: positions are [V, 3], x and y in pixels of the picture, y down,
pixel centres at half-integers, and depth > 0 growing away from the camera
(`camera.project_to_picture` makes them). Triangles are [T, 3] vertex ids of
either winding. The picture is [H, W].

Visibility is exact up to float32 rounding, whatever the size and the order of
the triangles: a pixel belongs to a triangle if its centre lies inside or on the
border; the nearest wins, the lowest id where depths are equal. A triangle is
left out as a whole if a corner is not finite or not in front of the camera
(there is no near-plane clipping), or if it has no area. How it is found is the
matter of `visibility`.

Gradients flow through `interpolate` and `barycentrics`, as in the reference
renderer: visibility is constant, there is no silhouette term.

Batches go through `lax.map`, one picture at a time, also under `vmap`: batched
scatters are 13 to 40 times slower on CPU (research notes `rasterizer.md`). The
pixel kernels of one file keep together what shares its conventions, hence the
length of this one.
"""

import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import visibility
from sadtalker_jax.typing import Array

_CAPACITY = 8 * visibility.CHUNK  # default work items of one pass


class Fragments(NamedTuple):
  """What the pixels show."""

  triangle_id: Array  # [..., H, W] int32, -1 where no triangle is
  depth: Array  # [..., H, W] float32, infinite where no triangle is


def rasterize(
  positions: Array,
  triangles: Array,
  height: int,
  width: int,
  *,
  capacity: int = _CAPACITY,
) -> Fragments:
  """The nearest triangle and its depth at every pixel centre.

  Args:
    positions: [V, 3] or [B, V, 3], see the module's conventions.
    triangles: [T, 3] int, shared by the batch.
    height: H, static.
    width: W, static; H x W at most 2^22.
    capacity: work items per pass, static, a multiple of 8192; changes speed and
      memory, never the result.

  Returns:
    Fragments of [H, W] or [B, H, W]; constant for differentiation.

  Raises:
    ValueError: shapes, sizes or vertex ids are out of range.
  """
  positions = lax.stop_gradient(jnp.asarray(positions, jnp.float32))
  _check(positions, triangles, height, width, capacity)
  count = triangles.shape[0]
  if count == 0:
    shape = (*positions.shape[:-2], height, width)
    return Fragments(jnp.full(shape, -1, jnp.int32), jnp.full(shape, jnp.inf))

  return _rasterize(
    positions, _ascending(triangles), size=(height, width), capacity=capacity
  )


def barycentrics(
  positions: Array, triangles: Array, fragments: Fragments
) -> Array:
  """Perspective-correct weights of the three corners at every pixel.

  Args:
    positions: [V, 3].
    triangles: [T, 3] int.
    fragments: of these positions, [H, W].

  Returns:
    [H, W, 3], in the order of the triangle's corners, zero where no triangle
    is. Differentiable in `positions`.
  """
  height, width = fragments.triangle_id.shape
  ids = jnp.asarray(fragments.triangle_id)
  corners, hit = _corners(jnp.asarray(triangles, jnp.int32), ids)
  rows = [jnp.take(jnp.asarray(positions), c, axis=0) for c in corners]
  weights = _geometry(rows, hit, width).weights
  return jnp.stack(weights, -1).reshape(height, width, 3)


def interpolate(
  positions: Array, attributes: Array, triangles: Array, fragments: Fragments
) -> Array:
  """Vertex attributes at every pixel, perspective-correct.

  Differentiable in positions and attributes by a closed form that stores
  nothing but its inputs; empty pixels send no gradient.

  Args:
    positions: [V, 3] or [B, V, 3].
    attributes: [V, C] float, or [B, V, C] with a batch of positions.
    triangles: [T, 3] int.
    fragments: of these positions, [H, W] or [B, H, W].

  Returns:
    [H, W, C] or [B, H, W, C], zero where no triangle is.
  """
  positions = jnp.asarray(positions)
  attributes = jnp.asarray(attributes, positions.dtype)
  triangles = jnp.asarray(triangles, jnp.int32)
  return _interpolate_all(
    positions, attributes, triangles, jnp.asarray(fragments.triangle_id)
  )


def _check(
  positions: jax.Array,
  triangles: Array,
  height: int,
  width: int,
  capacity: int,
) -> None:
  """Raises on anything that would give a wrong picture."""
  if positions.ndim not in (2, 3) or positions.shape[-1] != 3:
    raise ValueError(
      f'expected positions [V, 3] or [B, V, 3], found {positions.shape}'
    )
  if triangles.ndim != 2 or triangles.shape[1] != 3:
    raise ValueError(f'expected triangles [T, 3], found {triangles.shape}')
  limit = visibility.MAX_SIDE
  if not (0 < height < limit and 0 < width < limit) or (
    height * width > visibility.MAX_PIXELS
  ):
    raise ValueError(
      f'expected a picture of 1 to {visibility.MAX_PIXELS} pixels and sides '
      f'below {limit}, found {height} x {width}'
    )
  if capacity <= 0 or capacity % visibility.CHUNK:
    raise ValueError(
      f'expected a capacity that is a multiple of {visibility.CHUNK}, '
      f'found {capacity}'
    )
  if isinstance(triangles, np.ndarray) and triangles.size:
    low, high = triangles.min(), triangles.max()
    if low < 0 or high >= positions.shape[-2]:
      raise ValueError(
        f'expected vertex ids below {positions.shape[-2]}, '
        f'found {low} to {high}'
      )


@functools.partial(jax.jit, static_argnames=('size', 'capacity'))
def _rasterize(
  positions: jax.Array,
  triangles: jax.Array,
  *,
  size: tuple[int, int],
  capacity: int,
) -> Fragments:
  """`rasterize` of checked input; compiled once per shape, also if eager."""

  @jax.custom_batching.sequential_vmap
  def one(positions: jax.Array, blocks: jax.Array) -> Fragments:
    ids, bits = visibility.resolve(
      positions, blocks, size=size, capacity=capacity
    )
    inverse = lax.bitcast_convert_type(bits, jnp.float32)
    depth = jnp.where(bits > 0, 1 / inverse, jnp.inf)
    ids = jnp.where(bits > 0, ids, -1)
    return Fragments(ids.reshape(size), depth.reshape(size))

  blocks = visibility.blocks(triangles, size[0] * size[1], capacity)
  if positions.ndim == 3:
    return lax.map(lambda p: one(p, blocks), positions)
  return one(positions, blocks)


@jax.jit
def _interpolate_all(
  positions: jax.Array,
  attributes: jax.Array,
  triangles: jax.Array,
  ids: jax.Array,
) -> jax.Array:
  """`interpolate`, with or without a batch; compiled once per shape."""
  if positions.ndim == 2:
    return _interpolate(positions, attributes, triangles, ids)
  if attributes.ndim == 2:
    return lax.map(
      lambda a: _interpolate(a[0], attributes, triangles, a[1]),
      (positions, ids),
    )
  return lax.map(
    lambda a: _interpolate(a[0], a[1], triangles, a[2]),
    (positions, attributes, ids),
  )


def _ascending(triangles: Array) -> jax.Array:
  """Triangles with ascending corners, which the inside test relies on."""
  if isinstance(triangles, np.ndarray):  # on the host, once
    return jnp.asarray(np.sort(triangles.astype(np.int32), 1))
  return jnp.sort(triangles.astype(jnp.int32), 1)


class _Geometry(NamedTuple):
  """Quantities of the perspective-correct weights; all [P], three corners."""

  x: list[jax.Array]  # of the corners, relative to the pixel centre
  y: list[jax.Array]
  inverse: list[jax.Array]  # 1 / depth
  e: list[jax.Array]  # twice the signed area opposite each corner
  weights: list[jax.Array]  # e / depth / total, 0 where nothing is hit
  scale: jax.Array  # 1 / total, 0 where nothing is hit


def _corners(
  triangles: jax.Array, triangle_id: jax.Array
) -> tuple[list[jax.Array], jax.Array]:
  """Vertex ids of the three corners [P] of every pixel's triangle, and hits."""
  flat = triangle_id.reshape(-1)
  hit = flat >= 0
  if triangles.shape[0] == 0:
    return [jnp.zeros_like(flat)] * 3, hit
  columns = triangles.T
  return [jnp.take(c, jnp.maximum(flat, 0)) for c in columns], hit


def _geometry(rows: list[jax.Array], hit: jax.Array, width: int) -> _Geometry:
  """The weights at every pixel.

  Args:
    rows: of the three corners, [P, 3 or more]: x, y, depth, whatever else.
    hit: [P] bool.
    width: of the picture.

  Returns:
    See `_Geometry`.
  """
  dtype = rows[0].dtype
  pixel = jnp.arange(hit.shape[0], dtype=jnp.int32)
  cx = (pixel % width).astype(dtype) + 0.5
  cy = (pixel // width).astype(dtype) + 0.5
  x = [r[:, 0] - cx for r in rows]
  y = [r[:, 1] - cy for r in rows]
  inverse = [1 / jnp.where(hit, r[:, 2], 1.0) for r in rows]
  e = [
    x[1] * y[2] - y[1] * x[2],
    x[2] * y[0] - y[2] * x[0],
    x[0] * y[1] - y[0] * x[1],
  ]
  b = [ei * zi for ei, zi in zip(e, inverse, strict=True)]
  total = b[0] + b[1] + b[2]
  proper = hit & (total != 0)
  scale = jnp.where(proper, 1 / jnp.where(proper, total, 1.0), 0.0)
  # Where nothing is hit the corners are those of triangle 0, which may be NaN.
  weights = [jnp.where(proper, bi * scale, 0.0) for bi in b]
  return _Geometry(x, y, inverse, e, weights, scale)


@jax.custom_batching.sequential_vmap
def _interpolate_forward(
  positions: jax.Array,
  attributes: jax.Array,
  triangles: jax.Array,
  triangle_id: jax.Array,
) -> jax.Array:
  corners, hit = _corners(triangles, triangle_id)
  # One gather of whole rows per corner is the fastest on CPU.
  table = jnp.concatenate([positions, attributes], 1)
  rows = [jnp.take(table, c, axis=0) for c in corners]
  w = _geometry(rows, hit, triangle_id.shape[1]).weights
  values = sum(wi[:, None] * r[:, 3:] for wi, r in zip(w, rows, strict=True))
  values = jnp.where(hit[:, None], values, 0.0)
  return values.reshape(*triangle_id.shape, attributes.shape[1])


@jax.custom_batching.sequential_vmap
def _interpolate_backward(
  positions: jax.Array,
  attributes: jax.Array,
  triangles: jax.Array,
  triangle_id: jax.Array,
  cotangent: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """Closed-form gradients; notes `rasterizer.md`, section 3."""
  corners, hit = _corners(triangles, triangle_id)
  table = jnp.concatenate([positions, attributes], 1)
  rows = [jnp.take(table, c, axis=0) for c in corners]
  geometry = _geometry(rows, hit, triangle_id.shape[1])
  x, y, inverse, e, w, scale = geometry
  number = attributes.shape[1]
  planes = [jnp.where(hit, p, 0.0) for p in cotangent.reshape(-1, number).T]
  gw = [
    sum((p * r[:, 3 + k] for k, p in enumerate(planes)), jnp.zeros_like(scale))
    for r in rows
  ]
  mean = w[0] * gw[0] + w[1] * gw[1] + w[2] * gw[2]
  gb = [(g - mean) * scale for g in gw]
  ge = [g * q for g, q in zip(gb, inverse, strict=True)]
  cyclic = ((1, 2), (2, 0), (0, 1))
  parts = [
    [ge[c] * y[b] - ge[b] * y[c] for b, c in cyclic],
    [ge[b] * x[c] - ge[c] * x[b] for b, c in cyclic],
    [-g * ei * q**2 for g, ei, q in zip(gb, e, inverse, strict=True)],
  ] + [[p * wi for wi in w] for p in planes]
  targets = [jnp.where(hit, c, positions.shape[0]) for c in corners]
  gradient = jnp.stack(
    [_gather(part, targets, positions.shape[0]) for part in parts], -1
  )
  return gradient[:, :3], gradient[:, 3:]


def _gather(
  parts: list[jax.Array], targets: list[jax.Array], number: int
) -> jax.Array:
  """Sums [number] of what each corner [P] hands to its vertex.

  One plain scatter per component; scatters of rows take nearly twice as long.
  """
  total = jnp.zeros(number, parts[0].dtype)
  for ids, part in zip(targets, parts, strict=True):
    total = total.at[ids].add(part, mode='drop')
  return total


@jax.custom_vjp
def _interpolate(
  positions: jax.Array,
  attributes: jax.Array,
  triangles: jax.Array,
  triangle_id: jax.Array,
) -> jax.Array:
  return _interpolate_forward(positions, attributes, triangles, triangle_id)


def _interpolate_fwd(
  *inputs: jax.Array,
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
  return _interpolate_forward(*inputs), inputs


def _interpolate_bwd(
  inputs: tuple[jax.Array, ...], cotangent: jax.Array
) -> tuple[jax.Array, jax.Array, None, None]:
  return (*_interpolate_backward(*inputs, cotangent), None, None)


_interpolate.defvjp(_interpolate_fwd, _interpolate_bwd)
