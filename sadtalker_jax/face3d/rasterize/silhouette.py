"""Gradients of moving contours, that is of changes of visibility.

`rasterizer.interpolate` differentiates the values that triangles show, not the
choice of triangle: pulling a face to the left does not make the background at
its edge any brighter. `edge_gradient` adds that, without changing the picture.
The method is the edge gradient estimator of DRTK (Pidhorskyi et al.,
"Rasterized Edge Gradients: Handling Discontinuities Differentiably", ECCV 2024;
facebookresearch/DRTK, MIT licence); the code is our own.

For each pair of neighbouring pixels with different triangles, a change of the
border between them by one pixel exchanges their colours: its gradient is the
difference of the two colours times the mean of the two cotangents. The triangle
that moves the border follows from the places of the pixel centres. If one
centre lies in the other's triangle, but not the other way round, its own
triangle is in front and owns the border; if both do, the triangles intersect
and the border slides along both; if neither does, they are neighbours on a
surface and there is no border to move. The background never moves. The motion
of a border is passed to the three vertices of its owner by the fragment's
weights.

It must come before blurring, warping or masking of the picture, after which
pixels no longer correspond to fragments. The published program trains without
it, and it is off by default here.

Conventions as in `rasterizer`; P = H x W pixels in row order.
"""

import functools

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import (
  backends,
  border_motion,
  compaction,
  shading,
  varying,
)
from sadtalker_jax.typing import Array

_CHUNK = 512  # pixels at borders that are processed together on CPU


def edge_gradient(
  positions: Array,
  image: Array,
  triangles: Array,
  fragments: Array,
  *,
  backend: backends.Backend = 'auto',
) -> Array:
  """The same picture, with the gradients of moving contours.

  Args:
    positions: [V, 3] or [B, V, 3]; receive the additional gradient.
    image: [H, W, C] or [B, H, W, C] float, computed from these fragments pixel
      by pixel; its own gradient passes through.
    triangles: [T, 3] int vertex ids.
    fragments: [H, W] or [B, H, W] int32 triangle ids for these positions
      (`Fragments.triangle_id`).
    backend: name of the form to use, see `backends.choose`.

  Returns:
    `image`, bit by bit.

  Raises:
    ValueError: shapes do not fit, or `backend` is unknown.
  """
  positions, image = jnp.asarray(positions), jnp.asarray(image)
  ids = jnp.asarray(fragments)
  if backend not in backends.BACKENDS:
    raise ValueError(
      f'expected a backend of {backends.BACKENDS}, found {backend!r}'
    )
  if image.shape[:-1] != ids.shape or positions.shape[:-2] != ids.shape[:-2]:
    raise ValueError(
      'expected positions [..., V, 3], an image [..., H, W, C] and fragments '
      f'[..., H, W], found {positions.shape}, {image.shape} and {ids.shape}'
    )
  if triangles.shape[0] == 0 or image.size == 0:
    return image
  *_, height, width, channels = image.shape
  inputs = varying.like((positions, image, ids), positions, image, ids)
  result = _identity(
    (height, width),
    backend,
    inputs[0].reshape(-1, *positions.shape[-2:]),
    inputs[1].reshape(-1, height * width, channels),
    inputs[2].reshape(-1, height * width),
    jnp.asarray(triangles, jnp.int32).T,
  )
  return result.reshape(image.shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _identity(
  size: tuple[int, int],
  backend: backends.Backend,
  positions: jax.Array,
  image: jax.Array,
  ids: jax.Array,
  triangles: jax.Array,
) -> jax.Array:
  return image


def _identity_fwd(
  size: tuple[int, int], backend: backends.Backend, *inputs: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
  return inputs[1], inputs


def _identity_bwd(
  size: tuple[int, int],
  backend: backends.Backend,
  inputs: tuple[jax.Array, ...],
  cotangent: jax.Array,
) -> tuple[jax.Array, jax.Array, None, None]:
  positions, image, ids, triangles = inputs
  change = _backward(
    positions, image, cotangent, ids, triangles, size=size, backend=backend
  )
  return change, cotangent, None, None


_identity.defvjp(_identity_fwd, _identity_bwd)


@functools.partial(jax.jit, static_argnames=('size', 'backend'))
def _backward(
  *inputs: jax.Array, size: tuple[int, int], backend: backends.Backend
) -> jax.Array:
  flat = functools.partial(_batch, size=size)
  return backends.choose(
    backend,
    cpu=backends.one_by_one(functools.partial(_picture, size=size)),
    gpu=functools.partial(flat, sort=False),
    tpu=functools.partial(flat, sort=True),
  )(*inputs)


def _picture(
  positions: jax.Array,
  image: jax.Array,
  cotangent: jax.Array,
  ids: jax.Array,
  triangles: jax.Array,
  *,
  size: tuple[int, int],
) -> jax.Array:
  """Gradient [V, 3] of one picture, from the pixels at borders only."""
  number = ids.shape[0]
  planes = shading.vertex_planes(positions)
  listed, count = compaction.indices(
    border_motion.at_border(planes, triangles, ids, size)
  )
  listed = jnp.pad(listed, (0, -number % _CHUNK), constant_values=number)
  colours = list(image.T), list(cotangent.T)

  def body(
    carry: tuple[jax.Array, shading.Planes],
  ) -> tuple[jax.Array, shading.Planes]:
    first, totals = carry
    pixel = lax.dynamic_slice(listed, (first,), (_CHUNK,))
    for motion, corners in border_motion.motions(
      planes, triangles, ids, *colours, pixel, pixel < number, size
    ):
      totals = [
        shading.add(total, part, corners)
        for total, part in zip(totals, motion, strict=True)
      ]
    return first + _CHUNK, totals

  zeros = jnp.zeros(positions.shape[0], positions.dtype)
  start = varying.like((jnp.int32(0), [zeros] * 3), ids, positions, cotangent)
  _, totals = lax.while_loop(lambda carry: carry[0] < count, body, start)
  return jnp.stack(totals, -1)


def _batch(
  positions: jax.Array,
  image: jax.Array,
  cotangent: jax.Array,
  ids: jax.Array,
  triangles: jax.Array,
  *,
  size: tuple[int, int],
  sort: bool,
) -> jax.Array:
  """Gradients [B, V, 3] of all pictures at once, from all pixels."""
  batch, vertices, _ = positions.shape
  pixels = size[0] * size[1]
  shift = jnp.arange(batch, dtype=jnp.int32) * vertices
  motions = border_motion.motions(
    shading.vertex_planes(positions.reshape(-1, 3)),
    triangles,
    ids.reshape(-1),
    list(image.reshape(batch * pixels, -1).T),
    list(cotangent.reshape(batch * pixels, -1).T),
    jnp.arange(batch * pixels, dtype=jnp.int32),
    jnp.ones(batch * pixels, bool),
    size,
    jnp.repeat(shift, pixels),
  )
  # The three fragments of each pixel joined, for fewer sums.
  corners = [jnp.concatenate([m[1][i] for m in motions]) for i in range(3)]
  parts = [
    [jnp.concatenate([m[0][k][i] for m in motions]) for i in range(3)]
    for k in range(3)
  ]
  number = batch * vertices
  if sort:
    totals = shading.sorted_sums(parts, corners, number)
  else:
    totals = [shading.scatter(part, corners, number) for part in parts]
  return jnp.stack(totals, -1).reshape(positions.shape)
