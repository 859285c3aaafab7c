"""GFPGAN, the "clean" version 1: restoration of faces.

X. Wang et al., Towards Real-World Blind Face Restoration with Generative Facial
Prior, CVPR 2021, in the form of the released files v1.3 and v1.4. A U-Net takes
the picture; its smallest map gives the styles of a StyleGAN2 decoder, its way
up gives maps that modulate half of the decoder's channels. Layout: NHWC, RGB in
[-1, 1].
"""

from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.experts import stylegan
from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

SIZE = 512  # side of a picture in pixels, of the released networks


class Restoration(NamedTuple):
  """A restored face."""

  image: jax.Array  # [B, N, N, 3] float32, around -1 to 1, not clipped
  # Pictures by the U-Net itself at 8, 16, ... N pixels, [B, n, n, 3]; used in
  # training only.
  pyramid: tuple[jax.Array, ...]


class ResidualBlock(nn.Module):
  """Two convolutions, with the size halved or doubled between them."""

  features: int  # output channels
  up: bool  # whether to double the size; otherwise it is halved
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, 2 H, 2 W, features], or H / 2 and W / 2."""

    def conv(features: int, name: str) -> nn.Conv:
      return basic.conv(
        features, (3, 3), padding=1, dtype=self.dtype, name=name
      )

    def resized(x: jax.Array) -> jax.Array:
      return stylegan.double(x) if self.up else basic.avg_pool(x, (2, 2))

    skip = basic.conv(
      self.features, (1, 1), bias=False, dtype=self.dtype, name='skip'
    )
    y = resized(nn.leaky_relu(conv(x.shape[-1], 'conv_1')(x), 0.2))
    y = nn.leaky_relu(conv(self.features, 'conv_2')(y), 0.2)
    # The two steps of the skip commute; convolution runs on the smaller map.
    return y + (resized(skip(x)) if self.up else skip(resized(x)))


class Condition(nn.Module):
  """A map that modulates channels of the decoder."""

  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to the same shape."""
    for i in range(2):
      x = nn.leaky_relu(x, 0.2) if i else x
      x = basic.conv(
        x.shape[-1], (3, 3), padding=1, dtype=self.dtype, name=f'conv_{i}'
      )(x)
    return x


class GFPGAN(nn.Module):
  """The whole network."""

  size: int = SIZE  # side of a picture in pixels, a power of 2
  narrow: float = 1.0  # factor of all channel counts
  style_features: int = 512  # size of a style
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array) -> Restoration:
    """The restored face.

    Args:
      image: [B, N, N, 3] RGB in [-1, 1], with the eyes level and in the middle.
    """
    depth = self.size.bit_length() - 3  # halvings down to 4 pixels
    # StyleGAN2's channels at 4, 8, ... pixels; the U-Net has half of them.
    widths = [
      int(min(512, 32768 // 2**i) * self.narrow) for i in range(2, depth + 3)
    ]
    halves = [int(width * 0.5) for width in widths]

    x = basic.conv(halves[-1], (1, 1), dtype=self.dtype, name='first')(image)
    x = nn.leaky_relu(x, 0.2)
    skips = []
    for i in range(depth):
      x = ResidualBlock(
        halves[depth - 1 - i], up=False, dtype=self.dtype, name=f'down_{i}'
      )(x)
      skips.append(x)
    x = basic.conv(
      halves[0], (3, 3), padding=1, dtype=self.dtype, name='bottom'
    )(x)
    x = nn.leaky_relu(x, 0.2)

    count = 2 * depth + 2
    styles = basic.dense(
      count * self.style_features, dtype=jnp.float32, name='styles'
    )(x.reshape(x.shape[0], -1))
    styles = styles.reshape(-1, count, self.style_features)

    conditions, pyramid = [], []
    for i in range(depth):
      x = ResidualBlock(
        halves[i + 1], up=True, dtype=self.dtype, name=f'up_{i}'
      )(x + skips[depth - 1 - i])
      scale = Condition(dtype=self.dtype, name=f'scale_{i}')(x)
      shift = Condition(dtype=self.dtype, name=f'shift_{i}')(x)
      conditions.append((scale, shift))
      picture = basic.conv(3, (1, 1), dtype=self.dtype, name=f'to_rgb_{i}')(x)
      pyramid.append(picture)

    decoder = stylegan.SteeredDecoder(widths, dtype=self.dtype, name='decoder')
    return Restoration(decoder(styles, conditions), tuple(pyramid))
