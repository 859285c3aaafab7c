"""The puppet: renders a posed portrait without any network.

A frame is the rig's surface (face and surroundings), posed and projected with
the camera of the face model, textured by the photo. Where the skin is open, at
the eyes and between the lips, what lies behind is drawn: the eyes of the photo,
and teeth, tongue and dark of the mouth.

Conventions: coefficients are rows of 70 (`face3d.coeffs`); frames are uint8 RGB
[B, H, W, 3]; points are (x, y), y down, pixel centres at half-integers.
"""

from collections.abc import Sequence
import fractions
import functools
import math
from typing import Any, NamedTuple, Self

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import camera, coeffs
from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import rendering, tracks
from sadtalker_jax.inference.puppet import fitted_portrait
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.media import video
from sadtalker_jax.typing import Array

MOUTH = 2  # index of the mouth among the three planes
LIP_SHADOW = 0.014  # radius of the lips' shadow, share of the frame's side
# Openings of the skin are drawn in square windows around them, this wide.
WINDOW = 1.1  # decimetre
WINDOW_STEP = 32  # pixels; few sizes, few compilations
JAW_DROP = 0.15  # decimetre that the mouth's window lies below its middle
_INSIDE_CAPACITY = 16384  # work items of one rasterizer pass for the teeth


class PreparedPuppet(NamedTuple):
  """A portrait ready to be posed."""

  rig: rig_lib.Rig  # on the device
  size: tuple[int, int]  # canvas height, width
  window: int  # side of the windows around eyes and mouth, pixels
  frame: tuple[int, int]  # height and width that are handed out


class PuppetRenderer(rendering.Renderer):
  """Renders fitted portraits with the head model that they were fitted with.

  Free views become part of the coefficients.
  """

  mixes = False  # rigs differ in shape

  def __init__(self, bundle: bundle_lib.Bundle):
    """Takes what finds faces, and the head model.

    Args:
      bundle: Any; its model has teeth, tongue and an outer skin.
    """
    self._bundle = bundle
    self._model = bundle.model

  @classmethod
  def from_bundle(
    cls, bundle: bundle_lib.Bundle, devices: rendering.Devices
  ) -> Self:
    """The renderer; it computes on the default device, in float32."""
    del devices
    return cls(bundle)

  def portrait(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> fitted_portrait.FittedPortrait:
    """The portrait in a picture [H, W, 3] uint8, fitted."""
    return fitted_portrait.prepare(picture, self._bundle, options)

  def video_rows(
    self,
    path: video.Path,
    fps: fractions.Fraction,
    options: options_lib.Options,
  ) -> np.ndarray:
    """Coefficients [T, 70] of the face in a video, fitted."""
    del options
    return fitted_portrait.video_rows(path, fps, self._bundle)

  def adapted(self, track: tracks.Track) -> tracks.Track:
    """The track with its free views as part of the coefficients."""
    return tracks.turned(track)

  def drawer(self, options: options_lib.Options) -> Self:
    """Itself, whatever the options."""
    del options
    return self

  def prepare(self, portrait: fitted_portrait.FittedPortrait) -> PreparedPuppet:
    """The rig of a portrait."""
    width, height = portrait.canvas_size
    rig = rig_lib.build(portrait, self._model)
    steps = math.ceil(WINDOW * float(rig.pixels) / WINDOW_STEP)
    window = min(steps * WINDOW_STEP, width, height)
    return PreparedPuppet(
      jax.device_put(rig), (height, width), window, portrait.frame_size[::-1]
    )

  def inputs(
    self, prepared: PreparedPuppet, track: tracks.Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """Coefficient rows [b, 70]."""
    return (track.coefficients[index],)

  def render(
    self, portraits: Sequence[PreparedPuppet], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Frames [B, H, W, 3] uint8 of one portrait and coefficient rows."""
    (prepared,), (rows,) = portraits, inputs
    frames = _render(
      prepared.rig,
      jnp.asarray(rows, jnp.float32),
      prepared.size,
      prepared.window,
    )
    height, width = prepared.frame
    return frames[:, :height, :width]


@functools.partial(jax.jit, static_argnames=('size', 'window'))
def _render(
  rig: rig_lib.Rig, rows: Array, size: tuple[int, int], window: int
) -> jax.Array:
  # Two loops, not one: what the first one makes is then stored, and not
  # computed again for every use (XLA on CPU fuses without regard to cost).
  skins, covers = lax.map(lambda row: _skin(rig, row, size), rows)
  return lax.map(
    lambda frame: _openings(rig, frame, window), (rows, skins, covers)
  )


class _Motion(NamedTuple):
  """Coefficients of one frame."""

  expression: Array  # [64]
  angles: Array  # [3]
  translation: Array  # [3]


class _Surface(NamedTuple):
  """One posed surface, ready to draw."""

  points: Array  # [N, 2] frame pixels
  depth: Array  # [N]


def _motion(rig: rig_lib.Rig, row: Array) -> _Motion:
  beta, angles, translation = coeffs.split_row(row)
  return _Motion(_personal(rig, beta), angles, translation)


def _skin(
  rig: rig_lib.Rig, row: Array, size: tuple[int, int]
) -> tuple[Array, Array]:
  """Colours [H, W, 3] of face and surroundings, and where there is skin."""
  posed = _pose(rig, rig.vertices, rig.expression, _motion(rig, row))
  points = rig.rest + rig.follow[:, None] * (posed.points - rig.rest)
  surface = _Surface(points, posed.depth + rig.bias)
  place, covered = _draw(surface, rig.rest, rig.skin, size)
  # What the surface leaves open at the frame's border stays as it was.
  place = jnp.where(covered[..., None], place, _pixels(size))
  return _photo(rig, place), covered


def _openings(
  rig: rig_lib.Rig, skin: tuple[Array, Array, Array], window: int
) -> Array:
  """A frame [H, W, 3] uint8: eyes and mouth put into the skin.

  Args:
    rig: the portrait.
    skin: coefficients [70], colours [H, W, 3] and coverage [H, W].
    window: side of the windows, static.
  """
  row, frame, covered = skin
  motion = _motion(rig, row)
  maps = _plane_maps(rig, motion)
  for plane in range(3):
    frame = _fill(rig, motion, frame, covered, (plane, *maps), window)
  return jnp.clip(jnp.round(frame), 0.0, 255.0).astype(jnp.uint8)


def _personal(rig: rig_lib.Rig, beta: Array) -> Array:
  """Expression [64] with blinks that close this person's lids."""
  own = rig.source[rig.blink_slots]
  wanted = beta[rig.blink_slots]
  moved = own + (wanted - own) * jnp.where(wanted > own, rig.blink_gain, 1.0)
  return jnp.asarray(beta).at[rig.blink_slots].set(moved)


def _expressed(vertices: Array, basis: Array, beta: Array) -> Array:
  """Vertices [N, 3] with the expression [64] of a basis [64, N, 3]."""
  return vertices + jnp.einsum(
    'k,knc->nc', beta, basis, precision=lax.Precision.HIGHEST
  )


def _pose(
  rig: rig_lib.Rig, vertices: Array, basis: Array | None, motion: _Motion
) -> _Surface:
  """Vertices [N, 3] with expression and pose in the frame."""
  if basis is not None:
    vertices = _expressed(vertices, basis, motion.expression)
  points, depth = camera.project(
    camera.transform(vertices, motion.angles, motion.translation)
  )
  return _Surface(points * rig.camera_scale + rig.camera_shift, depth)


def _pixels(size: tuple[int, int]) -> Array:
  """Centres [H, W, 2] of the pixels of a picture of this height and width."""
  y, x = jnp.meshgrid(
    *(jnp.arange(n, dtype=jnp.float32) + 0.5 for n in size), indexing='ij'
  )
  return jnp.stack([x, y], -1)


def _photo(rig: rig_lib.Rig, points: Array) -> Array:
  """Colours [..., 3], 0..255, of the photo at frame points; bilinear."""
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


def _draw(
  surface: _Surface,
  attributes: Array,
  triangles: Array,
  size: tuple[int, int],
  **options: Any,
) -> tuple[Array, Array]:
  """Interpolated attributes [H, W, C] and coverage [H, W] of a surface."""
  positions = jnp.concatenate([surface.points, surface.depth[:, None]], 1)
  fragments = rasterizer.rasterize(positions, triangles, *size, **options)
  values = rasterizer.interpolate(positions, attributes, triangles, fragments)
  return values, fragments.triangle_id >= 0


def _plane_maps(
  rig: rig_lib.Rig, motion: _Motion
) -> tuple[Array, Array, Array]:
  """Affine maps from the frame back to the source, one per plane.

  Returns:
    Centres in the frame [3, 2], matrices [3, 2, 2] and centres in the source
    [3, 2]: source = (frame - centre) @ matrix + source centre.
  """
  posed = _pose(rig, rig.planes.reshape(-1, 3), None, motion).points
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


def _fill(
  rig: rig_lib.Rig,
  motion: _Motion,
  frame: Array,
  covered: Array,
  plane: tuple[int, Array, Array, Array],
  window: int,
) -> Array:
  """The frame [H, W, 3] with one opening of the skin filled.

  Args:
    rig: the portrait.
    motion: of this frame.
    frame: [H, W, 3] colours of the skin.
    covered: [H, W] where there is skin.
    plane: its index, and what `_plane_maps` gave.
    window: side of the square that is looked at, static.
  """
  which, centres, matrices, rests = plane
  height, width = covered.shape
  drop = jnp.array([0.0, JAW_DROP if which == MOUTH else 0.0]) * rig.pixels
  limit = jnp.array([width - window, height - window])
  start = jnp.round(centres[which] + drop - 0.5 * window).astype(jnp.int32)
  start = jnp.clip(start, 0, limit)
  x0, y0 = start
  skin = lax.dynamic_slice(frame, (y0, x0, 0), (window, window, 3))
  mask = lax.dynamic_slice(covered, (y0, x0), (window, window))
  pixels = _pixels((window, window)) + start.astype(jnp.float32)
  offset = pixels - centres[which]
  matrix = matrices[which]
  back = (
    offset[..., :1] * matrix[0] + offset[..., 1:] * matrix[1] + rests[which]
  )
  behind = _photo(rig, back)
  if which == MOUTH:
    behind = _mouth(rig, motion, behind, back, mask, start)
  # Openings beyond the reach of this plane belong to another one.
  away = pixels[..., None, :] - centres  # [n, n, 3, 2]
  mine = jnp.argmin(jnp.sum(away**2, -1), -1) == which
  skin_near, alpha = _soften(skin, mask)
  filled = skin_near * alpha + behind * (1.0 - alpha)
  filled = jnp.where(mine[..., None], filled, skin)
  return lax.dynamic_update_slice(frame, filled, (y0, x0, 0))


def _mouth(
  rig: rig_lib.Rig,
  motion: _Motion,
  photo: Array,
  back: Array,
  covered: Array,
  start: Array,
) -> Array:
  """What lies between the lips, in the mouth's window: [n, n, 3].

  Args:
    rig: the portrait.
    motion: of this frame.
    photo: [n, n, 3] what the photo shows there.
    back: [n, n, 2] frame points of the source that it was taken from.
    covered: [n, n] pixels of the skin.
    start: [2] first pixel of the window.
  """
  size = (covered.shape[0], covered.shape[1])
  surface = _pose(rig, rig.inside_vertices, rig.inside_expression, motion)
  corner = start.astype(jnp.float32)
  surface = _Surface(surface.points - corner, surface.depth)
  colour, drawn = _draw(
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
  upper, lower = _expressed(rig.lips, rig.lips_expression, motion.expression)
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
  """Skin colour continued by a pixel, and its softened coverage [H, W, 1]."""
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
