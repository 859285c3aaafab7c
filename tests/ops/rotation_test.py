"""Rotations: matrices, angles and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.ops import rotation


def _random(seed: int, *shape: int, limit: float = 1.5) -> np.ndarray:
  rng = np.random.default_rng(seed)
  return rng.uniform(-limit, limit, (*shape, 3)).astype(np.float32)


def _axis(axis: int, angle: float) -> np.ndarray:
  c, s = np.cos(angle), np.sin(angle)
  out = np.eye(3)
  i, j = [k for k in range(3) if k != axis]
  out[i, i] = out[j, j] = c
  out[i, j], out[j, i] = (s, -s) if axis == 1 else (-s, s)
  return out


def test_matrix_is_the_product_of_three_axis_turns():
  rx, ry, rz = angles = _random(0)
  expected = _axis(2, rz) @ _axis(1, ry) @ _axis(0, rx)
  # Sums of products of three float32 numbers below 1.
  np.testing.assert_allclose(rotation.matrix(angles), expected, atol=3e-7)


def test_matrix_is_orthonormal_for_any_leading_axes():
  r = rotation.matrix(_random(1, 4, 5, limit=3.0))
  product = jnp.einsum('...ij,...kj->...ik', r, r)
  np.testing.assert_allclose(
    product, np.broadcast_to(np.eye(3), (4, 5, 3, 3)), atol=1e-6
  )
  np.testing.assert_allclose(jnp.linalg.det(r), 1, atol=1e-6)


def test_positive_angles_turn_as_documented():
  nose = np.array([0.0, 0.0, 1.0], np.float32)
  pitched = rotation.matrix(np.float32([0.3, 0, 0])) @ nose
  yawed = rotation.matrix(np.float32([0, 0.3, 0])) @ nose
  rolled = rotation.matrix(np.float32([0, 0, 0.3])) @ np.float32([1, 0, 0])
  assert pitched[1] < 0  # nods down
  assert yawed[0] > 0  # to the picture's right
  assert rolled[1] > 0  # counter-clockwise


def test_angles_inverts_matrix():
  angles = _random(2, 200)
  again = rotation.angles(rotation.matrix(angles))
  # Near a yaw of 1.5 the cosine is 0.07 and magnifies rounding 14 times.
  np.testing.assert_allclose(again, angles, atol=2e-5)


@pytest.mark.parametrize('yaw', [np.pi / 2, -np.pi / 2])
def test_angles_at_the_lock_give_the_same_rotation(yaw):
  r = np.round(rotation.matrix(np.float32([0.4, yaw, -0.3])), 7)
  again = rotation.matrix(rotation.angles(r))
  np.testing.assert_allclose(again, r, atol=1e-5)


def test_gradients_are_finite_even_at_the_lock():
  def loss(angles):
    return jnp.sum(rotation.angles(rotation.matrix(angles)) ** 2)

  gradient = jax.jit(jax.grad(loss))
  for angles in ([0.0, 0.0, 0.0], [0.2, np.pi / 2, 0.1], [3.0, -1.0, 2.0]):
    assert np.isfinite(gradient(np.float32(angles))).all()


def test_gradient_of_the_round_trip_is_the_identity():
  def round_trip(angles):
    return rotation.angles(rotation.matrix(angles))

  jacobian = jax.jit(jax.jacobian(round_trip))(np.float32([0.3, -0.5, 0.2]))
  np.testing.assert_allclose(jacobian, np.eye(3), atol=1e-5)


def test_degrees_round_trip():
  degrees = np.float32([-180, -90, 0, 12.5936, 90])
  np.testing.assert_allclose(
    rotation.to_degrees(rotation.from_degrees(degrees)), degrees, rtol=1e-6
  )
  np.testing.assert_allclose(rotation.from_degrees(180.0), np.pi, rtol=1e-6)


def test_binned_degrees_are_the_mean_of_the_bins():
  logits = np.full((2, 66), -100, np.float32)
  logits[0, 33] = 0  # 3 * 33 - 99
  logits[1, [0, 65]] = 0  # halfway between -99 and 96
  np.testing.assert_allclose(
    rotation.binned_degrees(logits), [0, -1.5], atol=1e-5
  )
