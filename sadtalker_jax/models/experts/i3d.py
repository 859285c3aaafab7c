"""Inflated Inception-v1 (I3D), whose outputs FVD compares (method 9.1).

Carreira and Zisserman, Quo Vadis, Action Recognition? A New Model and the
Kinetics Dataset, CVPR 2017, with the numbers of its RGB network as in
pytorch-i3d. Clips are RGB in [0, 1] of any size; the network resizes them to
224 x 224 and converts them to [-1, 1] itself. Borders are TensorFlow's: an odd
zero goes to the far side. Frozen: batch norm always uses the running
statistics. Layout: NDHWC, D being time. Branches have the names of the public
code; `narrow` divides the channels of every convolution but the last.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic, pictures
from sadtalker_jax.ops.convolution import conv as conv_ops
from sadtalker_jax.typing import Dtype

CLASSES = 400  # of Kinetics: the numbers that FVD compares
FRAMES = 16  # frames of a clip in published scores

# Channels of the branches b0, b1a, b1b, b2a, b2b, b3b of every block; a number
# for a pool, the side of its window.
_MIXED: dict[str, int | tuple[int, ...]] = {
  'mixed_3b': (64, 96, 128, 16, 32, 32),
  'mixed_3c': (128, 128, 192, 32, 96, 64),
  'pool_4a': 3,
  'mixed_4b': (192, 96, 208, 16, 48, 64),
  'mixed_4c': (160, 112, 224, 24, 64, 64),
  'mixed_4d': (128, 128, 256, 24, 64, 64),
  'mixed_4e': (112, 144, 288, 32, 64, 64),
  'mixed_4f': (256, 160, 320, 32, 128, 128),
  'pool_5a': 2,
  'mixed_5b': (256, 160, 320, 32, 128, 128),
  'mixed_5c': (384, 192, 384, 48, 128, 128),
}


class ConvNorm(nn.Module):
  """Convolution, batch norm, ReLU."""

  features: int  # output channels
  size: int = 1  # of the kernel along all axes
  stride: int = 1  # along all axes
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, D, H, W, C] to [B, D', H', W', features], N' = N / stride."""
    kernel, strides = (self.size,) * 3, (self.stride,) * 3
    x = nn.Conv(
      self.features,
      kernel,
      strides=strides,
      padding=lax.padtype_to_pads(x.shape[1:-1], kernel, strides, 'SAME'),
      use_bias=False,
      dtype=self.dtype,
      conv_general_dilated=conv_ops.conv_general_dilated,
      name='conv',
    )(x)
    norm = basic.batch_norm(
      train=False, epsilon=1e-3, dtype=self.dtype, name='norm'
    )
    return nn.relu(norm(x))


class Mixed(nn.Module):
  """A block of four branches, side by side."""

  widths: Sequence[int]  # channels of b0, b1a, b1b, b2a, b2b, b3b
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, D, H, W, C] to [B, D, H, W, b0 + b1b + b2b + b3b]."""

    def conv(x: jax.Array, name: str, place: int, size: int = 1) -> jax.Array:
      width = self.widths[place]
      return ConvNorm(width, size, dtype=self.dtype, name=name)(x)

    parts = [
      conv(x, 'b0', 0),
      conv(conv(x, 'b1a', 1), 'b1b', 2, 3),
      conv(conv(x, 'b2a', 3), 'b2b', 4, 3),
      conv(_max_pool(x, (3, 3, 3), (1, 1, 1)), 'b3b', 5),
    ]
    return jnp.concatenate(parts, -1)


class I3D(nn.Module):
  """The network up to its logits."""

  size: int = 224  # side in pixels to which frames are resized
  narrow: int = 1  # divisor of the channels of every convolution
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, frames: jax.Array) -> jax.Array:
    """Logits [B, 400], float32, their mean over time.

    Args:
      frames: [B, T, H, W, 3] RGB in [0, 1], T of at least 9.

    Raises:
      ValueError: clips have another shape or type, or fewer frames.
    """
    if frames.ndim != 5 or frames.shape[1] < 9:
      raise ValueError(
        f'expected clips [B, T, H, W, 3], T > 8, found {frames.shape}'
      )
    batch, time = frames.shape[:2]
    x = pictures.symmetric(frames.reshape(-1, *frames.shape[2:]))
    if x.shape[1:3] != (self.size, self.size):
      shape = (len(x), self.size, self.size, 3)
      x = jax.image.resize(x, shape, 'linear', antialias=False)
    x = x.reshape(batch, time, *x.shape[1:])
    narrow, dtype = self.narrow, self.dtype
    x = ConvNorm(64 // narrow, 7, 2, dtype, name='conv_1a')(x)
    x = _max_pool(x, (1, 3, 3), (1, 2, 2))
    x = ConvNorm(64 // narrow, dtype=dtype, name='conv_2b')(x)
    x = ConvNorm(192 // narrow, 3, dtype=dtype, name='conv_2c')(x)
    x = _max_pool(x, (1, 3, 3), (1, 2, 2))
    for name, widths in _MIXED.items():
      if isinstance(widths, int):
        x = _max_pool(x, (widths,) * 3, (2, 2, 2))
      else:
        x = Mixed([w // narrow for w in widths], dtype, name=name)(x)
    # The last layer sees means of two moments; so it may see the mean of those.
    x = x.astype(jnp.float32).mean((2, 3), keepdims=True)
    x = ((x[:, :-1] + x[:, 1:]) / 2).mean(1, keepdims=True)
    x = basic.conv(CLASSES, (1, 1, 1), name='logits')(x)
    return x.reshape(batch, CLASSES)


def _max_pool(
  x: jax.Array, window: tuple[int, ...], stride: tuple[int, ...]
) -> jax.Array:
  """Largest values of windows, as many as strides fit into each axis."""
  return nn.max_pool(x, window, strides=stride, padding='SAME')
