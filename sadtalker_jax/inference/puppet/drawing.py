"""The skin of a frame: the rig's surface, posed and drawn with the photo on it.

Conventions: coefficients are rows of 70 (`face3d.coeffs`); points are (x, y) in
pixels of the rendered frame, y down, pixel centres at half-integers; depths in
decimetre; colours are RGB, float32, 0 to 255. Functions are pure, of one frame,
to be called inside of `jit`.
"""

from typing import Any, NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d import camera, coeffs
from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array


class FrameCoefficients(NamedTuple):
  """Coefficients of one frame; blinks close the lids of the portrait."""

  expression: Array  # [64]
  angles: Array  # [3]
  translation: Array  # [3]


class PosedSurface(NamedTuple):
  """Vertices of a surface as a frame shows them."""

  points: Array  # [N, 2] frame points
  depth: Array  # [N]


def skin(
  rig: rig_lib.Rig, row: Array, size: tuple[int, int]
) -> tuple[Array, Array]:
  """Face and surroundings of a frame, open at eyes and lips.

  Args:
    rig: Rig of the portrait.
    row: [70] coefficients.
    size: Height and width of the frame, static.

  Returns:
    Colours [H, W, 3], and where there is skin [H, W], bool.
  """
  posed = pose(rig, rig.vertices, rig.expression, frame_coefficients(rig, row))
  points = rig.rest + rig.follow[:, None] * (posed.points - rig.rest)
  surface = PosedSurface(points, posed.depth + rig.bias)
  place, covered = draw(surface, rig.rest, rig.skin, size)
  # What the surface leaves open at the frame's border stays as it was.
  place = jnp.where(covered[..., None], place, pixel_centres(size))
  return photo(rig, place), covered


def frame_coefficients(rig: rig_lib.Rig, row: Array) -> FrameCoefficients:
  """The coefficients of a row [70], for the lids of this portrait."""
  beta, angles, translation = coeffs.split_row(row)
  return FrameCoefficients(_personal(rig, beta), angles, translation)


def _personal(rig: rig_lib.Rig, beta: Array) -> Array:
  """An expression [64] with blinks that close this person's lids."""
  own = rig.source[rig.blink_slots]
  wanted = beta[rig.blink_slots]
  moved = own + (wanted - own) * jnp.where(wanted > own, rig.blink_gain, 1.0)
  return jnp.asarray(beta).at[rig.blink_slots].set(moved)


def pose(
  rig: rig_lib.Rig,
  vertices: Array,
  basis: Array | None,
  coefficients: FrameCoefficients,
) -> PosedSurface:
  """Vertices with an expression and a pose, in the frame.

  Args:
    rig: Rig of the portrait.
    vertices: [N, 3] vertices in the head's own coordinates.
    basis: [64, N, 3] expressions of the vertices; None to leave them as they
      are.
    coefficients: Coefficients of the frame.
  """
  if basis is not None:
    vertices = expressed(vertices, basis, coefficients.expression)
  points, depth = camera.project(
    camera.transform(vertices, coefficients.angles, coefficients.translation)
  )
  return PosedSurface(points * rig.camera_scale + rig.camera_shift, depth)


def expressed(vertices: Array, basis: Array, beta: Array) -> Array:
  """Vertices [N, 3] with the expression [64] of a basis [64, N, 3]."""
  return vertices + jnp.einsum(
    'k,knc->nc', beta, basis, precision=lax.Precision.HIGHEST
  )


def photo(rig: rig_lib.Rig, points: Array) -> Array:
  """Colours [..., 3] of the photo at points [..., 2] of its frame; bilinear."""
  height, width, _ = rig.texture.shape
  flat = rig.texture.reshape(-1, 3)
  x = jnp.clip(points[..., 0] + rig.margin[0] - 0.5, 0.0, width - 1.0)
  y = jnp.clip(points[..., 1] + rig.margin[1] - 0.5, 0.0, height - 1.0)
  x0 = jnp.minimum(jnp.floor(x), width - 2.0)
  y0 = jnp.minimum(jnp.floor(y), height - 2.0)
  fx, fy = (x - x0)[..., None], (y - y0)[..., None]
  index = y0.astype(jnp.int32) * width + x0.astype(jnp.int32)
  # Gathers of whole rows: several times faster on CPU than packed words.

  def tap(offset: int) -> jax.Array:
    return jnp.take(flat, index + offset, axis=0, mode='clip')

  top = tap(0) * (1.0 - fx) + tap(1) * fx
  bottom = tap(width) * (1.0 - fx) + tap(width + 1) * fx
  return top * (1.0 - fy) + bottom * fy


def draw(
  surface: PosedSurface,
  attributes: Array,
  triangles: Array,
  size: tuple[int, int],
  **options: Any,
) -> tuple[Array, Array]:
  """A surface in a picture.

  Args:
    surface: Vertices as the frame shows them.
    attributes: [N, C] values at the vertices.
    triangles: [T, 3] int32.
    size: Height and width of the picture, static.
    **options: Options of `rasterizer.rasterize`.

  Returns:
    Interpolated attributes [H, W, C], and where the surface is [H, W], bool.
  """
  positions = jnp.concatenate([surface.points, surface.depth[:, None]], 1)
  fragments = rasterizer.rasterize(positions, triangles, *size, **options)
  values = rasterizer.interpolate(positions, attributes, triangles, fragments)
  return values, fragments.triangle_id >= 0


def pixel_centres(size: tuple[int, int]) -> Array:
  """Points [H, W, 2] of the pixels of a picture of this height and width."""
  y, x = jnp.meshgrid(
    *(jnp.arange(n, dtype=jnp.float32) + 0.5 for n in size), indexing='ij'
  )
  return jnp.stack([x, y], -1)
