"""Head, brows, gaze and lids without an end, one frame after the other.

Motion is noise on a grid of absolute times, as in `motion.head_motion`, whose
styles it has; knots, blinks and glances are drawn block by block, so that hours
cost nothing. The head is calmer in pauses, nods on stressed syllables, and
breathes throughout.
"""

import functools
from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.motion import (
  blinks,
  gaze,
  head_motion,
  upper_face,
)

_STREAM = 0x11FE  # keeps these draws apart from others
_KNOTS = ((2.4, 0.55), (0.6, 0.65), (0.3, 0.4))  # seconds, share
_BLOCK = 64  # knots that are drawn together
_STD = 0.4 * sum(share**2 for _, share in _KNOTS) ** 0.5
_EASE_IN = 1.2  # seconds until motion is fully there
_CALM, _NOD = 0.4, 0.12  # seconds, time constants
_RAISED = 0.8  # brows on the strongest stress
_BREATH = 4.1  # seconds
_BREATH_DEGREES, _BREATH_SHIFT = 0.25, 0.012  # pitch; decimetre, upwards
_EYES_SECONDS = 20  # of blinks and glances that are drawn together
_SLOT = makehuman.EXPRESSION_SLOTS
_LIDS = [_SLOT['eyeBlinkLeft'], _SLOT['eyeBlinkRight']]


class Gestures:
  """Motion that speech modulates."""

  def __init__(
    self,
    seed: int,
    style_index: int,
    fps: float,
    blink_rate: float | None = None,
  ):
    """Starts at rest.

    Args:
      seed: Random seed.
      style_index: Manner of head motion.
      fps: Frames per second.
      blink_rate: Blinks a minute; None for what is usual.
    """
    self._blink_rate = blink_rate
    self._seed, self._index, self._fps = seed, style_index, fps
    self._style = head_motion.style(style_index)
    self._frame = 0
    self._calm = np.zeros(2)
    self._stress = np.zeros(2)

  def add(
    self,
    row: np.ndarray,
    activity: float,
    stress: float,
    options: options_lib.Options,
  ) -> None:
    """Writes the next frame into a row, in place.

    Args:
      row: [70] the portrait's coefficients, with a mouth.
      activity: Speech activity, 0 to 1.
      stress: Prominence of a syllable, 0 to 1.
      options: Options; stillness, strength, gaze and blinks count.
    """
    seconds = self._frame / self._fps
    calm = self._followed(self._calm, activity, _CALM)
    stressed = self._followed(self._stress, stress, _NOD)
    pose = np.zeros(6, np.float32)
    if not options.still:
      pose = self._pose(seconds, calm, stressed)
      row[conventions.ROW_POSE] += pose
    rows = row[None]
    raised = _RAISED * options.expression_scale * stressed
    upper_face.add_brows(rows, np.array([raised]))
    if options.blink:
      block, place = divmod(self._frame, _eyes_frames(self._fps))
      eyes = _eyes(self._seed, self._fps, block, self._blink_rate)
      if options.gaze is None:
        steady = gaze.steadied(eyes.gaze[place][None], pose[None])
        gaze.add(rows, steady)
      rows[:, _LIDS] = np.maximum(rows[:, _LIDS], eyes.closed[place])
    self._frame += 1

  def skip(self) -> None:
    """Lets a frame pass that nobody sees."""
    self._frame += 1

  def _pose(self, seconds: float, calm: float, stressed: float) -> np.ndarray:
    """Pose [6] relative to the portrait's."""
    ease = min(seconds / _EASE_IN, 1.0)
    ease = ease * ease * (3 - 2 * ease)
    style = self._style
    life = style.quiet + (1 - style.quiet) * calm
    noise = self._noise(seconds * style.speed)
    degrees = (noise[:3] * style.angles + style.lean) * life
    degrees[2] += style.sway * degrees[1]
    breath = np.sin(2 * np.pi * seconds / _BREATH)
    degrees[0] += style.nod * stressed + _BREATH_DEGREES * breath
    most = head_motion.MAX_DEGREES
    angles = np.radians(most * np.tanh(ease * degrees / most))
    shift = noise[3:] * style.shift * life * ease - np.cross(
      angles, head_motion.NECK
    )
    shift[1] += _BREATH_SHIFT * breath * ease
    return np.concatenate([angles, shift]).astype(np.float32)

  def _followed(
    self, state: np.ndarray, target: float, seconds: float
  ) -> float:
    """Two low passes in a row, so that nothing has a kink."""
    keep = np.exp(-1 / (seconds * self._fps))
    state[0] += (1 - keep) * (target - state[0])
    state[1] += (1 - keep) * (state[0] - state[1])
    return float(state[1])

  def _noise(self, time: float) -> np.ndarray:
    """Smooth noise [6] of standard deviation 1: cubic B-splines."""
    total = np.zeros(6)
    for layer, (spacing, share) in enumerate(_KNOTS):
      place = time / spacing
      first = int(place)
      weights = head_motion.spline_weights(place - first)
      for offset, weight in enumerate(weights):
        block, row = divmod(first + offset, _BLOCK)
        knots = _knots(self._seed, self._index, layer, block)
        total += share * weight * knots[row]
    return total / _STD


def closed(
  seed: int, fps: float, frame: int, blink_rate: float | None = None
) -> float:
  """How far lids are closed in a frame of a stream, 0 to 1.

  Args:
    seed: Random seed.
    fps: Frames per second.
    frame: Number of the frame.
    blink_rate: Blinks a minute; None for what is usual.
  """
  block, place = divmod(frame, _eyes_frames(fps))
  return float(_eyes(seed, fps, block, blink_rate).closed[place])


class _Eyes(NamedTuple):
  closed: np.ndarray  # [T]
  gaze: np.ndarray  # [T, 2] degrees


def _eyes_frames(fps: float) -> int:
  return max(round(_EYES_SECONDS * fps), 1)


@functools.lru_cache(32)
def _eyes(seed: int, fps: float, block: int, blink_rate: float | None) -> _Eyes:
  """Blinks and glances of a block; all blinks in it are complete."""
  count = _eyes_frames(fps)
  key = int(np.random.default_rng([_STREAM, seed, block]).integers(2**32))
  return _Eyes(
    blinks.natural_track(key, count, fps, per_minute=blink_rate),
    gaze.track(key, count, fps),
  )


@functools.lru_cache(64)
def _knots(seed: int, style_index: int, layer: int, block: int) -> np.ndarray:
  """Knots [64, 6] in [-1, 1]."""
  key = [_STREAM, seed, style_index, layer, block]
  return 2 * np.random.default_rng(key).random((_BLOCK, 6)) - 1
