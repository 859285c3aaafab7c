"""What a frame shows where the skin is open: the eyes, and the mouth.

Each opening is filled in a square window around it. Behind it lies a plane that
carries what the photo shows there, posed with the head. In the mouth there are
two, of the skull and of the jaw, and teeth and tongue of the model where they
show nothing.

Conventions: those of `drawing`; n is the side of a window in pixels.
"""

from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.inference.puppet import (
  drawing,
  eyes,
  lid_drawing,
  palette,
  planes,
)
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array

MOVED = 0.02  # decimetre that a lip moves until only teeth stay of the photo
LIP_SHADOW = 0.03  # standard deviation of the lips' shadow, decimetre
SHADOW_FLOOR, SHADOW_SLOPE = 0.55, 0.9  # light behind lips, and by their gap
PROTRUDED = 0.05  # decimetre forward by which lips let a factor e less in
SOFTEST = 0.6  # pixels; the least blur, which contours need
# Openings of the skin are drawn in square windows around them, this wide.
WINDOWS = (0.6, 0.6, 0.8)  # decimetre
JAW_DROP = 0.15  # decimetre that the mouth's window lies below its middle
_EXACT = lax.Precision.HIGHEST
_INSIDE_CAPACITY = 16384  # work items of one rasterizer pass for the teeth


def fill(
  rig: rig_lib.Rig, skin: tuple[Array, Array, Array], windows: tuple[int, ...]
) -> Array:
  """A frame [H, W, 3] uint8: the skin with eyes and mouth filled in.

  Args:
    rig: Rig of the portrait.
    skin: Coefficients [70], colours [H, W, 3], and the share of every pixel
      that is open [H, W].
    windows: Sides of the three windows in pixels, static.
  """
  row, frame, opened = skin
  coefficients = drawing.frame_coefficients(row)
  maps = _plane_maps(rig, coefficients)
  for plane, window in enumerate(windows):
    frame = _fill_one(rig, coefficients, frame, opened, (plane, *maps), window)
  return jnp.clip(jnp.round(frame), 0.0, 255.0).astype(jnp.uint8)


def _plane_maps(
  rig: rig_lib.Rig, coefficients: drawing.FrameCoefficients
) -> tuple[Array, Array, Array]:
  """Affine maps from a frame back to the photo, one for each plane.

  Returns:
    Centres in the frame [4, 2], matrices [4, 2, 2] and centres in the photo
    [4, 2]: photo = (frame - centre) @ matrix + centre in the photo.
  """
  posed = posed_planes(rig, coefficients)
  now = posed[:, 1:] - posed[:, :1]  # [4, 2, 2], rows are the two directions
  then = rig.planes_rest[:, 1:] - rig.planes_rest[:, :1]
  a, b, c, d = now[:, 0, 0], now[:, 0, 1], now[:, 1, 0], now[:, 1, 1]
  inverse = jnp.stack([d, -b, -c, a], -1).reshape(-1, 2, 2)
  inverse = inverse / (a * d - b * c)[:, None, None]
  matrix = jnp.einsum(
    'kij,kjl->kil', inverse, then, precision=lax.Precision.HIGHEST
  )
  return posed[:, 0], matrix, rig.planes_rest[:, 0]


def posed_planes(
  rig: rig_lib.Rig, coefficients: drawing.FrameCoefficients
) -> Array:
  """Frame points [4, 3, 2] of the planes behind the openings."""
  flat = rig.planes.reshape(-1, 3)
  # Only the last plane has an expression, the jaw's.
  moved = drawing.expressed(
    rig.planes[-1], rig.jaw_expression, coefficients.expression
  )
  flat = jnp.concatenate([flat[:-3], moved])
  return drawing.pose(rig, flat, None, coefficients).points.reshape(-1, 3, 2)


def _fill_one(
  rig: rig_lib.Rig,
  coefficients: drawing.FrameCoefficients,
  frame: Array,
  opened: Array,
  plane: tuple[int, Array, Array, Array],
  window: int,
) -> Array:
  """The frame [H, W, 3] with one opening of the skin filled.

  Args:
    rig: Rig of the portrait.
    coefficients: Coefficients of this frame.
    frame: [H, W, 3] colours of the skin.
    opened: [H, W] shares of the pixels that are open.
    plane: Index of the plane, and the result of `_plane_maps`.
    window: Side of the square that is drawn, static.
  """
  which, centres, matrices, rests = plane
  height, width = opened.shape
  down = JAW_DROP if which == planes.MOUTH else 0.0
  drop = jnp.array([0.0, down]) * rig.pixels
  limit = jnp.array([width - window, height - window])
  start = jnp.round(centres[which] + drop - 0.5 * window).astype(jnp.int32)
  start = jnp.clip(start, 0, limit)
  x0, y0 = start
  skin = lax.dynamic_slice(frame, (y0, x0, 0), (window, window, 3))
  mask = lax.dynamic_slice(opened, (y0, x0), (window, window))
  pixels = drawing.pixel_centres((window, window)) + start.astype(jnp.float32)

  def back(plane: int) -> Array:
    matrix, offset = matrices[plane], pixels - centres[plane]
    turned = offset[..., :1] * matrix[0] + offset[..., 1:] * matrix[1]
    return turned + rests[plane]

  if which == planes.MOUTH:
    layers = (back(planes.MOUTH), back(planes.JAW))
    behind = _mouth(rig, coefficients, layers, mask, start)
  else:
    behind = drawing.photo(
      rig, eyes.looking(rig, coefficients.expression, which, back(which))
    )
    lid = lid_drawing.lid(rig, coefficients, which, pixels)
    skin = skin + (lid.colour - skin) * lid.share[..., None]
    mask = mask * lid.apart
  # Openings beyond the reach of this plane belong to another one.
  away = pixels[..., None, :] - centres[: planes.JAW]  # [n, n, 3, 2]
  mine = jnp.argmin(jnp.sum(away**2, -1), -1) == which
  filled = skin + (behind - skin) * mask[..., None]
  if which != planes.MOUTH:
    filled = filled * lid.left
  filled = jnp.where(mine[..., None], filled, skin)
  return lax.dynamic_update_slice(frame, filled, (y0, x0, 0))


def _mouth(
  rig: rig_lib.Rig,
  coefficients: drawing.FrameCoefficients,
  backs: tuple[Array, Array],
  opened: Array,
  start: Array,
) -> Array:
  """What lies between the lips, in the mouth's window: [n, n, 3].

  Args:
    rig: Rig of the portrait.
    coefficients: Coefficients of this frame.
    backs: [n, n, 2] points of the photo that skull and jaw show there.
    opened: [n, n] shares of the pixels that are open.
    start: [2] first pixel of the window, (x, y).
  """
  lips, rest = (
    drawing.expressed(rig.lips, rig.lips_expression, beta)
    for beta in (coefficients.expression, rig.source[: len(rig.expression)])
  )
  colour = _inside(rig, coefficients, start, len(opened))
  forward = jnp.maximum(lips[0, 2] - rest[0, 2], 0.0)
  colour = colour * _light(opened, rig.pixels, forward)
  gap = lips[0, 1] - lips[1, 1]
  low, high = rig.photo_gap
  fade = jnp.clip((high - gap) / (high - low), 0.0, 1.0)
  moved = jnp.clip(jnp.abs(lips - rest).max() / MOVED, 0.0, 1.0)
  width = rig.photo_mouth.shape[1]
  masks = rig.photo_mouth.reshape(-1, 5)
  skull, jaw = (
    # The nearest texel is enough for masks that are smooth.
    jnp.take(masks, _texels(rig, back, width), axis=0, mode='clip')
    for back in backs
  )
  behind = 1.0 - moved * skull[..., 4]
  for mask, back, front in (
    (jaw[..., 2:], backs[1], behind),
    (skull, backs[0], 1.0),
  ):
    whole, tight = mask[..., 0], mask[..., 1]
    shown = fade * front * (whole + (tight - whole) * moved)
    colour += (drawing.photo(rig, back) - colour) * shown[..., None]
  return colour


def _texels(rig: rig_lib.Rig, points: Array, width: int) -> Array:
  """Indices [n, n] of the texels next to points [n, n, 2] of the photo."""
  texel = jnp.clip(jnp.round(points + rig.margin - 0.5), 0.0, None)
  texel = texel.astype(jnp.int32)
  return texel[..., 1] * width + jnp.minimum(texel[..., 0], width - 1)


def _inside(
  rig: rig_lib.Rig,
  coefficients: drawing.FrameCoefficients,
  start: Array,
  n: int,
) -> Array:
  """Teeth, tongue and dark [n, n, 3] in a window that starts at a pixel [2].

  Drawn with two samples a pixel along each axis, then blurred as the photo is.
  """
  surface = drawing.pose(
    rig, rig.inside_vertices, rig.inside_expression, coefficients
  )
  points = 2.0 * (surface.points - start.astype(jnp.float32))
  colour, drawn = drawing.draw(
    drawing.PosedSurface(points, surface.depth),
    rig.inside_colour,
    rig.inside,
    (2 * n, 2 * n),
    capacity=_INSIDE_CAPACITY,
  )
  colour = jnp.where(drawn[..., None], colour, rig.cavity)
  sigma = jnp.maximum(rig.blur, SOFTEST)
  apart = np.subtract.outer(np.arange(n) + 0.5, (np.arange(2 * n) + 0.5) / 2)
  kernel = jnp.exp(-0.5 * (jnp.asarray(apart, jnp.float32) / sigma) ** 2)
  return _filtered(colour, kernel / kernel.sum(1, keepdims=True))


def _light(opened: Array, pixels: Array, forward: Array) -> Array:
  """Factors [n, n, 3] of the light that comes in between the lips.

  The less open it is around and above a point, the darker it is there, and the
  more so the farther the lips stand before the teeth. Light that comes back
  from flesh is warm.

  Args:
    opened: [n, n] shares of the pixels that are open.
    pixels: Pixels per decimetre.
    forward: [] how far the upper lip has come forward, decimetre.
  """
  n = len(opened)
  apart = np.subtract.outer(np.arange(n), np.arange(n)).astype(np.float32)

  def weights(offset: float) -> Array:
    far = (jnp.asarray(apart) / pixels - offset) / LIP_SHADOW
    kernel = jnp.exp(-0.5 * far**2)
    return kernel / kernel.sum(1, keepdims=True)

  above = jnp.linalg.multi_dot(
    [weights(0.5 * LIP_SHADOW), opened, weights(0.0).T], precision=_EXACT
  )
  light = jnp.clip(SHADOW_FLOOR + SHADOW_SLOPE * above, 0.0, 1.0)
  light = (light * jnp.exp(-forward / PROTRUDED))[..., None]
  return light ** jnp.asarray(palette.WARM, jnp.float32)


def _filtered(image: Array, kernel: Array) -> Array:
  """A picture [m, m, C] filtered along both axes by a kernel [n, m]."""
  # Products with a band matrix: windowed sums are slow on CPU.
  rows = jnp.einsum('im,mkc->ikc', kernel, image, precision=_EXACT)
  return jnp.einsum('jk,ikc->ijc', kernel, rows, precision=_EXACT)
