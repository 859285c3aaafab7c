"""Interpolation and its gradients for whole batches at once: GPU and TPU.

Pictures are folded into one row of pixels, vertices of the batch into one
table. On GPU gradients are summed by scatters, whose atomic additions make the
last bits depend on the run; on TPU, where a scatter is a serial loop, by
sorting. Mathematics and conventions are those of `shading`.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import shading


def forward(
  positions: jax.Array,
  attributes: jax.Array,
  ids: jax.Array,
  triangles: jax.Array,
  *,
  width: int,
) -> jax.Array:
  """Attributes [B, P, C] at every pixel.

  Args:
    positions: [B, V, 3].
    attributes: [B, V, C].
    ids: [B, P] int32 triangle of every pixel, or -1.
    triangles: [3, T] int32 vertex ids.
    width: width of the pictures.
  """
  pixels = _look(positions, triangles, ids, width)
  channels = list(attributes.reshape(-1, attributes.shape[-1]).T)
  result = jnp.stack(shading.values(pixels, channels), -1)
  return result.reshape(*ids.shape, -1)


def backward(
  positions: jax.Array,
  attributes: jax.Array,
  ids: jax.Array,
  cotangent: jax.Array,
  triangles: jax.Array,
  *,
  width: int,
  sums: Literal['scatter', 'sort'],
) -> tuple[jax.Array, jax.Array]:
  """Gradients of positions [B, V, 3] and attributes [B, V, C].

  Args:
    positions: [B, V, 3].
    attributes: [B, V, C].
    ids: [B, P] int32 triangle of every pixel, or -1.
    cotangent: [B, P, C] gradients of the result of `forward`.
    triangles: [3, T] int32 vertex ids.
    width: width of the pictures.
    sums: whether gradients are summed by scatters or by sorting.
  """
  pixels = _look(positions, triangles, ids, width)
  number = attributes.shape[-1]
  channels = list(attributes.reshape(-1, number).T)
  planes = list(cotangent.reshape(-1, number).T)
  parts = shading.parts(pixels, channels, planes)
  count = positions.shape[0] * positions.shape[1]
  if sums == 'sort':
    totals = shading.sorted_sums(parts, pixels.corners, count)
  else:
    totals = [shading.scatter(part, pixels.corners, count) for part in parts]
  gradient = jnp.stack(totals, -1).reshape(*positions.shape[:2], -1)
  return gradient[..., :3], gradient[..., 3:]


def _look(
  positions: jax.Array, triangles: jax.Array, ids: jax.Array, width: int
) -> shading.Pixels:
  batch, vertices, _ = positions.shape
  picture = jnp.arange(batch, dtype=jnp.int32)[:, None] * vertices
  pixel = jnp.arange(ids.shape[1], dtype=jnp.int32)[None]
  return shading.look(
    shading.vertex_planes(positions.reshape(-1, 3)),
    triangles,
    ids.reshape(-1),
    jnp.broadcast_to(pixel, ids.shape).reshape(-1),
    width,
    shift=jnp.broadcast_to(picture, ids.shape).reshape(-1),
  )
