"""The triangle that each pixel shows, and attributes interpolated there.

Conventions: positions are [V, 3], x and y in pixels of the picture, y down,
pixel centres at half-integers, and depth > 0 growing away from the camera
(`camera.project_to_picture` makes them). Triangles are [T, 3] vertex ids of
either winding. The picture is [H, W].

Visibility is exact up to float32 rounding, whatever the size and the order of
the triangles: a pixel belongs to a triangle if its centre lies inside or on the
border; the nearest wins, the lowest id where depths are equal. A triangle is
left out as a whole if a corner is not finite or not in front of the camera
(there is no near-plane clipping), or if it has no area.

Gradients flow through `interpolate` and `barycentrics`, as in the published
renderer: visibility is constant. `silhouette.edge_gradient` adds the gradients
of moving contours.

The algorithm depends on the backend: `visibility_cpu`, `visibility_gpu` and
`visibility_tpu` find triangles, `shading_cpu` and `shading_flat` interpolate
attributes. The device that runs a program decides, unless a `backend` is given;
results are the same. See `docs/results/rasterizer.md`.
"""

import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d.rasterize import (
  backends,
  shading,
  shading_cpu,
  shading_flat,
  varying,
  visibility_cpu,
  visibility_gpu,
  visibility_tpu,
  work_items,
)
from sadtalker_jax.typing import Array

_CAPACITY = 8 * visibility_cpu.CHUNK  # default number of work items of one pass
_MAX_TRIANGLES = 1 << 24  # numbers up to this are exact in float32


class Fragments(NamedTuple):
  """Triangle and depth of every pixel."""

  triangle_id: Array  # [..., H, W] int32, -1 where no triangle is
  depth: Array  # [..., H, W] float32, infinite where no triangle is


def rasterize(
  positions: Array,
  triangles: Array,
  height: int,
  width: int,
  *,
  capacity: int = _CAPACITY,
  backend: backends.Backend = 'auto',
) -> Fragments:
  """The nearest triangle and its depth at every pixel centre.

  Args:
    positions: [V, 3] or [B, V, 3], see the module.
    triangles: [T, 3] int vertex ids, shared by the batch; T below 2^24.
    height: height H of the picture, static.
    width: width W of the picture, static; H x W at most 2^22.
    capacity: number of work items per picture and pass on CPU and GPU, static,
      a multiple of 4096; changes speed and memory, never the result.
    backend: name of the form to use, see `backends.choose`.

  Returns:
    Fragments of [H, W] or [B, H, W]; constant for differentiation.

  Raises:
    ValueError: shapes, sizes, vertex ids or the backend are out of range.
  """
  positions = lax.stop_gradient(jnp.asarray(positions, jnp.float32))
  _check(positions, triangles, (height, width), capacity, backend)
  shape = (*positions.shape[:-2], height, width)
  if triangles.shape[0] == 0:
    return Fragments(jnp.full(shape, -1, jnp.int32), jnp.full(shape, jnp.inf))
  return _rasterize(
    positions,
    _ascending(triangles),
    size=(height, width),
    capacity=capacity,
    backend=backend,
  )


def barycentrics(
  positions: Array, triangles: Array, fragments: Fragments
) -> Array:
  """Perspective-correct weights of the three corners at every pixel.

  Args:
    positions: [V, 3].
    triangles: [T, 3] int.
    fragments: result of `rasterize` for these positions, [H, W].

  Returns:
    [H, W, 3] in the order of the triangle's corners, zero where no triangle is.
    Differentiable in `positions`.
  """
  height, width = fragments.triangle_id.shape
  if triangles.shape[0] == 0:
    return jnp.zeros((height, width, 3), jnp.asarray(positions).dtype)
  pixels = shading.look(
    shading.vertex_planes(jnp.asarray(positions)),
    _columns(triangles),
    jnp.asarray(fragments.triangle_id).reshape(-1),
    jnp.arange(height * width, dtype=jnp.int32),
    width,
  )
  hit = pixels.ids >= 0
  weights = [jnp.where(hit, b * pixels.inverse, 0.0) for b in pixels.b]
  return jnp.stack(weights, -1).reshape(height, width, 3)


def interpolate(
  positions: Array,
  attributes: Array,
  triangles: Array,
  fragments: Fragments,
  *,
  backend: backends.Backend = 'auto',
) -> Array:
  """Vertex attributes at every pixel, perspective-correct.

  Differentiable in positions and attributes by a closed form that stores
  nothing but its inputs; empty pixels have no gradient.

  Args:
    positions: [V, 3] or [B, V, 3].
    attributes: [V, C] float, or [B, V, C] with a batch of positions; smaller
      floats are converted to the type of the positions.
    triangles: [T, 3] int vertex ids.
    fragments: result of `rasterize` for these positions, [H, W] or [B, H, W].
    backend: name of the form to use, see `backends.choose`.

  Returns:
    [H, W, C] or [B, H, W, C] of the positions' type, zero where no triangle
    is.

  Raises:
    ValueError: `backend` is unknown.
  """
  _check_backend(backend)
  positions = jnp.asarray(positions)
  attributes = jnp.asarray(attributes).astype(positions.dtype)
  ids = jnp.asarray(fragments.triangle_id)
  *batch, height, width = ids.shape
  count, channels = attributes.shape[-2:]
  if triangles.shape[0] == 0 or channels == 0:
    return jnp.zeros((*ids.shape, channels), positions.dtype)
  attributes = jnp.broadcast_to(attributes, (*batch, count, channels))
  positions, attributes, ids = varying.like(
    (positions, attributes, ids), positions, attributes, ids
  )
  result = _interpolate(
    width,
    backend,
    positions.reshape(-1, count, 3),
    attributes.reshape(-1, count, channels),
    ids.reshape(-1, height * width),
    _columns(triangles),
  )
  return result.reshape(*ids.shape, channels)


def _check(
  positions: jax.Array,
  triangles: Array,
  size: tuple[int, int],
  capacity: int,
  backend: str,
) -> None:
  """Raises ValueError for arguments that would give a wrong picture."""
  height, width = size
  if positions.ndim not in (2, 3) or positions.shape[-1] != 3:
    raise ValueError(
      f'expected positions [V, 3] or [B, V, 3], found {positions.shape}'
    )
  if triangles.ndim != 2 or triangles.shape[1] != 3:
    raise ValueError(f'expected triangles [T, 3], found {triangles.shape}')
  if triangles.shape[0] >= _MAX_TRIANGLES:
    raise ValueError(
      f'expected fewer than {_MAX_TRIANGLES} triangles, '
      f'found {triangles.shape[0]}'
    )
  if min(size) <= 0 or height * width > work_items.MAX_PIXELS:
    raise ValueError(
      f'expected a picture of 1 to {work_items.MAX_PIXELS} pixels, '
      f'found {height} x {width}'
    )
  if capacity <= 0 or capacity % visibility_cpu.CHUNK:
    raise ValueError(
      f'expected a capacity that is a multiple of {visibility_cpu.CHUNK}, '
      f'found {capacity}'
    )
  if isinstance(triangles, np.ndarray) and triangles.size:
    low, high = triangles.min(), triangles.max()
    if low < 0 or high >= positions.shape[-2]:
      raise ValueError(
        f'expected vertex ids below {positions.shape[-2]}, '
        f'found {low} to {high}'
      )
  _check_backend(backend)


def _check_backend(backend: str) -> None:
  if backend not in backends.BACKENDS:
    raise ValueError(
      f'expected a backend of {backends.BACKENDS}, found {backend!r}'
    )


@functools.partial(jax.jit, static_argnames=('size', 'capacity', 'backend'))
def _rasterize(
  positions: jax.Array,
  triangles: jax.Array,
  *,
  size: tuple[int, int],
  capacity: int,
  backend: backends.Backend,
) -> Fragments:
  """`rasterize` after its checks; compiled once per shape, also if eager."""
  cpu = functools.partial(visibility_cpu.resolve, size=size, capacity=capacity)
  gpu = functools.partial(visibility_gpu.resolve, size=size, capacity=capacity)
  tpu = functools.partial(visibility_tpu.resolve, size=size)
  resolve = backends.choose(
    backend, cpu=backends.one_by_one(cpu), gpu=gpu, tpu=tpu
  )
  shape = (*positions.shape[:-2], *size)
  ids, bits = resolve(positions.reshape(-1, *positions.shape[-2:]), triangles)
  inverse = lax.bitcast_convert_type(bits, jnp.float32)
  depth = jnp.where(bits > 0, 1 / inverse, jnp.inf)
  return Fragments(ids.reshape(shape), depth.reshape(shape))


def _ascending(triangles: Array) -> jax.Array:
  """Triangles [3, T] with ascending corners, as the inside test needs them."""
  if isinstance(triangles, np.ndarray):  # on the host, once
    return _columns(np.sort(triangles, 1))
  return _columns(jnp.sort(triangles, 1))


def _columns(triangles: Array) -> jax.Array:
  """Triangles [T, 3] as rows [3, T], int32."""
  if isinstance(triangles, np.ndarray):
    return jnp.asarray(np.ascontiguousarray(triangles.T.astype(np.int32)))
  return triangles.T.astype(jnp.int32)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _interpolate(
  width: int,
  backend: backends.Backend,
  positions: jax.Array,
  attributes: jax.Array,
  ids: jax.Array,
  triangles: jax.Array,
) -> jax.Array:
  """[B, P, C] from positions [B, V, 3], attributes [B, V, C], ids [B, P]."""
  return _forward(
    positions, attributes, ids, triangles, width=width, backend=backend
  )


def _interpolate_fwd(
  width: int, backend: backends.Backend, *inputs: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
  return _forward(*inputs, width=width, backend=backend), inputs


def _interpolate_bwd(
  width: int,
  backend: backends.Backend,
  inputs: tuple[jax.Array, ...],
  cotangent: jax.Array,
) -> tuple[jax.Array, jax.Array, None, None]:
  *arrays, triangles = inputs
  gradients = _backward(
    *arrays, cotangent, triangles, width=width, backend=backend
  )
  return *gradients, None, None


_interpolate.defvjp(_interpolate_fwd, _interpolate_bwd)


@functools.partial(jax.jit, static_argnames=('width', 'backend'))
def _forward(
  *inputs: jax.Array, width: int, backend: backends.Backend
) -> jax.Array:
  flat = functools.partial(shading_flat.forward, width=width)
  cpu = functools.partial(shading_cpu.forward, width=width)
  return backends.choose(
    backend, cpu=backends.one_by_one(cpu), gpu=flat, tpu=flat
  )(*inputs)


@functools.partial(jax.jit, static_argnames=('width', 'backend'))
def _backward(
  *inputs: jax.Array, width: int, backend: backends.Backend
) -> tuple[jax.Array, jax.Array]:
  flat = functools.partial(shading_flat.backward, width=width)
  cpu = functools.partial(shading_cpu.backward, width=width)
  return backends.choose(
    backend,
    cpu=backends.one_by_one(cpu),
    gpu=functools.partial(flat, sums='scatter'),
    tpu=functools.partial(flat, sums='sort'),
  )(*inputs)
