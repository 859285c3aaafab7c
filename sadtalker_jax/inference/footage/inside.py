"""Teeth and dark of the mouth in the colours in which the clip shows them."""

import numpy as np
from scipy import ndimage

from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array

_RIM = (
  78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82,
  81, 80, 191,
)  # fmt: skip
_LEAST = 30  # pixels of open mouth
_LIGHT, _DARK = 88, 15  # percentiles of brightness; teeth above, dark below
_GREY = np.array([0.299, 0.587, 0.114])
# Limits of the change: where the clip shows no teeth, a tongue is the lightest.
_BRIGHTER, _REDDER = (0.6, 1.6), (0.75, 1.3)


def colours(
  rig: rig_lib.Rig, picture: np.ndarray, points: np.ndarray
) -> dict[str, Array]:
  """The fields of a rig that are colours of the inside.

  Args:
    rig: Rig with the model's colours.
    picture: [H, W, 3] uint8, a frame with an open mouth.
    points: [478, 2] landmarks in it, pixels.

  Returns:
    The fields; those of the rig where the mouth is not open.
  """
  fields = {'inside_colour': rig.inside_colour, 'cavity': rig.cavity}
  hole = ndimage.binary_erosion(_within(points[list(_RIM)], picture.shape[:2]))
  if hole.sum() < _LEAST:
    return fields
  seen = picture[hole].astype(np.float64)
  grey = seen @ _GREY
  teeth = seen[grey >= np.percentile(grey, _LIGHT)].mean(0)
  dark = seen[grey <= np.percentile(grey, _DARK)].mean(0)
  usual = np.percentile(rig.inside_colour, 90, axis=0)
  tint = teeth / np.maximum(usual, 1.0)
  level = float(teeth @ _GREY / np.maximum(usual @ _GREY, 1.0))
  tint = np.clip(level, *_BRIGHTER) * np.clip(tint / max(level, 1e-3), *_REDDER)
  fields['inside_colour'] = np.clip(rig.inside_colour * tint, 0, 255).astype(
    np.float32
  )
  fields['cavity'] = np.minimum(dark, 0.6 * teeth).astype(np.float32)
  return fields


def _within(corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Pixels [H, W] whose middles are inside a polygon with corners [N, 2]."""
  y, x = np.indices(size) + 0.5
  inside = np.zeros(size, bool)
  for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
    if y0 != y1:
      crossing = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
      inside ^= ((y0 <= y) != (y1 <= y)) & (x < crossing)
  return inside
