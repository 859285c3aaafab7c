"""The image discriminator, which scores every patch (method 5.9).

Layout: pictures [B, S, S, 3], RGB in [0, 1]. Convolutions are not padded.
"""

from typing import NamedTuple

from flax import linen as nn
import jax

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

SLOPE = 0.2  # slope of the leaky ReLUs


class Opinion(NamedTuple):
  """Scores of a discriminator, and maps for feature matching."""

  scores: jax.Array  # [B, H, W, 1], one per patch, high for real pictures
  maps: tuple[jax.Array, ...]  # [B, H, W, C] after every block


class Discriminator(nn.Module):
  """PatchGAN discriminator with spectral norm in every convolution."""

  features: int = 64  # channels of the first block, doubled in each
  max_features: int = 512  # largest number of channels
  num_blocks: int = 4  # the last one keeps the size
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array, *, train: bool) -> Opinion:
    """Opinion on pictures [B, S, S, 3], S at least 53 with 4 blocks.

    With `train` the vectors of the spectral norm are updated.
    """
    x, maps = image, []
    for i in range(self.num_blocks):
      width = min(self.features * 2**i, self.max_features)
      x = basic.SpectralConv(width, (4, 4), dtype=self.dtype, name=f'conv_{i}')(
        x, train=train
      )
      if i:
        x = basic.InstanceNorm(name=f'norm_{i}')(x)
      x = nn.leaky_relu(x, SLOPE)
      if i < self.num_blocks - 1:
        x = basic.avg_pool(x, (2, 2))
      maps.append(x)
    scores = basic.SpectralConv(1, (1, 1), dtype=self.dtype, name='scores')(
      x, train=train
    )
    return Opinion(scores, tuple(maps))
