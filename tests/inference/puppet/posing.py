"""Where the points of a rig are in a pose."""

import numpy as np

from sadtalker_jax.inference.puppet import drawing
from sadtalker_jax.inference.puppet import rig as rig_lib


def points(rig: rig_lib.Rig, row: np.ndarray) -> np.ndarray:
  """Points [V, 2] of a frame, in its pixels, under a row [70]."""
  coefficients = drawing.frame_coefficients(row)
  posed = drawing.pose(rig, rig.vertices, rig.expression, coefficients)
  return np.asarray(posed.points)
