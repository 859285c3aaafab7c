"""The fitted head of a portrait, moved onto the landmarks of its photo.

Beside it: the camera of the rendered frame, and the rims of eyes and mouth
among the 468 landmarks. Everything is numpy float64.

Conventions: vertices in decimetre, in the head's own coordinates, or posed, as
the camera sees them; frame points are (x, y) in pixels of the rendered frame, y
down, pixel centres at half-integers; depths are distances from the camera along
its axis, decimetre.
"""

from typing import NamedTuple

import numpy as np

from sadtalker_jax.face3d import camera, coeffs
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fields, fitted_portrait

RESIDUAL_LENGTH = 0.2  # decimetre over which a landmark pulls the skin along

# Points of the 468: corners, upper and lower rim of each eye; corners and inner
# rim of the mouth.
EYE_RIMS = ((33, 133, 159, 145), (362, 263, 386, 374))
MOUTH_RIM = (61, 291, 13, 14)


class FittedHead(NamedTuple):
  """The head of a portrait; what the model misses is in its vertices."""

  vertices: np.ndarray  # [V, 3] without expression
  expression: np.ndarray  # [64, V, 3]
  beta: np.ndarray  # [64]
  rotation: np.ndarray  # [3, 3], posed = vertices @ rotation + translation
  translation: np.ndarray  # [3]

  def expressed(self) -> np.ndarray:
    """Vertices [V, 3] with the expression of the photo."""
    return self.vertices + np.tensordot(self.beta, self.expression, 1)

  def posed(self, vertices: np.ndarray) -> np.ndarray:
    """Vertices [N, 3] turned and moved as in the photo."""
    return vertices @ self.rotation + self.translation

  def unposed(self, vertices: np.ndarray) -> np.ndarray:
    """Vertices [N, 3] in the head's own coordinates; undoes `posed`."""
    return (vertices - self.translation) @ self.rotation.T


def build(
  portrait: fitted_portrait.FittedPortrait, model: morphable.MorphableModel
) -> FittedHead:
  """The head with its identity, moved onto the landmarks of the photo.

  Args:
    portrait: Portrait with its landmarks and fitted coefficients.
    model: Head model that it was fitted with.
  """
  beta, angles, translation = map(
    np.asarray, coeffs.split_row(np.asarray(portrait.row, np.float64))
  )
  identity = np.asarray(model.identity, np.float64)
  head = FittedHead(
    np.asarray(model.mean, np.float64)
    + np.tensordot(np.asarray(portrait.identity, np.float64), identity, 1),
    np.asarray(model.expression, np.float64),
    beta,
    np.asarray(camera.rotate(np.eye(3, dtype=np.float32), angles), np.float64),
    translation,
  )
  # How far the landmarks lie beside the head, in the image plane.
  posed = head.posed(points468(model, head.expressed()))
  target = np.asarray(
    camera.picture_to_aligned(portrait.landmarks[:468, :2], portrait.trans),
    np.float64,
  )
  depth = camera.DISTANCE - posed[:, 2:]
  moved = np.zeros_like(posed)
  moved[:, :2] = (target - camera.CENTER) * depth / camera.FOCAL - posed[:, :2]
  # Distances are taken with the jaw open, so that the upper lip does not follow
  # landmarks of the lower one.
  jaw = model.expression_names.index('jawOpen')
  open_mouth = np.asarray(model.mean, np.float64) + head.expression[jaw]
  offsets = fields.spread(
    points468(model, open_mouth),
    moved @ head.rotation.T,
    open_mouth,
    RESIDUAL_LENGTH,
  )
  return head._replace(vertices=head.vertices + offsets)


def points468(model: morphable.MorphableModel, field: np.ndarray) -> np.ndarray:
  """A field [V, C] of the vertices at the 468 landmarks: [468, C]."""
  ids, weights = np.asarray(model.dense_ids), np.asarray(model.dense_weights)
  return (np.asarray(field, np.float64)[ids] * weights[..., None]).sum(1)


def frame_camera(
  portrait: fitted_portrait.FittedPortrait,
) -> tuple[np.ndarray, np.ndarray]:
  """Scale [2] and shift [2] from the aligned frame to the rendered frame."""
  corners = np.array([[0.0, 0.0], [1.0, 1.0]])
  picture = camera.aligned_to_picture(corners, portrait.trans)
  low, high = portrait.to_frame(np.asarray(picture, np.float64))
  return high - low, low


def project(
  posed: np.ndarray, scale: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Frame points [N, 2] and depths [N] of posed vertices [N, 3]."""
  depth = camera.DISTANCE - posed[:, 2]
  aligned = posed[:, :2] * camera.FOCAL / depth[:, None] + camera.CENTER
  return aligned * scale + shift, depth


def unproject(
  points: np.ndarray, depth: np.ndarray, scale: np.ndarray, shift: np.ndarray
) -> np.ndarray:
  """Posed vertices [N, 3] of frame points [N, 2] at depths [N]."""
  aligned = (points - shift) / scale - camera.CENTER
  plane = aligned * depth[:, None] / camera.FOCAL
  return np.concatenate([plane, camera.DISTANCE - depth[:, None]], 1)
