"""Surfaces posed as a frame shows them, drawn, and the photo read at points.

Conventions: coefficients are rows of 70 (`face3d.coeffs`); points are (x, y) in
pixels of the rendered frame, y down, pixel centres at half-integers; depths in
decimetre; colours are RGB, float32, 0 to 255. Functions are pure, of one frame,
to be called inside of `jit`.
"""

from typing import Any, NamedTuple

from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d import camera, coeffs
from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.inference.puppet import sampling
from sadtalker_jax.typing import Array


class FrameCoefficients(NamedTuple):
  """Coefficients of one frame."""

  expression: Array  # [64]
  angles: Array  # [3]
  translation: Array  # [3]


class PosedSurface(NamedTuple):
  """Vertices of a surface as a frame shows them."""

  points: Array  # [N, 2] frame points
  depth: Array  # [N]

  def positions(self) -> Array:
    """[N, 3] for the rasterizer."""
    return jnp.concatenate([self.points, self.depth[:, None]], 1)


def read(rig: rig_lib.Rig, points: Array) -> tuple[Array, Array]:
  """Colours [H, W, 3] of the person, and opacity [H, W, 1], at points."""
  return photo(rig, points), _read(rig, rig.alpha, points)


def frame_coefficients(row: Array) -> FrameCoefficients:
  """The coefficients of a row [70]."""
  return FrameCoefficients(*coeffs.split_row(row))


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
  """Colours [..., 3] of the person at points [..., 2] of the photo's frame."""
  return _read(rig, rig.texture, points)


def _read(rig: rig_lib.Rig, texture: Array, points: Array) -> Array:
  """A texture's values [..., C] at points [..., 2] of the frame; cubic."""
  return sampling.catmull_rom(
    texture,
    points[..., 0] + rig.margin[0] - 0.5,
    points[..., 1] + rig.margin[1] - 0.5,
  )


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
  positions = surface.positions()
  fragments = rasterizer.rasterize(positions, triangles, *size, **options)
  values = rasterizer.interpolate(positions, attributes, triangles, fragments)
  return values, fragments.triangle_id >= 0


def pixel_centres(size: tuple[int, int]) -> Array:
  """Points [H, W, 2] of the pixels of a picture of this height and width."""
  y, x = jnp.meshgrid(
    *(jnp.arange(n, dtype=jnp.float32) + 0.5 for n in size), indexing='ij'
  )
  return jnp.stack([x, y], -1)
