"""Blinks, read off a curve of how far the eyes are open."""

from typing import NamedTuple

import numpy as np

from sadtalker_jax.typing import Array

_SHUT = 0.5  # of the open eye: the lids have met half of their way
_OPEN = 90.0  # percentile of the curve that is taken for the open eye
_LONGEST = 0.5  # seconds: an eye that stays shut longer does not blink


class Blinks(NamedTuple):
  """The blinks of a clip."""

  starts: np.ndarray  # [B] float64, frames; the lids pass half of their way
  stops: np.ndarray  # [B] float64, frames; and pass it again
  rate: float  # blinks a minute
  duration: float  # seconds from start to stop, mean; NaN without any


def blinks(openness: Array, *, fps: float = 25.0) -> Blinks:
  """Blinks of a clip.

  An eye blinks where it is less than half as open as it usually is (the 90th
  percentile), for half a second at most; blinks that the clip's ends cut do not
  count. Durations are those at half of the opening, read off between frames.

  Args:
    openness: [T], any unit, such as the mean of `face3d.measures.eye_openness`
      over the two eyes; T at least 3.
    fps: frames a second.

  Raises:
    ValueError: this is no such curve, or a frame rate that is not above 0.
  """
  curve = np.asarray(openness, np.float64)
  if curve.ndim != 1 or len(curve) < 3 or fps <= 0:
    raise ValueError(
      'expected a curve [T], T at least 3, and a frame rate above 0, found '
      f'{curve.shape} at {fps}'
    )
  level = _SHUT * np.percentile(curve, _OPEN)
  edges = np.diff((curve < level).astype(np.int8))
  before = np.flatnonzero(edges == 1)  # last open frame, and first open again
  after = np.flatnonzero(edges == -1) + 1
  if len(after) and (not len(before) or after[0] <= before[0]):
    after = after[1:]  # of a blink that the clip begins in
  before = before[: len(after)]

  def crossing(open_frame: np.ndarray, step: int) -> np.ndarray:
    opened, shut = curve[open_frame], curve[open_frame + step]
    return open_frame + step * (opened - level) / (opened - shut)

  starts, stops = crossing(before, 1), crossing(after, -1)
  short = stops - starts <= _LONGEST * fps
  starts, stops = starts[short], stops[short]
  lengths = (stops - starts) / fps
  rate = 60 * fps * len(starts) / len(curve)
  duration = float(lengths.mean()) if len(lengths) else float('nan')
  return Blinks(starts, stops, rate, duration)
