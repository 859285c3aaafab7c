"""The appearance encoder: a volume of features from a picture.

Layout: pictures [B, S, S, 3], RGB in [0, 1]; volumes [B, D, H, W, C] with D
depth, H = W = S / 4. Source: method 5.6.
"""

from flax import linen as nn
import jax

from sadtalker_jax.models.layers import basic, blocks
from sadtalker_jax.typing import Dtype


def to_volume(x: jax.Array, depth: int) -> jax.Array:
  """Maps [B, H, W, C D] as volumes [B, D, H, W, C]; a channel is c D + d."""
  batch, height, width, _ = x.shape
  x = x.reshape(batch, height, width, -1, depth)
  return x.transpose(0, 4, 1, 2, 3)


def from_volume(volume: jax.Array) -> jax.Array:
  """Volumes [B, D, H, W, C] as maps [B, H, W, C D]; a channel is c D + d."""
  batch, _, height, width, _ = volume.shape
  x = volume.transpose(0, 2, 3, 4, 1)
  return x.reshape(batch, height, width, -1)


class AppearanceEncoder(nn.Module):
  """Features of a picture in three dimensions; run once per portrait."""

  features: int = 64  # channels of the first layer
  volume_features: int = 32  # channels of the volume
  depth: int = 16  # depth of the volume
  num_blocks: int = 6  # number of residual blocks in 3-D
  kernel: int = 3  # size of the first convolution
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array, *, train: bool) -> jax.Array:
    """Volume [B, D, S/4, S/4, C] of pictures [B, S, S, 3]."""
    x = blocks.ConvBlock(
      self.features, (self.kernel,) * 2, dtype=self.dtype, name='first'
    )(image, train=train)
    for i in range(2):
      x = blocks.ConvBlock(
        self.features * 2 ** (i + 1), dtype=self.dtype, name=f'down_{i}'
      )(x, train=train)
      x = basic.avg_pool(x, (2, 2))
    x = basic.conv(
      self.volume_features * self.depth, (1, 1), dtype=self.dtype, name='lift'
    )(x)
    x = to_volume(x, self.depth)
    for i in range(self.num_blocks):
      x = blocks.ResidualBlock((3, 3, 3), dtype=self.dtype, name=f'block_{i}')(
        x, train=train
      )
    return x
