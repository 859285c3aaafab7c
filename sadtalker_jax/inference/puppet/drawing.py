"""The skin of a frame: the rig's surface, posed and drawn with the photo on it.

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

JOINED = 2.0  # pixels of the photo by which face and surroundings may differ
FOLD = 3.0  # pixels of the photo between neighbours: a contour lies there


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


class Places(NamedTuple):
  """Which points of the photo a frame shows, and where."""

  face: Array  # [H, W, 2] photo points of the face
  around: Array  # [H, W, 2] those of its surroundings
  shown: Array  # [H, W] bool, where there are any; else the background
  alpha: Array  # [H, W] share of every pixel that the face covers
  opened: Array  # [H, W] share of every pixel that is open


def skin(
  rig: rig_lib.Rig, row: Array, size: tuple[int, int]
) -> tuple[Array, Array]:
  """Face and surroundings of a frame, open at eyes and lips.

  The renderer takes the steps apart: XLA on CPU would compute the results
  of one anew for every use in the next.

  Args:
    rig: Rig of the portrait.
    row: [70] coefficients.
    size: Height and width of the frame, static.

  Returns:
    Colours [H, W, 3], and the share of every pixel that is open [H, W], both
    soft at contours.
  """
  found = places(rig, row, size)
  layers = read(rig, found.face), read(rig, found.around)
  return softened(colours(rig, found, *layers), found), found.opened


def places(rig: rig_lib.Rig, row: Array, size: tuple[int, int]) -> Places:
  """Where a frame shows what of the photo.

  The face lies over its surroundings wherever it is, whatever their depths, and
  caps over eyes and mouth keep these from being seen through it.

  Args:
    rig: Rig of the portrait.
    row: [70] coefficients.
    size: Height and width of the frame, static.
  """
  posed = pose(rig, rig.vertices, rig.expression, frame_coefficients(row))
  points = rig.rest + rig.follow[:, None] * (posed.points - rig.rest)
  surface = PosedSurface(points, posed.depth)
  centres = pixel_centres(size)
  around, shown = draw(surface, rig.rest, rig.sheet, size)
  around = jnp.where(shown[..., None], around, centres)
  triangles = jnp.concatenate([rig.face, rig.caps])
  # Two samples a pixel along each axis; every other one is a pixel's centre.
  positions = surface.positions() * jnp.array([2.0, 2.0, 1.0])
  positions -= jnp.array([0.5, 0.5, 0.0])
  fine = rasterizer.rasterize(positions, triangles, 2 * size[0], 2 * size[1])
  middle = rasterizer.Fragments(*(part[::2, ::2] for part in fine))
  face = rasterizer.interpolate(
    surface.positions(), rig.rest, triangles, middle
  )
  known = (middle.triangle_id >= 0) & (middle.triangle_id < len(rig.face))
  whole = sampling.coverage(fine.triangle_id >= 0)
  opened = sampling.coverage(fine.triangle_id >= len(rig.face))
  # Pixels whose centre lies just outside go on as those beside them.
  offset = jnp.where(known[..., None], face - centres, 0.0)
  weight = known[..., None].astype(jnp.float32)
  spread = sampling.smooth(
    jnp.concatenate([offset, weight], -1), sampling.BINOMIAL
  )
  spread = spread[..., :2] / jnp.maximum(spread[..., 2:], 1e-6)
  # Where surroundings continue the face they know better: a mean lags behind
  # skin that is pressed together, and would repeat what is a little farther in.
  apart = jnp.abs(around - centres - spread).max(-1, keepdims=True)
  joined = jnp.clip(2.0 - apart / JOINED, 0.0, 1.0)
  joined = jnp.where(shown[..., None], joined, 0.0)
  spread = spread + joined * (around - centres - spread)
  face = centres + jnp.where(known[..., None], offset, spread)
  # Deep under the face there are no surroundings.
  alpha = jnp.where(shown, whole, jnp.ceil(whole))
  return Places(face, around, shown, alpha, opened)


def read(rig: rig_lib.Rig, points: Array) -> tuple[Array, Array]:
  """Colours [H, W, 3] of the person, and opacity [H, W, 1], at points."""
  return photo(rig, points), _read(rig, rig.alpha, points)


def colours(
  rig: rig_lib.Rig,
  found: Places,
  face: tuple[Array, Array],
  around: tuple[Array, Array],
) -> Array:
  """Colours [H, W, 3] that a frame shows, but for what is open.

  The background rests behind the person. Where the face's own border is soft,
  the surroundings are seen as much.

  Args:
    rig: Rig of the portrait.
    found: Places in the photo.
    face: What `read` found at those of the face.
    around: What it found at those of the surroundings.
  """
  behind = _background(rig, found.alpha.shape)

  def before(layer: tuple[Array, Array]) -> tuple[Array, Array]:
    colour, opacity = layer
    share = jnp.clip(opacity, 0.0, 1.0)
    return colour + (1.0 - share) * behind, share

  rest, _ = before(around)
  rest = jnp.where(found.shown[..., None], rest, behind)
  skin, share = before(face)
  return rest + (skin - rest) * (found.alpha[..., None] * share)


def softened(colour: Array, found: Places) -> Array:
  """Colours [H, W, 3] with soft contours where the face lies over itself."""
  contour = jnp.zeros(colour.shape[:2], bool)
  for axis in (0, 1):
    jump = jnp.abs(jnp.diff(found.face, axis=axis)).max(-1) > FOLD
    before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
    before[axis], after[axis] = (1, 0), (0, 1)
    contour |= jnp.pad(jump, before) | jnp.pad(jump, after)
  # The outline is soft already, and must not draw its surroundings inwards.
  solid = sampling.smooth(found.alpha[..., None], sampling.TENT) > 0.999
  soft = sampling.smooth(colour, sampling.TENT)
  return jnp.where(contour[..., None] & solid, soft, colour)


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


def _background(rig: rig_lib.Rig, size: tuple[int, ...]) -> Array:
  """What is behind the person in every frame, [H, W, 3]."""
  x, y = jnp.round(rig.margin).astype(jnp.int32)
  return lax.dynamic_slice(rig.background, (y, x, 0), (*size, 3))


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
