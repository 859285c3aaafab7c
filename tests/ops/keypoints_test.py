"""Keypoint transformation: by hand, and its switches."""

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops import keypoints


def _motion(degrees: np.ndarray, num_keypoints: int = 4):
  """Motion whose bins are sure of angles that are multiples of 3 degrees."""
  bins = np.rint((degrees + 99) / 3).astype(np.int64)
  logits = [np.float32(80) * np.eye(66, dtype=np.float32)[b] for b in bins.T]
  count = len(degrees)
  rng = np.random.default_rng(0)
  translation = rng.standard_normal((count, 3)).astype(np.float32)
  expression = rng.standard_normal((count, num_keypoints, 3))
  return (*logits, translation, expression.astype(np.float32))


def _canonical(count: int) -> np.ndarray:
  rng = np.random.default_rng(1)
  return rng.uniform(-1, 1, (count, 4, 3)).astype(np.float32)


def _reference(canonical, degrees, translation, expression, pi):
  out = []
  for k, (yaw, pitch, roll), t, e in zip(
    canonical, degrees / 180 * pi, translation, expression, strict=True
  ):
    c, s = np.cos, np.sin
    x = [[1, 0, 0], [0, c(pitch), -s(pitch)], [0, s(pitch), c(pitch)]]
    y = [[c(yaw), 0, s(yaw)], [0, 1, 0], [-s(yaw), 0, c(yaw)]]
    z = [[c(roll), -s(roll), 0], [s(roll), c(roll), 0], [0, 0, 1]]
    turn = np.array(x) @ np.array(y) @ np.array(z)
    out.append(k @ turn.T + t + e)
  return np.stack(out)


DEGREES = np.float32([[30, -12, 6], [-45, 21, 0], [0, 0, 90]])


def test_equals_the_formulas_of_face_vid2vid():
  motion = _motion(DEGREES)
  found = keypoints.transform(
    _canonical(3), *motion, zero_t_xz=False, pi_314=False
  )
  want = _reference(_canonical(3), DEGREES, *motion[3:], np.pi)
  np.testing.assert_allclose(found, want, atol=1e-5)  # degrees are rounded


def test_released_weights_want_their_pi_and_vertical_translation_only():
  motion = _motion(DEGREES)
  vertical = motion[3] * np.float32([0, 1, 0])
  want = _reference(_canonical(3), DEGREES, vertical, motion[4], 3.14)
  found = keypoints.transform(_canonical(3), *motion)
  np.testing.assert_allclose(found, want, atol=1e-5)


def test_given_angles_replace_predicted_ones_where_they_are_numbers():
  angles = np.float32([[np.nan, 15, np.nan], [np.nan] * 3, [-20, np.nan, 0]])
  used = np.where(np.isnan(angles), DEGREES, angles)
  motion = _motion(DEGREES)
  found = keypoints.transform(_canonical(3), *motion, angles=angles)
  vertical = motion[3] * np.float32([0, 1, 0])
  want = _reference(_canonical(3), used, vertical, motion[4], 3.14)
  np.testing.assert_allclose(found, want, atol=1e-5)


def test_jit_changes_nothing_and_gradients_are_finite():
  motion = _motion(DEGREES)
  angles = np.float32([[np.nan, 15, np.nan]] * 3)

  def total(canonical, *motion):
    moved = keypoints.transform(canonical, *motion, angles=angles)
    return jnp.square(moved).sum()

  arguments = (jnp.zeros((3, 4, 3)), *motion)
  gradients = jax.grad(total, range(6))(*arguments)
  assert all(np.isfinite(g).all() for g in gradients)
  np.testing.assert_allclose(
    jax.jit(total)(*arguments), total(*arguments), rtol=1e-6
  )
