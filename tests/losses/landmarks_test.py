"""Losses on landmarks against plain loops."""

import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.face3d import camera, coeffs
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.losses import landmarks


def test_weights_are_published():
  assert set(np.flatnonzero(landmarks.WEIGHTS == 20)) == {
    *range(28, 31),
    *range(60, 68),
  }
  assert np.count_nonzero(landmarks.WEIGHTS == 1) == 57
  eyes = np.flatnonzero(landmarks.WITHOUT_EYES != landmarks.WEIGHTS)
  assert list(eyes) == list(range(36, 48))
  assert not landmarks.WITHOUT_EYES[36:48].any()


def test_error_is_the_mean_over_points():
  """Reference 6.6: sum w |p - q|^2 / (68 B)."""
  target = jnp.zeros((2, 68, 2))
  moved = target.at[0, 30].set(jnp.asarray([3.0, 4.0])).at[1, 0, 0].set(2.0)
  found = landmarks.weighted_error(moved, target)
  assert found == pytest.approx((20 * 25 + 4) / (2 * 68))


def test_projection_is_that_of_the_whole_face():
  rng = np.random.default_rng(0)
  model = makehuman.load()
  vector = rng.normal(0, 0.3, (2, 257)).astype(np.float32)
  c = coeffs.split(vector)
  whole = morphable.shape(model, c.identity, c.expression)
  posed = camera.transform(whole, c.angles, c.translation)
  expected = camera.project(morphable.landmarks68(model, posed))[0]
  found = landmarks.project(landmarks.of_model(model), c)
  np.testing.assert_allclose(found, expected, atol=2e-3)


def test_eye_aspect_ratio_is_height_over_width():
  points = np.zeros((68, 2), np.float32)
  for first, high in ((36, 1.0), (42, 2.0)):
    eye = [(0, 0), (1, high), (3, high), (4, 0), (3, -high), (1, -high)]
    points[first : first + 6] = eye
  found = landmarks.eye_aspect_ratio(jnp.asarray(points))
  np.testing.assert_allclose(found, [0.5, 1.0], rtol=1e-6)


def test_lip_gap():
  points = np.zeros((5, 68, 2), np.float32)
  points[:, 62, 1] = gap = np.float32([1, 2, 5, 3, 0])
  found = landmarks.lip_gap(jnp.asarray(points))
  np.testing.assert_allclose(found, gap)
