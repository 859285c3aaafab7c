"""Frames of a clip with another mouth.

A frame is drawn in a square window around the lower face, in pixels of the
frame itself. Where the matte is 0 nothing is computed from it: the result is
the frame, bit by bit.
"""

from collections.abc import Iterator, Sequence
import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference import rendering, tracks
from sadtalker_jax.inference.footage import footage_portrait, shot_rig
from sadtalker_jax.inference.puppet import drawing, openings
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array

_STEP = 64  # pixels; few sizes of window, few compilations
_MOUTH_STEP = 32
_REACH = (
  1.5  # decimetre from the middle of the lower face to the window's sides
)
_EDGE = 12.0  # pixels over which the matte ends at a side of the window
_SEEN = 0.2  # share of the matte from which the drawn frame is shown whole
_SOFT = 2  # passes of (1, 2, 1) / 4 over teeth, whose rims are hard
_MOUTH = 0.5  # decimetre around the mouth's middle where the skin may be open
# Lip gaps, in those of the frame and in decimetre, from which the frame's own
# teeth begin to fade, and are gone.
_SAME, _WIDER, _WIDE = 1.0, 1.5, 0.02


class PreparedFootage:
  """A clip that is being drawn; its frames are read as they are asked for."""

  def __init__(
    self,
    portrait: footage_portrait.FootagePortrait,
    model: morphable.MorphableModel,
  ):
    """Sizes of all windows; rigs are made when their shot begins."""
    self.portrait = portrait
    self._model = model
    self._rig: tuple[int, shot_rig.ShotRig] | None = None
    self._frames: Iterator[np.ndarray] = iter(())
    self._next = 0
    pixels = max(shot_rig.pixels(shot) for shot in portrait.clip.shots)
    self.size = _up(2 * _REACH * pixels, _STEP)
    self.window = min(_up(openings.WINDOW * pixels, _MOUTH_STEP), self.size)

  def read(self, index: np.ndarray) -> np.ndarray:
    """The frames [b, H, W, 3] at consecutive places of the result."""
    if index[0] == 0:
      self._frames, self._next = self.portrait.frames(), 0
    if not np.array_equal(index, self._next + np.arange(len(index))):
      raise ValueError(f'expected frames from {self._next} on, found {index}')
    self._next += len(index)
    return np.stack([next(self._frames) for _ in index])

  def rig(self, number: int) -> shot_rig.ShotRig:
    """The rig of a shot; the last one is kept."""
    if self._rig is None or self._rig[0] != number:
      made = shot_rig.build(
        self.portrait.clip.shots[number],
        self.portrait.references[number],
        self._model,
      )
      device = jax.device_put((made.rig, made.spread))
      self._rig = number, made._replace(rig=device[0], spread=device[1])
    return self._rig[1]


class FootageDrawer(rendering.Drawer):
  """Draws clips with the puppet's surface of the face."""

  mixes = False

  def __init__(self, model: morphable.MorphableModel):
    """A drawer for clips that were fitted with this head model."""
    self._model = model

  def prepare(
    self, portrait: footage_portrait.FootagePortrait
  ) -> PreparedFootage:
    """The clip, ready to be read from its first frame on."""
    return PreparedFootage(portrait, self._model)

  def inputs(
    self, prepared: PreparedFootage, track: tracks.Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """Frames [b, H, W, 3], rows [b, 70], and frame numbers of the clip [b]."""
    numbers = prepared.portrait.order[index]
    return prepared.read(index), track.coefficients[index], numbers

  def render(
    self, portraits: Sequence[PreparedFootage], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Frames [B, H, W, 3] uint8 with the mouths of rows."""
    (prepared,) = portraits
    return jnp.stack(
      [
        self._frame(prepared, frame, row, int(number))
        for frame, row, number in zip(*inputs, strict=True)
      ]
    )

  def _frame(
    self,
    prepared: PreparedFootage,
    frame: np.ndarray,
    row: np.ndarray,
    number: int,
  ) -> Array:
    """One frame [H, W, 3]; itself where it shows no face."""
    which, place = prepared.portrait.clip.shot_at(number)
    shot = None if which is None else prepared.portrait.clip.shots[which]
    if which is None or shot is None or not shot.weight[place]:
      return frame
    made = prepared.rig(which)
    size = prepared.size
    x0, y0 = _origin(shot.landmarks[place], size, frame.shape)
    height, width = frame.shape[:2]
    columns = np.clip(np.arange(x0, x0 + size), 0, width - 1)
    rows = np.clip(np.arange(y0, y0 + size), 0, height - 1)
    borders = (x0 <= 0, y0 <= 0, x0 + size >= width, y0 + size >= height)
    change = Change(
      made.beside[place],
      made.rows[place],
      row,
      np.array(shot.weight[place], np.float32),
      (made.camera_shift - (x0, y0)).astype(np.float32),
      np.array(borders),
    )
    drawn = draw(
      made.rig,
      made.spread,
      frame[rows][:, columns],
      change,
      (size, prepared.window),
    )
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = min(x0 + size, width), min(y0 + size, height)
    whole = frame.copy()
    whole[top:bottom, left:right] = np.asarray(drawn)[
      top - y0 : bottom - y0, left - x0 : right - x0
    ]
    return whole


class Change(NamedTuple):
  """What is to become of a frame."""

  beside: Array  # [L, 3] lips beside the rig's
  own: Array  # [70] coefficients of the frame
  row: Array  # [70] those wanted
  weight: Array  # [] 0 for the frame's own lips, 1 for those of the row
  shift: Array  # [2] aligned frame -> window
  borders: Array  # [4] bool, sides where the picture ends: left, top, ...


@functools.partial(jax.jit, static_argnames=('sizes',))
def draw(
  rig: rig_lib.Rig,
  spread: Array,
  window: Array,
  change: Change,
  sizes: tuple[int, int],
) -> Array:
  """The window of a frame, [S, S, 3] uint8.

  Args:
    rig: Rig of the shot, whose `follow` is the matte.
    spread: [N, L] how points of the lips pull its surface.
    window: [S, S, 3] uint8, the frame.
    change: What is wanted.
    sizes: S, and the side of the window around the mouth, pixels, static.
  """
  side, near = sizes
  picture = jnp.asarray(window, jnp.float32)
  rig = rig._replace(
    texture=picture, camera_shift=change.shift, source=change.own
  )
  pull = spread @ change.beside
  own = drawing.pose(
    rig,
    rig.vertices + pull,
    rig.expression,
    drawing.frame_coefficients(rig, change.own),
  )
  wanted = drawing.pose(
    rig,
    rig.vertices + (1.0 - change.weight) * pull,
    rig.expression,
    drawing.frame_coefficients(rig, change.row),
  )
  points = own.points + rig.follow[:, None] * (wanted.points - own.points)
  rig = _with_own_inside(rig._replace(rest=own.points), own, change, side)
  values, covered = drawing.draw(
    drawing.PosedSurface(points, wanted.depth + rig.bias),
    jnp.concatenate([own.points, rig.follow[:, None]], 1),
    rig.skin,
    (side, side),
  )
  centres = drawing.pixel_centres((side, side))
  place = jnp.where(covered[..., None], values[..., :2], centres)
  skin = drawing.photo(rig, place)
  filled = openings.fill(rig, (change.row, skin, covered), near)
  share = jnp.where(
    covered, values[..., 2], _open(rig, change.row, centres)
  ) * _inside(centres, change.borders)
  alpha = jnp.clip(share / _SEEN, 0.0, 1.0)[..., None]
  filled = _softened(filled.astype(jnp.float32), ~covered)
  mixed = picture + alpha * (filled - picture)
  return jnp.where(alpha > 0, jnp.round(mixed).astype(jnp.uint8), window)


def _with_own_inside(
  rig: rig_lib.Rig, own: drawing.PosedSurface, change: Change, side: int
) -> rig_lib.Rig:
  """The rig with what the frame itself shows between the lips.

  It is shown as long as the new mouth is not much wider open than the frame's.
  """
  surface = own._replace(depth=own.depth + rig.bias)
  _, covered = drawing.draw(surface, rig.bias[:, None], rig.skin, (side, side))
  centres = drawing.pixel_centres((side, side))
  hole = jnp.where(covered, 0.0, _open(rig, change.own, centres))
  for axis in (0, 1):  # teeth reach under the rims, which are soft in a picture
    moved = [jnp.roll(hole, step, axis) for step in (-1, 1)]
    hole = jnp.maximum(hole, jnp.maximum(*moved))
  coefficients = drawing.frame_coefficients(rig, change.own)
  lips = drawing.expressed(
    rig.lips, rig.lips_expression, coefficients.expression
  )
  upper, lower = lips + change.beside[jnp.array(shot_rig.INNER_LIPS)]
  gap = jnp.maximum(upper[1] - lower[1], 0.0)
  fade = jnp.stack([_SAME * gap, _WIDER * gap + _WIDE])
  return rig._replace(photo_mouth=hole, photo_gap=fade)


def _open(rig: rig_lib.Rig, row: Array, pixels: Array) -> Array:
  """1 where open skin shows the inside of the mouth, [S, S]."""
  lips = drawing.pose(
    rig, rig.lips, rig.lips_expression, drawing.frame_coefficients(rig, row)
  )
  away = jnp.linalg.norm(pixels - lips.points.mean(0), axis=-1)
  return (away < _MOUTH * rig.pixels).astype(jnp.float32)


def _softened(picture: Array, where: Array) -> Array:
  """A picture [S, S, 3] as soft as films are where [S, S] is True."""
  blurred = picture
  for axis in (0, 1) * _SOFT:
    before, after = (jnp.roll(blurred, step, axis) for step in (1, -1))
    blurred = 0.5 * blurred + 0.25 * (before + after)
  return jnp.where(where[..., None], blurred, picture)


def _inside(pixels: Array, borders: Array) -> Array:
  """1 in a window, 0 at its sides unless the picture ends there, [S, S]."""
  side = pixels.shape[0]
  x, y = pixels[..., 0], pixels[..., 1]
  away = jnp.stack([x, y, side - x, side - y], -1) - 1.0
  return jnp.clip(jnp.where(borders, 1.0, away / _EDGE), 0.0, 1.0).min(-1)


def _origin(
  points: np.ndarray, size: int, shape: tuple[int, ...]
) -> tuple[int, int]:
  """The corner (x, y) of the window in a frame with these landmarks."""
  centre = points[list(shot_rig.MIDDLE), :2].mean(0)
  ends = np.array([shape[1] - size, shape[0] - size])
  corner = np.round(centre - size / 2).astype(int)
  x, y = np.where(ends > 0, np.clip(corner, 0, np.maximum(ends, 0)), corner)
  return int(x), int(y)


def _up(length: float, step: int) -> int:
  return step * math.ceil(length / step)
