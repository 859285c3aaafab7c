"""Loss terms of a fit to a picture: colours, landmarks and priors.

Conventions: pictures are [..., H, W, 3] RGB in [0, 1], masks [..., H, W],
points [..., N, 2] in pixels of the aligned 224 frame. Every term is a scalar,
a mean over the leading axes, before its weight. The terms and the weights are
those of Deep3D's training (method 6.6), except for `smoothness`, which is for a
per-vertex albedo and is ours.
"""

from typing import NamedTuple

from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import coeffs
from sadtalker_jax.typing import Array

NUM_LANDMARKS = 68
_PRECISE = (28, 29, 30, *range(60, 68))  # nose and inner lips


class TermWeights(NamedTuple):
  """Weights of the loss terms."""

  photometric: float | Array = 1.92
  landmarks: float | Array = 1.6e-3
  prior: float | Array = 3e-4
  gamma: float | Array = 10.0
  reflectance: float | Array = 5.0
  smoothness: float | Array = 20.0


class PhotometricTerms(NamedTuple):
  """Terms before their weights, and their weighted sum."""

  photometric: Array
  landmarks: Array
  prior: Array
  gamma: Array
  reflectance: Array
  smoothness: Array
  total: Array


def photometric(image: Array, target: Array, mask: Array) -> Array:
  """Mean colour distance within a mask, by the robust L2,1 norm.

  Args:
    image: [..., H, W, 3] drawn picture.
    target: [..., H, W, 3] picture to fit.
    mask: [..., H, W] weights, constant for differentiation.
  """
  mask = lax.stop_gradient(jnp.asarray(mask))
  squared = jnp.sum((jnp.asarray(image) - target) ** 2, -1)
  total = jnp.sum(jnp.sqrt(1e-6 + squared) * mask)
  return total / jnp.maximum(jnp.sum(mask), 1.0)


def landmark_weights() -> np.ndarray:
  """Weights [68]: 20 for the lower nose bridge, its tip and the inner lips."""
  weights = np.ones(NUM_LANDMARKS, np.float32)
  weights[list(_PRECISE)] = 20
  return weights


def landmarks(found: Array, target: Array, weights: Array) -> Array:
  """Mean weighted squared distance of landmarks, in pixels^2.

  Args:
    found: [..., N, 2] landmarks of the face model.
    target: [..., N, 2] landmarks to fit.
    weights: [N].
  """
  squared = jnp.sum((jnp.asarray(found) - target) ** 2, -1)
  return jnp.mean(squared * weights)


def prior(parts: coeffs.Coefficients, sigma: Array) -> Array:
  """Weighted sum of the squared lengths of the coefficients.

  Args:
    parts: coefficients of a face.
    sigma: [64] deviations of the expression weights; 1 in method 6.6, whose
      basis includes its standard deviations.
  """
  terms = (
    (1.0, parts.identity),
    (0.8, parts.expression / sigma),
    (0.017, parts.texture),
  )
  total = sum(w * jnp.sum(jnp.asarray(p) ** 2, -1) for w, p in terms)
  return jnp.mean(jnp.asarray(total))


def gamma(light: Array) -> Array:
  """Variance of the light [..., 27] over the colour channels."""
  light = jnp.asarray(light)
  channels = light.reshape(*light.shape[:-1], 3, 9)
  return jnp.mean((channels - jnp.mean(channels, -2, keepdims=True)) ** 2)


def reflectance(albedo: Array, mask: Array) -> Array:
  """Variance of the albedo [..., V, 3] over the vertices of a mask [V]."""
  albedo, mask = jnp.asarray(albedo), jnp.asarray(mask)[:, None]
  count = jnp.maximum(jnp.sum(mask), 1.0)
  mean = jnp.sum(albedo * mask, -2, keepdims=True) / count
  squared = jnp.sum(((albedo - mean) * mask) ** 2, (-2, -1))
  return jnp.mean(squared) / count


def smoothness(albedo: Array, triangles: Array) -> Array:
  """Mean squared difference of the albedo [V, 3] along edges of triangles."""
  albedo, triangles = jnp.asarray(albedo), jnp.asarray(triangles)
  corners = [jnp.take(albedo, triangles[:, i], axis=0) for i in range(3)]
  a, b, c = corners
  steps = (a - b) ** 2 + (b - c) ** 2 + (c - a) ** 2
  return jnp.mean(jnp.sum(steps, -1)) / 3
