"""The lip reader: the likeliest of 500 words (method 8.2).

Layout: clips of mouths [B, T, 88, 88, 1], grey; `preprocess` converts frames in
0...255. The word classifier was trained on 29 frames, the front end takes any
number of them.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Array, Dtype

FEATURE_SIZE = 512
NUM_WORDS = 500
_MEAN, _DEVIATION = 0.421, 0.165  # of grey pictures of mouths in 0...1
_DROPOUT = 0.2


def preprocess(frames: Array) -> jax.Array:
  """The network's input from grey frames [B, T, 88, 88, 1] in 0...255."""
  grey = jnp.asarray(frames).astype(jnp.float32) / 255
  return (grey - _MEAN) / _DEVIATION


class ResidualBlock(nn.Module):
  """Two 3 x 3 convolutions and a shortcut, with Swish."""

  features: int  # output channels
  stride: int = 1
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, H / stride, W / stride, features]."""

    def conv(x: jax.Array, kernel: int, stride: int, name: str) -> jax.Array:
      x = basic.conv(
        self.features,
        (kernel,) * 2,
        stride=stride,
        padding=kernel // 2,
        bias=False,
        dtype=self.dtype,
        name=f'{name}_conv',
      )(x)
      norm = basic.batch_norm(
        train=train, dtype=self.dtype, name=f'{name}_norm'
      )
      return norm(x)

    y = nn.swish(conv(x, 3, self.stride, 'first'))
    y = conv(y, 3, 1, 'second')
    if self.stride != 1 or x.shape[-1] != self.features:
      x = conv(x, 1, self.stride, 'shortcut')
    return nn.swish(y + x)


class FrontEnd(nn.Module):
  """A 3-D convolution, and a ResNet-18 over every frame."""

  widths: Sequence[int] = (64, 128, 256, FEATURE_SIZE)  # channels per layer
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, frames: jax.Array, *, train: bool) -> jax.Array:
    """Maps clips [B, T, H, W, 1] to features [B, T, 512]."""
    x = basic.conv(
      self.widths[0],
      (5, 7, 7),
      stride=(1, 2, 2),
      padding=(2, 3, 3),
      bias=False,
      dtype=self.dtype,
      name='stem_conv',
    )(frames)
    x = basic.batch_norm(train=train, dtype=self.dtype, name='stem_norm')(x)
    x = basic.max_pool(
      nn.swish(x), (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)
    )
    clips = x.shape[:2]
    x = x.reshape(-1, *x.shape[2:])
    for i, width in enumerate(self.widths, 1):
      for j in range(2):
        stride = 2 if i > 1 and j == 0 else 1
        block = ResidualBlock(width, stride, self.dtype, name=f'layer_{i}_{j}')
        x = block(x, train=train)
    return x.mean((1, 2)).reshape(*clips, -1)


class TemporalBlock(nn.Module):
  """Twice: joined convolutions of three lengths; and a shortcut."""

  features: int  # channels of a branch
  dilation: int  # distance of the taps in frames
  kernels: Sequence[int] = (3, 5, 7)  # number of taps of each branch
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, T, C] to [B, T, 3 * features]."""
    y = x
    for i in range(2):
      branches = []
      for j, kernel in enumerate(self.kernels):
        branch = basic.conv(
          self.features,
          (kernel,),
          dilation=self.dilation,
          padding=self.dilation * (kernel - 1) // 2,
          dtype=self.dtype,
          name=f'conv_{i}_{j}',
        )(y)
        norm = basic.batch_norm(
          train=train, dtype=self.dtype, name=f'norm_{i}_{j}'
        )
        branches.append(nn.swish(norm(branch)))
      y = jnp.concatenate(branches, axis=-1)
      y = nn.Dropout(_DROPOUT, deterministic=not train)(y)
    width = self.features * len(self.kernels)
    shortcut = basic.conv(width, (1,), dtype=self.dtype, name='shortcut')(x)
    return nn.swish(y + shortcut)


class LipReader(nn.Module):
  """Words from mouths; training needs the rng 'dropout'."""

  widths: Sequence[int] = (64, 128, 256, FEATURE_SIZE)  # of the front end
  temporal_width: int = 256  # channels of a branch
  num_blocks: int = 4  # the dilation doubles from one to the next
  num_words: int = NUM_WORDS
  dtype: Dtype | None = None  # type of the computation

  def setup(self) -> None:
    """Creates the parts: `front_end`, `temporal_0`, ..., `words`."""
    self.front_end = FrontEnd(self.widths, self.dtype)
    self.temporal = [
      TemporalBlock(self.temporal_width, 2**i, dtype=self.dtype)
      for i in range(self.num_blocks)
    ]
    self.words = basic.dense(self.num_words, dtype=self.dtype)

  def __call__(
    self, frames: jax.Array, lengths: jax.Array, *, train: bool
  ) -> jax.Array:
    """Logits of the words.

    Args:
      frames: [B, T, 88, 88, 1] from `preprocess`.
      lengths: [B] int, number of frames of each clip that are averaged, 1 to T.
        The convolutions use all T.
      train: whether batch norm uses the batch, and dropout is on.

    Returns:
      [B, 500].
    """
    x = self.features(frames, train=train)
    for block in self.temporal:
      x = block(x, train=train)
    inside = jnp.arange(x.shape[1]) < lengths[:, None]  # [B, T]
    total = jnp.sum(jnp.where(inside[..., None], x, 0), axis=1)
    return self.words(total / lengths[:, None].astype(x.dtype))

  def features(self, frames: jax.Array, *, train: bool) -> jax.Array:
    """Features [B, T, 512] of frames [B, T, 88, 88, 1], by the front end."""
    return self.front_end(frames, train=train)
