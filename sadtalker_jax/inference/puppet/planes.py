"""Planes behind the openings of the skin, which carry what the photo shows.

One lies in each eye, two in the mouth: one rests in the skull, one goes with
the jaw.

Conventions: those of `fitted_head`. A plane is three points: its middle, and
one step to the right of and above it.
"""

from typing import NamedTuple

import numpy as np

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fitted_head, mouth

MOUTH, JAW = 2, 3  # indices; those before are the eyes
STEP = 0.1  # decimetre


class Planes(NamedTuple):
  """Four planes: image-left eye, other eye, mouth, jaw."""

  points: np.ndarray  # [4, 3, 3] without expression
  expression: np.ndarray  # [64, 3, 3] of the jaw's; the others have none
  rest: np.ndarray  # [4, 3, 2] frame points in the pose of the photo


def build(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  view: tuple[np.ndarray, np.ndarray],
) -> Planes:
  """The planes of a head.

  Args:
    model: Head model.
    head: Fitted head.
    view: Scale and shift of the frame's camera.
  """
  landmarks = fitted_head.points468(model, head.expressed())
  steps = STEP * np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
  rims = (*fitted_head.EYE_RIMS, fitted_head.MOUTH_RIM)
  seen = np.stack([landmarks[list(rim)].mean(0) + steps for rim in rims])
  seen = np.concatenate([seen, seen[-1:]])
  expression = mouth.jaw_moves(model, head, seen[JAW])
  points = seen.copy()
  points[JAW] -= np.tensordot(head.beta, expression, 1)
  posed = points.copy()
  posed[JAW] += np.tensordot(head.beta, expression, 1)
  rest, _ = fitted_head.project(head.posed(posed.reshape(-1, 3)), *view)
  return Planes(points, expression, rest.reshape(-1, 3, 2))
