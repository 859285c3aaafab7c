"""Where the person is likely to be, from the face alone.

Conventions: points are (x, y) in pixels, y down, pixel centres at
half-integers; lengths are in widths of the face unless said otherwise.
"""

from typing import NamedTuple

import numpy as np

CHIN, BROW = 152, 9  # landmarks
SIDES = (234, 454)
OVAL = (
  *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379),
  *(378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127),
  *(162, 21, 54, 103, 67, 109),
)

_CRANIUM = 0.34  # share by which heads are higher than the oval of the face
_HAIR, _HAIR_SPREAD = 0.22, 0.13  # usual reach of hair beyond the skull
_HAT = 0.22  # how much farther hats, buns and locks reach at the top
_NECK = 0.30  # half of its width
_SHOULDERS = ((0.10, _NECK), (0.45, 0.85), (0.9, 1.25), (2.5, 1.5))
_SHOULDER_SPREAD = 0.12
_LONG_HAIR = 0.45  # how likely it is beside the neck
_LEAST, _GREATEST = 0.06, 0.97  # of what is likely


class Place(NamedTuple):
  """What is known of the pixels of a picture [H, W] before colours are seen."""

  likely: np.ndarray  # how likely they are of the person, in (0, 1)
  sure: np.ndarray  # bool, those of the face and the skull
  below: np.ndarray  # how far they are below the chin
  beside: np.ndarray  # how far they are outside of the skull
  upward: np.ndarray  # 1 straight above the face, 0 beside and under it
  width: float  # of the face, pixels


def find(points: np.ndarray, size: tuple[int, int]) -> Place:
  """Where the person with a face is likely to be.

  Args:
    points: [478, 2] or [468, 2] landmarks.
    size: Height and width of the picture.
  """
  origin = points[list(SIDES)].mean(0)
  width = max(float(np.linalg.norm(np.subtract(*points[list(SIDES)]))), 1.0)
  down = points[CHIN] - points[BROW]
  # A nod shortens the face, and a turned one is narrower than its head.
  width = max(width, 0.85 * float(np.linalg.norm(down)))
  down = down / max(float(np.linalg.norm(down)), 1e-6)
  right = np.array([down[1], -down[0]])
  y, x = np.indices(size) + 0.5
  offset = np.stack([x, y], -1) - origin
  u, v = offset @ right, offset @ down
  oval = points[list(OVAL)] - origin
  angles = np.arctan2(oval @ right, -(oval @ down))  # 0 is up
  order = np.argsort(angles)
  reach = np.linalg.norm(oval, axis=1)[order]
  angle = np.arctan2(u, -v)
  face = np.interp(angle, angles[order], reach, period=2 * np.pi)
  high = np.clip(np.cos(angle), 0.0, 1.0) ** 2
  skull = face * (1.0 + _CRANIUM * high)
  far = np.hypot(u, v)
  beside = (far - skull) / width
  below = (v - (points[CHIN] - origin) @ down) / width
  likely = _logistic((_HAIR + _HAT * high - beside) / _HAIR_SPREAD)
  half = np.interp(below, *np.transpose(_SHOULDERS))
  # Bodies stand upright, however the head is held.
  aside = np.abs(x - points[CHIN][0]) / width
  body = _logistic((half - aside) / _SHOULDER_SPREAD)
  body *= _logistic((below + 0.05) / 0.05)
  long = _LONG_HAIR * _logistic((0.8 - aside) / 0.08)
  long *= _logistic((below + 0.6) / 0.15)
  likely = np.maximum(np.maximum(likely, body), long)
  likely = np.clip(likely, _LEAST, _GREATEST)
  sure = (far < 0.93 * face) | (far < 0.85 * skull)
  return Place(likely, sure, below, beside, high, width)


def _logistic(x: np.ndarray) -> np.ndarray:
  return 1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0)))
