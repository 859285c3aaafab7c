"""What a frame shows where the skin is open: the eyes, and the mouth.

Each opening is filled in a square window around it. Behind it lies a plane that
carries what the photo shows there, posed with the head; in the mouth, teeth and
tongue of the model take its place as the lips part.

Conventions: those of `drawing`; n is the side of a window in pixels.
"""

from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.inference.puppet import drawing
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array

MOUTH_PLANE = 2  # index among the three planes; the others are the eyes
LIP_SHADOW = 0.014  # radius of the lips' shadow, share of the frame's side
# Openings of the skin are drawn in square windows around them, this wide.
WINDOW = 1.1  # decimetre
JAW_DROP = 0.15  # decimetre that the mouth's window lies below its middle
_INSIDE_CAPACITY = 16384  # work items of one rasterizer pass for the teeth


def fill(
  rig: rig_lib.Rig, skin: tuple[Array, Array, Array], window: int
) -> Array:
  """A frame [H, W, 3] uint8: the skin with eyes and mouth filled in.

  Args:
    rig: Rig of the portrait.
    skin: Coefficients [70], colours [H, W, 3], and where there is skin [H, W].
    window: Side of the windows in pixels, static.
  """
  row, frame, covered = skin
  coefficients = drawing.frame_coefficients(rig, row)
  maps = _plane_maps(rig, coefficients)
  for plane in range(3):
    frame = _fill_one(rig, coefficients, frame, covered, (plane, *maps), window)
  return jnp.clip(jnp.round(frame), 0.0, 255.0).astype(jnp.uint8)


def _plane_maps(
  rig: rig_lib.Rig, coefficients: drawing.FrameCoefficients
) -> tuple[Array, Array, Array]:
  """Affine maps from a frame back to the photo, one for each plane.

  Returns:
    Centres in the frame [3, 2], matrices [3, 2, 2] and centres in the photo
    [3, 2]: photo = (frame - centre) @ matrix + centre in the photo.
  """
  flat = rig.planes.reshape(-1, 3)
  posed = drawing.pose(rig, flat, None, coefficients).points
  posed = posed.reshape(3, 3, 2)
  now = posed[:, 1:] - posed[:, :1]  # [3, 2, 2], rows are the two directions
  then = rig.planes_rest[:, 1:] - rig.planes_rest[:, :1]
  a, b, c, d = now[:, 0, 0], now[:, 0, 1], now[:, 1, 0], now[:, 1, 1]
  inverse = jnp.stack([d, -b, -c, a], -1).reshape(3, 2, 2)
  inverse = inverse / (a * d - b * c)[:, None, None]
  matrix = jnp.einsum(
    'kij,kjl->kil', inverse, then, precision=lax.Precision.HIGHEST
  )
  return posed[:, 0], matrix, rig.planes_rest[:, 0]


def _fill_one(
  rig: rig_lib.Rig,
  coefficients: drawing.FrameCoefficients,
  frame: Array,
  covered: Array,
  plane: tuple[int, Array, Array, Array],
  window: int,
) -> Array:
  """The frame [H, W, 3] with one opening of the skin filled.

  Args:
    rig: Rig of the portrait.
    coefficients: Coefficients of this frame.
    frame: [H, W, 3] colours of the skin.
    covered: [H, W] where there is skin.
    plane: Index of the plane, and the result of `_plane_maps`.
    window: Side of the square that is drawn, static.
  """
  which, centres, matrices, rests = plane
  height, width = covered.shape
  down = JAW_DROP if which == MOUTH_PLANE else 0.0
  drop = jnp.array([0.0, down]) * rig.pixels
  limit = jnp.array([width - window, height - window])
  start = jnp.round(centres[which] + drop - 0.5 * window).astype(jnp.int32)
  start = jnp.clip(start, 0, limit)
  x0, y0 = start
  skin = lax.dynamic_slice(frame, (y0, x0, 0), (window, window, 3))
  mask = lax.dynamic_slice(covered, (y0, x0), (window, window))
  pixels = drawing.pixel_centres((window, window)) + start.astype(jnp.float32)
  offset = pixels - centres[which]
  matrix = matrices[which]
  back = (
    offset[..., :1] * matrix[0] + offset[..., 1:] * matrix[1] + rests[which]
  )
  behind = drawing.photo(rig, back)
  if which == MOUTH_PLANE:
    behind = _mouth(rig, coefficients, behind, back, mask, start)
  # Openings beyond the reach of this plane belong to another one.
  away = pixels[..., None, :] - centres  # [n, n, 3, 2]
  mine = jnp.argmin(jnp.sum(away**2, -1), -1) == which
  skin_near, alpha = _soften(skin, mask)
  filled = skin_near * alpha + behind * (1.0 - alpha)
  filled = jnp.where(mine[..., None], filled, skin)
  return lax.dynamic_update_slice(frame, filled, (y0, x0, 0))


def _mouth(
  rig: rig_lib.Rig,
  coefficients: drawing.FrameCoefficients,
  photo: Array,
  back: Array,
  covered: Array,
  start: Array,
) -> Array:
  """What lies between the lips, in the mouth's window: [n, n, 3].

  Args:
    rig: Rig of the portrait.
    coefficients: Coefficients of this frame.
    photo: [n, n, 3] colours of the photo there.
    back: [n, n, 2] points of the photo that they were taken from.
    covered: [n, n] where there is skin.
    start: [2] first pixel of the window, (x, y).
  """
  size = (covered.shape[0], covered.shape[1])
  surface = drawing.pose(
    rig, rig.inside_vertices, rig.inside_expression, coefficients
  )
  corner = start.astype(jnp.float32)
  surface = drawing.PosedSurface(surface.points - corner, surface.depth)
  colour, drawn = drawing.draw(
    surface,
    rig.inside_colour,
    rig.inside,
    size,
    capacity=_INSIDE_CAPACITY,
  )
  # The lips shade what lies behind them: the less open around, the darker.
  radius = max(2, round(LIP_SHADOW / WINDOW * 3.0 * size[0]))
  openness = _box_mean(1.0 - covered.astype(jnp.float32), radius)
  # Light that comes back from flesh is warm.
  shade = jnp.clip(0.3 + 1.1 * openness, 0.0, 1.0)[..., None]
  shade = shade ** jnp.array([1.0, 1.2, 1.35])
  colour = jnp.where(drawn[..., None], colour * shade, rig.cavity)
  upper, lower = drawing.expressed(
    rig.lips, rig.lips_expression, coefficients.expression
  )
  gap = upper[1] - lower[1]
  low, high = rig.photo_gap
  fade = jnp.clip((high - gap) / (high - low), 0.0, 1.0)
  # The nearest texel is enough for a mask that is smooth.
  texel = jnp.clip(jnp.round(back + rig.margin - 0.5), 0.0, None)
  column, row = texel.astype(jnp.int32)[..., 0], texel.astype(jnp.int32)[..., 1]
  width = rig.photo_mouth.shape[1]
  index = row * width + jnp.minimum(column, width - 1)
  shown = fade * jnp.take(rig.photo_mouth.ravel(), index, mode='clip')
  return colour + (photo - colour) * shown[..., None]


def _box_mean(image: Array, radius: int) -> Array:
  """Mean of a square image [n, n] over 2 radius + 1 pixels; 0 outside."""
  n = image.shape[0]
  band = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= radius
  # A product with a band matrix: windowed reductions are slow on CPU.
  mean = jnp.asarray(band / (2 * radius + 1), jnp.float32)
  return jnp.linalg.multi_dot(
    [mean, image, mean], precision=lax.Precision.HIGHEST
  )


def _soften(colour: Array, mask: Array) -> tuple[Array, Array]:
  """Skin's colours continued by a pixel, and its softened mask [H, W, 1]."""
  weight = mask[..., None].astype(jnp.float32)

  def blur(image: Array) -> Array:
    for axis in (0, 1):
      pads = [(0, 0)] * 3
      pads[axis] = (1, 1)
      padded = jnp.pad(image, pads, mode='edge')
      n = image.shape[axis]
      parts = [lax.slice_in_dim(padded, k, k + n, axis=axis) for k in range(3)]
      image = 0.25 * parts[0] + 0.5 * parts[1] + 0.25 * parts[2]
    return image

  total = blur(weight)
  blurred = blur(colour * weight) / jnp.maximum(total, 1e-6)
  return jnp.where(weight > 0, colour, blurred), total
