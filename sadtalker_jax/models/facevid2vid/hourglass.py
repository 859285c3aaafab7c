"""The 3-D hourglass of the dense motion network (method 5.5).

Layout: volumes [B, D, H, W, C]; only height and width change.
"""

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic, blocks
from sadtalker_jax.typing import Dtype

_KERNEL = (3, 3, 3)


class Hourglass(nn.Module):
  """Steps down and up in size, with the maps of the way down."""

  features: int = 32  # channels of the last step up
  max_features: int = 1024  # largest number of channels
  num_blocks: int = 5  # steps down, and up
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, D, H, W, C] to [B, D, H, W, features + C].

    H and W are multiples of 2**num_blocks.
    """

    def block(
      x: jax.Array, step: int, name: str, repeated: int = 1
    ) -> jax.Array:
      width = min(self.max_features, self.features * 2**step)
      return blocks.ConvBlock(
        width, _KERNEL, repeated=repeated, dtype=self.dtype, name=name
      )(x, train=train)

    seen = []
    for i in range(self.num_blocks):
      seen.append(x)
      x = basic.avg_pool(block(x, i + 1, f'down_{i}'), (1, 2, 2))
    for i in range(self.num_blocks):
      x = block(x, self.num_blocks - 1 - i, f'up_{i}', repeated=2)
      x = jnp.concatenate([x, seen.pop()], axis=-1)
    return blocks.ConvBlock(
      x.shape[-1], _KERNEL, dtype=self.dtype, name='last'
    )(x, train=train)
