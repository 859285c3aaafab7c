"""The decoder of the generator without SPADE (method 5.7)."""

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic, blocks
from sadtalker_jax.typing import Dtype


class PlainDecoder(nn.Module):
  """Pictures of four times the size of warped features."""

  features: int = 64  # channels before the last layer
  num_blocks: int = 6  # residual blocks at the size of the features
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps features [B, S/4, S/4, K] to float32 pictures [B, S, S, 3]."""
    for i in range(self.num_blocks):
      x = blocks.ResidualBlock(dtype=self.dtype, name=f'block_{i}')(
        x, train=train
      )
    for i, width in enumerate((2 * self.features, self.features)):
      x = blocks.ConvBlock(width, repeated=2, dtype=self.dtype, name=f'up_{i}')(
        x, train=train
      )
    x = basic.conv(3, (7, 7), padding=3, dtype=self.dtype, name='last')(x)
    return nn.sigmoid(x.astype(jnp.float32))
