"""Frames of a clip with another mouth.

A frame is drawn in a square window around the lower face, in pixels of the
frame itself. Where the matte is 0 nothing is computed from it: the result is
the frame, bit by bit.
"""

from collections.abc import Iterator, Sequence
import math

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference import rendering, tracks
from sadtalker_jax.inference.footage import (
  following,
  footage_portrait,
  mouth_drawing,
  shot_rig,
)
from sadtalker_jax.inference.puppet import openings
from sadtalker_jax.typing import Array

_MOST = 2048  # pixels along a side of the window; see `rasterizer`
_STEP = 64  # pixels; few sizes of window, few compilations
_MOUTH_STEP = 32
_REACH = (
  1.5  # decimetre from the middle of the lower face to the window's sides
)


class PreparedFootage:
  """A clip that is being drawn; its frames are read as they are asked for."""

  def __init__(
    self,
    portrait: footage_portrait.FootagePortrait,
    model: morphable.MorphableModel,
    clips: Sequence[following.Clip] = (),
  ):
    """Sizes of all windows; rigs are made when their shot begins.

    Args:
      portrait: The clip.
      model: Head model.
      clips: Those whose windows have the same size; none: this one.
    """
    clips = clips or [portrait.clip]
    self.portrait = portrait
    self._model = model
    self._rig: tuple[int, shot_rig.ShotRig] | None = None
    self._frames: Iterator[np.ndarray] = iter(())
    self._next = 0
    pixels = _pixels(clips)
    self.size = _window_side(clips)
    self.windows = tuple(
      min(_up(width * pixels, _MOUTH_STEP), self.size)
      for width in openings.WINDOWS
    )

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
  reach = 0

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
        self.frame(prepared, frame, row, int(number))
        for frame, row, number in zip(*inputs, strict=True)
      ]
    )

  def frame(
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
    change = mouth_drawing.Change(
      made.beside[place],
      made.rows[place],
      row,
      np.array(shot.weight[place], np.float32),
      (made.camera_shift - (x0, y0)).astype(np.float32),
      np.array(borders),
    )
    drawn = mouth_drawing.draw(
      made.rig,
      made.spread,
      frame[rows][:, columns],
      change,
      (size, prepared.windows),
    )
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = min(x0 + size, width), min(y0 + size, height)
    whole = frame.copy()
    whole[top:bottom, left:right] = np.asarray(drawn)[
      top - y0 : bottom - y0, left - x0 : right - x0
    ]
    return whole


def _origin(
  points: np.ndarray, size: int, shape: tuple[int, ...]
) -> tuple[int, int]:
  """The corner (x, y) of the window in a frame with these landmarks."""
  centre = points[list(shot_rig.MIDDLE), :2].mean(0)
  ends = np.array([shape[1] - size, shape[0] - size])
  corner = np.round(centre - size / 2).astype(int)
  x, y = np.where(ends > 0, np.clip(corner, 0, np.maximum(ends, 0)), corner)
  return int(x), int(y)


def check_size(clips: Sequence[following.Clip]) -> None:
  """Refuses faces that are too large to be drawn.

  Raises:
    InputError: there is one.
  """
  side = _window_side(clips)
  if side > _MOST:
    raise errors.InputError(
      f'expected lower faces in a window of at most {_MOST} pixels, found one '
      f'of {side} (make the video smaller)'
    )


def _window_side(clips: Sequence[following.Clip]) -> int:
  """Pixels along a side of the windows of clips."""
  return _up(2 * _REACH * _pixels(clips), _STEP)


def _pixels(clips: Sequence[following.Clip]) -> float:
  """Pixels per decimetre at the largest face of clips."""
  return max(shot_rig.pixels(shot) for clip in clips for shot in clip.shots)


def _up(length: float, step: int) -> int:
  return step * math.ceil(length / step)
