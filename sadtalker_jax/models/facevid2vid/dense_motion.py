"""Dense motion: the place in the source of every cell of the volume.

Layout: volumes [B, D, H, W, C], keypoints [B, K, 3], (x, y, z) in [-1, 1]. The
motion is a mixture of K + 1 simple ones: none, and for every keypoint the shift
from its driving place to its source place. Source: method 5.5.
"""

from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.facevid2vid import appearance, hourglass
from sadtalker_jax.models.layers import basic, blocks
from sadtalker_jax.ops.sampling import grids, shifting
from sadtalker_jax.typing import Dtype


class Motion(NamedTuple):
  """Motion of a volume; float32 for every type of the network."""

  mask: jax.Array  # [B, D, H, W, K + 1] shares, sum 1, no motion first
  deformation: jax.Array  # [B, D, H, W, 3] places in the source, (x, y, z)
  occlusion: jax.Array  # [B, H, W, 1] 1 for visible, 0 for hidden


class DenseMotion(nn.Module):
  """Motion of a source volume from source to driving keypoints."""

  num_keypoints: int = 15
  compress: int = 4  # channels of the volume at the hourglass
  block_expansion: int = 32  # channels of the last step up
  max_features: int = 1024  # largest number of channels
  num_blocks: int = 5  # number of steps down
  mask_threshold: float = (
    1e-3  # smaller shares are set to 0; 0 for face-vid2vid (quirk Q5)
  )
  grid_align_corners: bool = False  # False for released weights (quirk Q4)
  dtype: Dtype | None = None  # type of the convolutions

  @nn.compact
  def __call__(
    self,
    volume: jax.Array,
    kp_source: jax.Array,
    kp_driving: jax.Array,
    *,
    train: bool,
  ) -> Motion:
    """Motion of volumes.

    Args:
      volume: [B, D, H, W, C], H and W multiples of 2**num_blocks.
      kp_source: [B, K, 3] keypoints of the source.
      kp_driving: [B, K, 3] keypoints of the result.
      train: whether batch norm uses the batch.

    Returns:
      Motion, with K + 1 shares.
    """
    kp_source = kp_source.astype(jnp.float32)
    kp_driving = kp_driving.astype(jnp.float32)
    shift = kp_source - kp_driving
    shift = jnp.pad(shift, ((0, 0), (1, 0), (0, 0)))  # [B, K + 1, 3]

    seen = blocks.ConvBlock(
      self.compress, (1, 1, 1), dtype=self.dtype, name='compress'
    )(volume, train=train)
    shape = volume.shape[1:4]
    heat = grids.heat_maps(kp_driving, shape) - grids.heat_maps(
      kp_source, shape
    )
    heat = jnp.pad(heat, [(0, 0)] * 4 + [(1, 0)])
    moved = shifting.shifted(seen, shift, align_corners=self.grid_align_corners)
    x = jnp.concatenate([heat[..., None].astype(moved.dtype), moved], axis=-1)
    x = x.reshape(*x.shape[:4], -1)  # [B, D, H, W, (K + 1) (1 + compress)]
    x = hourglass.Hourglass(
      self.block_expansion,
      self.max_features,
      self.num_blocks,
      dtype=self.dtype,
      name='hourglass',
    )(x, train=train)

    shares = basic.conv(
      self.num_keypoints + 1,
      (7, 7, 7),
      padding=3,
      dtype=self.dtype,
      name='mask',
    )(x)
    mask = nn.softmax(shares.astype(jnp.float32))
    # The shares that are left are not rescaled (quirk Q5).
    kept = jnp.where(mask < self.mask_threshold, 0, mask)
    visible = basic.conv(
      1, (7, 7), padding=3, dtype=self.dtype, name='occlusion'
    )(appearance.from_volume(x))
    return Motion(
      mask,
      grids.mixed_motion(kept, shift),
      nn.sigmoid(visible.astype(jnp.float32)),
    )
