"""Posed keypoints from canonical ones (method 5.4).

Keypoints are [B, K, 3], (x, y, z) in [-1, 1], x to the right of the picture, y
down, z along the depth of the volume. A keypoint k becomes R k + t + e with
R = Rx(pitch) Ry(yaw) Rz(roll): first rolled, then yawed, then pitched; the
order of 3DMM coefficients (`ops.rotation`) is the opposite. Angles are degrees.
"""

import math

import jax
import jax.numpy as jnp

from sadtalker_jax.ops import rotation

RELEASED_PI = 3.14  # the pi of the released weights' training (quirk Q3)


def transform(
  canonical: jax.Array,
  yaw: jax.Array,
  pitch: jax.Array,
  roll: jax.Array,
  translation: jax.Array,
  expression: jax.Array,
  *,
  zero_t_xz: bool = True,
  pi_314: bool = True,
  angles: jax.Array | None = None,
) -> jax.Array:
  """Keypoints of a head in a pose.

  The five arrays after `canonical` are the fields of `mapping.KeypointMotion`.

  Args:
    canonical: [B, K, 3] keypoints of the head at rest.
    yaw: [B, 66] logits of the bins of the yaw angle.
    pitch: [B, 66] logits of the bins of the pitch angle.
    roll: [B, 66] logits of the bins of the roll angle.
    translation: [B, 3] t.
    expression: [B, K, 3] offsets e.
    zero_t_xz: whether only the vertical part of the translation is used, as in
      SadTalker; face-vid2vid uses all of it (quirk Q2).
    pi_314: whether pi is 3.14, as in both (quirk Q3).
    angles: [B, 3] degrees (yaw, pitch, roll) that replace the predicted ones
      where they are not NaN.

  Returns:
    [B, K, 3].
  """
  degrees = jnp.stack(
    [rotation.binned_degrees(logits) for logits in (yaw, pitch, roll)], axis=-1
  )  # [B, 3]
  if angles is not None:
    degrees = jnp.where(jnp.isnan(angles), degrees, angles)
  turn = rotation_matrix(degrees, pi_314=pi_314)
  if zero_t_xz:
    translation = translation * jnp.array([0, 1, 0], translation.dtype)
  turned = jnp.einsum('bij,bkj->bki', turn, canonical, precision='highest')
  return turned + translation[:, None] + expression


def rotation_matrix(degrees: jax.Array, *, pi_314: bool = True) -> jax.Array:
  """Rotation matrices Rx(pitch) Ry(yaw) Rz(roll), for column vectors.

  Args:
    degrees: [..., 3] (yaw, pitch, roll).
    pi_314: whether pi is 3.14 (quirk Q3).

  Returns:
    [..., 3, 3].
  """
  half_turn = RELEASED_PI if pi_314 else math.pi
  radian = degrees / 180 * half_turn
  yaw, pitch, roll = (radian[..., i] for i in range(3))
  # The inverse of Rz(-roll) Ry(-yaw) Rx(-pitch).
  inverse = rotation.matrix(-jnp.stack([pitch, yaw, roll], axis=-1))
  return jnp.swapaxes(inverse, -1, -2)
