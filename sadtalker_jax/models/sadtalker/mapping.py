"""MappingNet: keypoint motion from 3DMM coefficients (method 5.2)."""

from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

NUM_BINS = 66  # bins of an angle, 3 degrees each
NUM_KEYPOINTS = 15


class KeypointMotion(NamedTuple):
  """Motion of canonical keypoints, from MappingNet or HeadPoseEstimator."""

  yaw: jax.Array  # [B, 66] logits of the bins of the angle
  pitch: jax.Array  # [B, 66] logits
  roll: jax.Array  # [B, 66] logits
  translation: jax.Array  # [B, 3]
  expression: jax.Array  # [B, 15, 3] offsets of the keypoints


class MappingNet(nn.Module):
  """Keypoint motion of the middle frame of a window of coefficients."""

  features: int = 1024  # channels inside
  num_keypoints: int = NUM_KEYPOINTS
  # Whether t_x and t_z are ignored when keypoints are placed, as the released
  # weights need it (quirk Q2). The output contains them in either case.
  zero_t_xz: bool = True
  # Type of the computation; float32 in place of bfloat16, in which dilated
  # convolutions in 1-D fail on some GPUs (jax issue 37922). It is a small net.
  dtype: Dtype | None = None

  @nn.compact
  def __call__(self, window: jax.Array) -> KeypointMotion:
    """Motion of windows [B, 27, 70 or 73] of coefficients, time on axis 1."""
    dtype = self.dtype
    if dtype is not None and jnp.dtype(dtype) == jnp.bfloat16:
      dtype = jnp.float32
    x = basic.conv(self.features, (7,), dtype=dtype, name='first')(window)
    for i in range(3):
      y = basic.conv(
        self.features, (3,), dilation=3, dtype=dtype, name=f'encoder_{i}'
      )(nn.leaky_relu(x, 0.1))
      x = y + x[:, 3:-3]  # [B, 15, 9, 3; F]
    x = x.mean(axis=1)

    def head(size: int, name: str) -> jax.Array:
      return basic.dense(size, dtype=dtype, name=name)(x)

    expression = head(3 * self.num_keypoints, 'expression')
    return KeypointMotion(
      head(NUM_BINS, 'yaw'),
      head(NUM_BINS, 'pitch'),
      head(NUM_BINS, 'roll'),
      head(3, 'translation'),
      expression.reshape(-1, self.num_keypoints, 3),
    )
