"""The SPADE decoder, which feeds its condition into every layer.

Layout: NHWC. `condition` is the warped feature map of S/4, resized to a layer's
size by nearest neighbours. Source: method 5.6.
"""

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

SLOPE = 0.2  # slope of all leaky ReLUs here


class Spade(nn.Module):
  """Instance norm with a scale and a shift per pixel from the condition."""

  hidden: int = 128  # channels between condition and modulation
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
    """Normalizes x [B, H, W, C] by a condition [B, H/f, W/f, K], f 1, 2, 4."""

    def conv(features: int, name: str, repeated: int = 1) -> nn.Conv:
      return basic.conv(
        features,
        (3, 3),
        padding=1,
        repeated=repeated,
        dtype=self.dtype,
        name=name,
      )

    factor = x.shape[1] // condition.shape[1]
    hidden = nn.relu(conv(self.hidden, 'shared', factor)(condition))
    gamma = conv(x.shape[-1], 'gamma')(hidden)
    beta = conv(x.shape[-1], 'beta')(hidden)
    return basic.instance_norm(x) * (1 + gamma) + beta


class SpadeBlock(nn.Module):
  """Twice SPADE, leaky ReLU and convolution, added to the input.

  Where the number of channels changes, SPADE and a convolution without
  activation are applied to the input, too. The convolutions are spectrally
  normalized.
  """

  features: int  # output channels
  hidden: int = 128  # channels inside SPADE
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self, x: jax.Array, condition: jax.Array, *, train: bool
  ) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, features]."""
    width = x.shape[-1]
    y = x
    for i, features in enumerate((min(width, self.features), self.features)):
      y = Spade(self.hidden, dtype=self.dtype, name=f'spade_{i}')(y, condition)
      y = basic.SpectralConv(
        features, (3, 3), padding=1, dtype=self.dtype, name=f'conv_{i}'
      )(nn.leaky_relu(y, SLOPE), train=train)
    if width != self.features:
      x = Spade(self.hidden, dtype=self.dtype, name='spade_skip')(x, condition)
      x = basic.SpectralConv(
        self.features, (1, 1), bias=False, dtype=self.dtype, name='conv_skip'
      )(x, train=train)
    return basic.block(x + y)


class SpadeDecoder(nn.Module):
  """Pictures of four times the size of warped features."""

  features: int = 64  # channels of the last layer
  num_blocks: int = 6  # blocks at the size of the features
  hidden: int = 128  # channels inside SPADE
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, condition: jax.Array, *, train: bool) -> jax.Array:
    """Maps features [B, S/4, S/4, K] to float32 pictures [B, S, S, 3]."""

    def block(x: jax.Array, width: int, name: str) -> jax.Array:
      module = SpadeBlock(width, self.hidden, dtype=self.dtype, name=name)
      return module(x, condition, train=train)

    x = basic.conv(
      8 * self.features, (3, 3), padding=1, dtype=self.dtype, name='first'
    )(condition)
    for i in range(self.num_blocks):
      x = block(x, 8 * self.features, f'middle_{i}')
    for i, width in enumerate((4 * self.features, self.features)):
      x = block(basic.nearest(x, (2, 2)), width, f'up_{i}')
    x = basic.conv(3, (3, 3), padding=1, dtype=self.dtype, name='last')(
      nn.leaky_relu(x, SLOPE)
    )
    return nn.sigmoid(x.astype(jnp.float32))
