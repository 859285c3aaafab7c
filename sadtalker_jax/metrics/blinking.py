"""Blinks, found in the curve of how far the eyes are open."""

from typing import NamedTuple

import numpy as np

from sadtalker_jax.typing import Array

_SHUT = 0.5  # share of the open eye: the lids have closed half of their way
_OPEN = 90.0  # percentile of the curve that stands for the open eye
_LONGEST = 0.5  # seconds; an eye that is shut longer is not blinking


class Blinks(NamedTuple):
  """The blinks of a clip."""

  starts: np.ndarray  # [B] float64, frames; the lids are half closed
  stops: np.ndarray  # [B] float64, frames; the lids are half open again
  rate: float  # blinks a minute
  duration: float  # mean seconds from start to stop; NaN without blinks


def blinks(openness: Array, *, fps: float = 25.0) -> Blinks:
  """Blinks of a clip.

  A blink is where the eye is less than half as open as usual (the 90th
  percentile), for half a second at most; blinks that are cut by the ends of the
  clip are left out. Starts and stops are interpolated between frames.

  Args:
    openness: [T] curve in any unit, such as the mean of
      `face3d.measures.eye_openness` over the two eyes; T at least 3.
    fps: frames a second.

  Raises:
    ValueError: `openness` has another shape or is too short, or `fps` is not
      above 0.
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
    after = after[1:]  # the end of a blink that began before the clip
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
