"""Interpolation and its gradients on CPU, in chunks of non-empty pixels.

A face covers about half of its picture. Runs of 8 pixels that show a triangle
are listed and processed in chunks that fit the cache; other runs cost
nothing. Mathematics and conventions are those of `shading`.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import (
  compaction,
  shading,
  varying,
  work_items,
)

_RUN = 8  # pixels that are processed or skipped together
_CHUNK = 256  # runs in a chunk

_Carry = TypeVar('_Carry')


def forward(
  positions: jax.Array,
  attributes: jax.Array,
  ids: jax.Array,
  triangles: jax.Array,
  *,
  width: int,
) -> jax.Array:
  """Attributes [P, C] at every pixel of one picture.

  Args:
    positions: [V, 3].
    attributes: [V, C].
    ids: [P] int32 triangle of every pixel, or -1.
    triangles: [3, T] int32 vertex ids.
    width: width of the picture.
  """
  channels = list(attributes.T)

  def step(
    image: jax.Array, runs: jax.Array, pixels: shading.Pixels, _: jax.Array
  ) -> jax.Array:
    new = jnp.stack(shading.values(pixels, channels), -1)
    new = new.reshape(_CHUNK, _RUN, -1)
    return image.at[runs].set(new, mode='drop')

  image = jnp.zeros(
    (-(-ids.shape[0] // _RUN), _RUN, len(channels)), positions.dtype
  )
  image = _chunks(step, image, positions, triangles, ids, width)
  return image.reshape(-1, len(channels))[: ids.shape[0]]


def backward(
  positions: jax.Array,
  attributes: jax.Array,
  ids: jax.Array,
  cotangent: jax.Array,
  triangles: jax.Array,
  *,
  width: int,
) -> tuple[jax.Array, jax.Array]:
  """Gradients of positions [V, 3] and attributes [V, C].

  Args:
    positions: [V, 3].
    attributes: [V, C].
    ids: [P] int32 triangle of every pixel, or -1.
    cotangent: [P, C] gradients of the result of `forward`.
    triangles: [3, T] int32 vertex ids.
    width: width of the picture.
  """
  channels, planes = list(attributes.T), list(cotangent.T)

  def step(
    totals: shading.Planes,
    _: jax.Array,
    pixels: shading.Pixels,
    pixel: jax.Array,
  ) -> shading.Planes:
    g = [work_items.take(plane, pixel) for plane in planes]
    new = shading.parts(pixels, channels, g)
    return [
      shading.add(total, part, pixels.corners)
      for total, part in zip(totals, new, strict=True)
    ]

  totals = [
    jnp.zeros(positions.shape[0], positions.dtype)
    for _ in range(3 + len(channels))
  ]
  totals = _chunks(step, totals, positions, triangles, ids, width)
  gradient = jnp.stack(totals, -1)
  return gradient[:, :3], gradient[:, 3:]


def _chunks(
  step: Callable[[_Carry, jax.Array, shading.Pixels, jax.Array], _Carry],
  carry: _Carry,
  positions: jax.Array,
  triangles: jax.Array,
  ids: jax.Array,
  width: int,
) -> _Carry:
  """`carry` after a step for every chunk of non-empty runs.

  Arguments of a step are the carry, the indices [R] of the chunk's runs (past
  the last run where there are no more), its pixels, and their indices [N].
  """
  padded = jnp.pad(ids, (0, -ids.shape[0] % _RUN), constant_values=-1)
  rows = padded.reshape(-1, _RUN)
  listed, count = compaction.indices((rows >= 0).any(1))
  listed = jnp.pad(
    listed, (0, -listed.shape[0] % _CHUNK), constant_values=rows.shape[0]
  )
  vertices = shading.vertex_planes(positions)

  def body(carry: tuple[jax.Array, _Carry]) -> tuple[jax.Array, _Carry]:
    number, inner = carry
    runs = lax.dynamic_slice(listed, (number * _CHUNK,), (_CHUNK,))
    mine = jnp.take(rows, runs, axis=0, mode='fill', fill_value=-1)
    pixel = runs[:, None] * _RUN + jnp.arange(_RUN, dtype=jnp.int32)
    pixel = pixel.reshape(-1)
    pixels = shading.look(vertices, triangles, mine.reshape(-1), pixel, width)
    return number + 1, step(inner, runs, pixels, pixel)

  start = varying.like((jnp.int32(0), carry), ids, positions)
  _, result = lax.while_loop(
    lambda carry: carry[0] * _CHUNK < count, body, start
  )
  return result
