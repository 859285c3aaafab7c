"""Brightness along lines of a picture, and how soft an edge in it is.

Pictures are RGB [H, W, 3]; points are (x, y) in pixels, pixel centres at
half-integers.
"""

import numpy as np
from scipy import ndimage

from sadtalker_jax.metrics import sharpness

STEP = 0.25  # pixels between the places of a profile
_EDGE = 20.0  # grey levels that an edge has at the least
_FLAT = 0.1  # share of the steepest slope at which an edge ends


class Brightness:
  """The brightness of a frame between its pixels, by cubic splines."""

  def __init__(self, frame: np.ndarray):
    """Prepares a frame, uint8 [H, W, 3]."""
    self._spline = ndimage.spline_filter(sharpness.grey(frame), 3)

  def at(self, points: np.ndarray) -> np.ndarray:
    """Brightness [...] at points [..., 2]."""
    rows = np.moveaxis(points[..., ::-1] - 0.5, -1, 0)
    return ndimage.map_coordinates(
      self._spline, rows, order=3, mode='nearest', prefilter=False
    )


def line(start: np.ndarray, end: np.ndarray) -> np.ndarray:
  """Points [L, 2] from one to another, `STEP` apart."""
  count = max(int(np.linalg.norm(end - start) / STEP) + 1, 2)
  return start + np.linspace(0, 1, count)[:, None] * (end - start)


def ramp(profile: np.ndarray) -> float:
  """Width of the steepest edge of a profile [L], pixels; NaN without one.

  From 10 to 90 % of the way between the brightness before and after it.
  """
  slope = np.diff(profile)
  if not len(slope):
    return float('nan')
  peak = int(np.abs(slope).argmax())
  rising = slope * np.sign(slope[peak]) > _FLAT * np.abs(slope[peak])
  first, last = peak, peak
  while first > 0 and rising[first - 1]:
    first -= 1
  while last + 1 < len(slope) and rising[last + 1]:
    last += 1
  edge = profile[first : last + 2]
  height = np.abs(edge[-1] - edge[0])
  if height < _EDGE:
    return float('nan')
  share = np.abs(edge - edge[0]) / height
  ends = np.interp([0.1, 0.9], share, np.arange(len(edge)))
  return float(STEP * (ends[1] - ends[0]))
