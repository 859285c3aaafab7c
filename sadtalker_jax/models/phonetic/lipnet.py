"""LipNet: lips and phone classes from the spectrum of speech.

A one-dimensional convolutional network of 269 thousand parameters. It hears
0.9 s on either side of an instant. Norms are over channels alone and see no
other instant, so the network may run on pieces of a recording.

Letters: B recordings, T rows at 100 a second, N = T / 2 rows at 50 a second, C
channels.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype, Variables

NUM_MEASURES = 5  # gap, width, chin, upper lip, corners: `ops.dominance`
NUM_CLASSES = 24  # of phones that look alike, see `ops.lip_classes`
STRIDE = 2  # rows of the input to one of the output
CONTEXT = 45  # rows of the output on either side that a row depends on

DILATIONS = (1, 1, 2, 2, 4, 4)  # of the blocks

# Spectra are about -2 +- 1.5 (`ops.lip_spectra`).
_MEAN, _SPREAD = -2.0, 1.5


class Depthwise(nn.Module):
  """A depthwise convolution along time, as a sum of shifted rows.

  XLA compiles that faster than a grouped convolution on CPUs, and it is one of
  the forms that it cannot get wrong there.
  """

  size: int
  dilation: int

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """[B, N, C] to [B, N, C], zeros beyond the ends."""
    count, channels = x.shape[1:]
    kernel = self.param('kernel', basic.KERNEL_INIT, (self.size, channels))
    bias = self.param('bias', nn.initializers.zeros, (channels,))
    reach = (self.size - 1) * self.dilation // 2
    padded = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)))
    taps = [
      padded[:, tap * self.dilation :][:, :count] * kernel[tap].astype(x.dtype)
      for tap in range(self.size)
    ]
    return sum(taps) + bias.astype(x.dtype)


class Block(nn.Module):
  """Residual block: time mixed per channel, then channels mixed per row."""

  dilation: int
  size: int = 7
  expansion: int = 2
  dropout: float = 0.1
  dtype: Dtype | None = None

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """[B, N, C] to [B, N, C]."""
    channels = x.shape[-1]
    y = Depthwise(self.size, self.dilation, name='depthwise')(x)
    y = nn.LayerNorm(epsilon=1e-5, dtype=self.dtype, name='norm')(y)
    y = basic.dense(channels * self.expansion, dtype=self.dtype, name='wide')(y)
    y = nn.gelu(y, approximate=False)
    y = basic.dense(channels, dtype=self.dtype, name='narrow')(y)
    return x + nn.Dropout(self.dropout)(y, deterministic=not train)


class LipNet(nn.Module):
  """Measures of the mouth, and the logits of phone classes."""

  channels: int = 96
  dilations: Sequence[int] = DILATIONS
  dtype: Dtype | None = None

  @nn.compact
  def __call__(
    self, spectra: jax.Array, *, train: bool
  ) -> tuple[jax.Array, jax.Array]:
    """Lips at 50 rows a second.

    Args:
      spectra: [B, T, 64] of `ops.lip_spectra`, T even.
      train: Whether some of the channels are dropped.

    Returns:
      [B, N, 5] the measures of `ops.dominance` in amplitudes of a speaker, and
      [B, N, 24] logits of the classes.
    """
    x = (spectra - _MEAN) / _SPREAD
    x = basic.conv(
      self.channels, (6,), stride=STRIDE, padding=2, dtype=self.dtype,
      name='input',
    )(x)  # [B, N, C]  # fmt: skip
    for number, dilation in enumerate(self.dilations):
      block = Block(dilation, dtype=self.dtype, name=f'block_{number}')
      x = block(x, train=train)
    lips = basic.conv(
      NUM_MEASURES, (3,), padding=1, dtype=self.dtype, name='lips'
    )(nn.gelu(x, approximate=False))
    return lips, basic.dense(NUM_CLASSES, dtype=self.dtype, name='classes')(x)


def of(params: Variables) -> LipNet:
  """The network that has these parameters; smaller ones have fewer blocks."""
  blocks = sum(name.startswith('block_') for name in params)
  channels = params['input']['kernel'].shape[-1]
  return LipNet(channels, DILATIONS[:blocks])
