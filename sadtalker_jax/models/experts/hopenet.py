"""Hopenet: head pose of pictures (method 9.5).

Ruiz et al., Fine-Grained Head Pose Estimation Without Keypoints, CVPRW 2018.
Pictures are RGB in [0, 1]; the network normalises them itself. Frozen: batch
norm always uses the running statistics.
"""

from collections.abc import Sequence
from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic, pictures, resnet
from sadtalker_jax.typing import Dtype

NUM_BINS = 66  # bins of an angle, 3 degrees each


class HeadPose(NamedTuple):
  """Features and angles as bins; `degrees` converts the latter."""

  feature: jax.Array  # [B, 2048] pooled
  yaw: jax.Array  # [B, 66] logits of the bins of the angle
  pitch: jax.Array  # [B, 66] logits
  roll: jax.Array  # [B, 66] logits


class Hopenet(nn.Module):
  """ResNet-50 and a classifier per angle."""

  blocks: Sequence[int] = (3, 4, 6, 3)  # blocks of the trunk, per stage
  features: int = 64  # channels of the trunk's stem
  dtype: Dtype | None = None  # type of the trunk's computation

  @nn.compact
  def __call__(self, image: jax.Array) -> HeadPose:
    """Head pose of pictures [B, 224, 224, 3], RGB in [0, 1].

    Raises:
      ValueError: pictures have another shape or type.
    """
    backbone = resnet.ResNet(
      self.blocks, self.features, dtype=self.dtype, name='backbone'
    )
    last = backbone(pictures.standardize(image), train=False)[-1]
    pooled = last.astype(jnp.float32).mean((1, 2))
    logits = [
      basic.dense(NUM_BINS, dtype=jnp.float32, name=name)(pooled)
      for name in ('yaw', 'pitch', 'roll')
    ]
    return HeadPose(pooled, *logits)


def degrees(logits: jax.Array) -> jax.Array:
  """Expected angles [...] in degrees, -99 to 96, of logits [..., 66]."""
  chances = jax.nn.softmax(logits.astype(jnp.float32))
  return 3 * (chances * jnp.arange(NUM_BINS, dtype=jnp.float32)).sum(-1) - 99
