"""Blocks of the renderer: convolution, batch norm, activation, in 2-D and 3-D.

Layout: channels last. Kernels are odd and padded by half their size, so that
height, width and depth are preserved.
"""

from flax import linen as nn
import jax

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype


class ConvBlock(nn.Module):
  """Convolution, batch norm, leaky ReLU."""

  features: int  # output channels
  kernel: tuple[int, ...] = (3, 3)  # size
  slope: float = 0.0  # slope of the activation for negative values
  # Repetitions of every pixel in height and width before the convolution.
  repeated: int = 1
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, *N, C] to [B, *N, features], H and W times `repeated`."""
    x = basic.conv(
      self.features,
      self.kernel,
      padding=[k // 2 for k in self.kernel],
      repeated=self.repeated,
      dtype=self.dtype,
      name='conv',
    )(x)
    x = basic.batch_norm(train=train, dtype=self.dtype, name='norm')(x)
    x = nn.leaky_relu(x, self.slope) if self.slope else nn.relu(x)
    return basic.block(x)


class ResidualBlock(nn.Module):
  """Twice batch norm, ReLU and convolution, added to the input."""

  kernel: tuple[int, ...] = (3, 3)  # size
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, *N, C] to the same shape."""
    y = x
    for i in range(2):
      norm = basic.batch_norm(train=train, dtype=self.dtype, name=f'norm_{i}')
      y = basic.conv(
        x.shape[-1],
        self.kernel,
        padding=[k // 2 for k in self.kernel],
        dtype=self.dtype,
        name=f'conv_{i}',
      )(nn.relu(norm(y)))
    return basic.block(x + y)
