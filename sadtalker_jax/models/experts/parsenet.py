"""ParseNet: what every pixel of an aligned face is, one of 19 classes.

The network of facexlib's `parsing_parsenet.pth` (trained on CelebAMask-HQ by
C. Chen, PSFR-GAN), by which GFPGAN decides which pixels of a restored face are
laid over the picture (method 11.5). Layout: NHWC, RGB in [-1, 1]. All
convolutions mirror the picture at its edge, without repeating it.
"""

from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

CLASSES = 19
# Background, hat, necklace, neck and cloth are not face; the others are skin,
# brows, eyes, glasses, ears, ear-rings, nose, mouth, lips and hair.
NO_FACE = (0, 14, 16, 17, 18)
_SLOPE = 0.2  # of the activations for negative values


class Parsing(NamedTuple):
  """What the pixels are."""

  logits: jax.Array  # [B, N, N, 19] float32
  image: jax.Array  # [B, N, N, 3] float32, a by-product


class Layer(nn.Module):
  """A convolution, and optionally batch norm and leaky ReLU."""

  features: int  # output channels
  stride: int = 1
  doubled: bool = False  # whether the size is doubled before
  norm: bool = False
  active: bool = False
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, h, w, features]."""
    if self.doubled:
      x = basic.nearest(x, (2, 2))
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), 'reflect')
    x = basic.conv(
      self.features,
      (3, 3),
      stride=self.stride,
      bias=not self.norm,
      dtype=self.dtype,
      name='conv',
    )(x)
    if self.norm:
      x = basic.batch_norm(train=train, dtype=self.dtype, name='norm')(x)
    return nn.leaky_relu(x, _SLOPE) if self.active else x


class Block(nn.Module):
  """Two layers and a shortcut, which is a layer where the size changes."""

  features: int  # output channels
  stride: int = 1  # 2 halves the size
  doubled: bool = False
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, h, w, features]."""
    y = Layer(
      self.features,
      doubled=self.doubled,
      norm=True,
      active=True,
      dtype=self.dtype,
      name='layer_1',
    )(x, train=train)
    y = Layer(
      self.features, self.stride, norm=True, dtype=self.dtype, name='layer_2'
    )(y, train=train)
    if self.doubled or self.stride > 1:
      x = Layer(
        self.features, self.stride, self.doubled, dtype=self.dtype, name='skip'
      )(x, train=train)
    return x + y


class ParseNet(nn.Module):
  """The whole network."""

  width: int = 64  # channels at full size
  most: int = 256  # channels at most
  halvings: int = 4
  blocks: int = 10  # at the smallest size
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array, *, train: bool = False) -> Parsing:
    """What the pixels are.

    Args:
      image: [B, N, N, 3] RGB in [-1, 1], aligned as for GFPGAN.
      train: whether batch norm uses the statistics of the batch.
    """
    widths = [
      min(self.width * 2**i, self.most) for i in range(self.halvings + 1)
    ]
    x = Layer(self.width, dtype=self.dtype, name='first')(image, train=train)
    for i, width in enumerate(widths[1:], 1):
      x = Block(width, 2, dtype=self.dtype, name=f'down_{i}')(x, train=train)
    y = x
    for i in range(self.blocks):
      y = Block(widths[-1], dtype=self.dtype, name=f'body_{i}')(y, train=train)
    x = x + y
    for i, width in enumerate(widths[-2::-1]):
      x = Block(width, doubled=True, dtype=self.dtype, name=f'up_{i}')(
        x, train=train
      )
    logits = Layer(CLASSES, dtype=self.dtype, name='classes')(x, train=train)
    picture = Layer(3, dtype=self.dtype, name='image')(x, train=train)
    return Parsing(logits.astype(jnp.float32), picture.astype(jnp.float32))
