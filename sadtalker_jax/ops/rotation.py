"""Head rotations as Euler angles and matrices, and angles in degrees.

Conventions: angles are (rx, ry, rz) = (pitch, yaw, roll), radian, last axis 3.
Matrices act on column vectors and are Rz(rz) Ry(ry) Rx(rx): a point is first
pitched, then yawed, then rolled. Row vectors are multiplied by the transpose.
The frame is x to the right of the picture, y up, z towards the camera, so that
positive yaw turns the face to the picture's right and positive roll turns it
counter-clockwise; positive pitch lowers the chin's front (nods down).
Source: method 6.4.
"""

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import Array


def matrix(angles: Array) -> Array:
  """Rotation matrices of Euler angles.

  Args:
    angles: [..., 3] radian, (rx, ry, rz).

  Returns:
    [..., 3, 3], Rz Ry Rx, for column vectors.
  """
  angles = jnp.asarray(angles)
  sx, sy, sz = (jnp.sin(angles[..., i]) for i in range(3))
  cx, cy, cz = (jnp.cos(angles[..., i]) for i in range(3))
  rows = [
    [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
    [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
    [-sy, cy * sx, cy * cx],
  ]
  return jnp.stack([jnp.stack(row, -1) for row in rows], -2)


def angles(rotation: Array) -> Array:
  """Euler angles of rotation matrices; the inverse of `matrix`.

  Yaw lies in [-pi/2, pi/2]. At a yaw of exactly +-pi/2 only the sum or the
  difference of pitch and roll is determined; roll is then 0. The gradient is
  finite everywhere.

  Args:
    rotation: [..., 3, 3], orthonormal with determinant 1.

  Returns:
    [..., 3] radian, (rx, ry, rz).
  """
  r = jnp.asarray(rotation)
  squared = r[..., 2, 1] ** 2 + r[..., 2, 2] ** 2
  locked = squared < 1e-12
  safe = jnp.where(locked, 1.0, squared)
  cos_yaw = jnp.where(locked, 0.0, jnp.sqrt(safe))
  yaw = jnp.arctan2(-r[..., 2, 0], cos_yaw)
  # arctan2(0, 0) has no gradient. Away from the lock both angles are taken
  # from the matrix; at the lock pitch alone explains the remaining turn.
  pitch = jnp.arctan2(
    jnp.where(locked, -r[..., 1, 2], r[..., 2, 1]),
    jnp.where(locked, r[..., 1, 1], r[..., 2, 2]),
  )
  roll = jnp.where(
    locked,
    0.0,
    jnp.arctan2(
      jnp.where(locked, 0.0, r[..., 1, 0]),
      jnp.where(locked, 1.0, r[..., 0, 0]),
    ),
  )
  return jnp.stack([pitch, yaw, roll], -1)


def from_degrees(degrees: Array) -> Array:
  """Radian of degrees, any shape."""
  return jnp.asarray(degrees) * (jnp.pi / 180)


def to_degrees(radian: Array) -> Array:
  """Degrees of radian, any shape."""
  return jnp.asarray(radian) * (180 / jnp.pi)


def binned_degrees(logits: Array) -> jax.Array:
  """Expected angles of distributions over bins (method 5.4).

  Args:
    logits: [..., N] logits of bins 3 degrees apart, the first at -99 degrees.

  Returns:
    [...] degrees.
  """
  share = jax.nn.softmax(jnp.asarray(logits), axis=-1)
  bins = jnp.arange(share.shape[-1], dtype=share.dtype)
  return jnp.matmul(share, bins, precision='highest') * 3 - 99
