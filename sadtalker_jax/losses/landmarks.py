"""Losses on the 68 landmarks of faces that coefficients describe.

Points are those of the aligned frame (`face3d.camera`), pixels at 224, v up.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import camera, coeffs
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.typing import Array

_EYES = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))
_INNER_LIPS = (62, 66)  # middle of the upper and of the lower
_LEAST = 1e-6  # pixels, of a distance that is divided by


def _weights() -> np.ndarray:
  weights = np.ones(68, np.float32)
  weights[28:31] = 20  # ridge of the nose
  weights[60:68] = 20  # inner lips
  return weights


WEIGHTS = _weights()  # method 6.6
# ExpNet's, whose eyes follow the blink signal (method 3.5).
WITHOUT_EYES = np.where(
  (np.arange(68) >= 36) & (np.arange(68) < 48), np.float32(0), WEIGHTS
)
WEIGHTS.setflags(write=False)
WITHOUT_EYES.setflags(write=False)


class Points(NamedTuple):
  """A face model at its 68 landmarks alone; `of_model` makes it."""

  mean: Array  # [68, 3]
  identity: Array  # [80, 68, 3]
  expression: Array  # [64, 68, 3]


def of_model(model: morphable.MorphableModel) -> Points:
  """The landmarks of a face model: all that a projection needs of it."""
  return Points(
    *morphable.restrict(model, model.landmark_ids, model.landmark_weights)
  )


def project(points: Points, c: coeffs.Coefficients) -> jax.Array:
  """Landmarks [..., 68, 2] of coefficients with leading axes [...]."""
  shape = (
    jnp.asarray(points.mean)
    + jnp.einsum(
      '...k,kvc->...vc', c.identity, points.identity, precision='highest'
    )
    + jnp.einsum(
      '...k,kvc->...vc', c.expression, points.expression, precision='highest'
    )
  )
  posed = camera.transform(shape, c.angles, c.translation)
  return jnp.asarray(camera.project(posed)[0])


def weighted_error(
  prediction: jax.Array, target: jax.Array, weights: Array = WEIGHTS
) -> jax.Array:
  """Weighted squared distance, mean over points and faces (method 6.6).

  Args:
    prediction: Points [..., 68, 2].
    target: Points [..., 68, 2].
    weights: Weights [68] of the points.

  Returns:
    [], pixels squared.
  """
  squared = jnp.square(prediction - target).sum(-1)  # [..., 68]
  return (squared * weights).mean()


def eye_aspect_ratio(points: jax.Array) -> jax.Array:
  """How open the eyes are: height over width (method 3.5).

  Args:
    points: Landmarks [..., 68, 2].

  Returns:
    [..., 2], of the right and of the left eye.
  """

  def distance(i: int, j: int) -> jax.Array:
    square = jnp.square(points[..., i, :] - points[..., j, :]).sum(-1)
    return jnp.sqrt(jnp.maximum(square, _LEAST**2))

  ratios = [
    (distance(b, f) + distance(c, e)) / (2 * distance(a, d))
    for a, b, c, d, e, f in _EYES
  ]
  return jnp.stack(ratios, axis=-1)


def lip_gap(points: jax.Array) -> jax.Array:
  """Distance of the inner lips [...] of points [..., 68, 2], pixels."""
  upper, lower = (points[..., i, :] for i in _INNER_LIPS)
  return jnp.linalg.norm(upper - lower, axis=-1)
