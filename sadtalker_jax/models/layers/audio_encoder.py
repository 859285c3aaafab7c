"""The audio encoder of Wav2Lip, ExpNet and PoseVAE (method 3.1).

Layout: log-mel windows [B, 80, 16, 1], bands by time.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

EMBEDDING_SIZE = 512

# Features, kernel size, stride, padding, residual.
Block = tuple[int, int, int | tuple[int, int], int, bool]
BLOCKS: tuple[Block, ...] = (
  (32, 3, 1, 1, False),
  (32, 3, 1, 1, True),
  (32, 3, 1, 1, True),
  (64, 3, (3, 1), 1, False),
  (64, 3, 1, 1, True),
  (64, 3, 1, 1, True),
  (128, 3, (3, 3), 1, False),
  (128, 3, 1, 1, True),
  (128, 3, 1, 1, True),
  (256, 3, (3, 2), 1, False),
  (256, 3, 1, 1, True),
  (512, 3, 1, 0, False),
  (512, 1, 1, 0, False),
)


class ConvBlock(nn.Module):
  """Convolution, batch norm, the input if residual, ReLU."""

  features: int  # output channels
  kernel: int  # size
  stride: int | tuple[int, int] = 1
  padding: int = 0
  residual: bool = False
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, H', W', features]."""
    y = basic.conv(
      self.features,
      (self.kernel,) * 2,
      stride=self.stride,
      padding=self.padding,
      dtype=self.dtype,
      name='conv',
    )(x)
    y = basic.batch_norm(train=train, dtype=self.dtype, name='norm')(y)
    return nn.relu(y + x if self.residual else y)


class AudioEncoder(nn.Module):
  """Embedding of 0.2 s of sound; parameters `block_0` to `block_12`."""

  blocks: Sequence[Block] = BLOCKS
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, mel: jax.Array, *, train: bool) -> jax.Array:
    """Maps windows [B, 80, 16, 1] to embeddings [B, 512], none negative."""
    x = mel
    for i, (features, kernel, stride, padding, residual) in enumerate(
      self.blocks
    ):
      x = ConvBlock(
        features,
        kernel,
        stride,
        padding,
        residual,
        dtype=self.dtype,
        name=f'block_{i}',
      )(x, train=train)
    return x.reshape(x.shape[0], -1)  # [B, 512], of 1 x 1 pixel
