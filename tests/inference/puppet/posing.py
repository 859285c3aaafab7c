"""A rig in a pose: its points, and its skin alone."""

import numpy as np

from sadtalker_jax.inference.puppet import drawing
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.inference.puppet import skin as skin_lib
from sadtalker_jax.typing import Array


def points(rig: rig_lib.Rig, row: np.ndarray) -> np.ndarray:
  """Points [V, 2] of a frame, in its pixels, under a row [70]."""
  coefficients = drawing.frame_coefficients(row)
  posed = drawing.pose(rig, rig.vertices, rig.expression, coefficients)
  return np.asarray(posed.points)


def skin(
  rig: rig_lib.Rig, row: Array, size: tuple[int, int]
) -> tuple[Array, Array]:
  """Colours [H, W, 3] of a frame, and its open share [H, W], in one program."""
  found = skin_lib.places(rig, row, size)
  layers = drawing.read(rig, found.face), drawing.read(rig, found.around)
  colours = skin_lib.colours(rig, found, *layers)
  return skin_lib.softened(colours, found), found.opened
