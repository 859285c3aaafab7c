"""The U-net of PoseVAE: a pose sequence as a picture (method 4.2).

Layout: [B, T, P, 1], time by pose numbers. Only time is strided, by 2 at each
step down, so T is a multiple of 8.
"""

from collections.abc import Sequence
import functools

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

WIDTHS = (32, 64, 128, 256)

_HALF = (2, 1)  # step in time, step along the pose


class ResidualConv(nn.Module):
  """Two convolutions, each after a norm, and a convolved shortcut."""

  features: int  # output channels
  stride: tuple[int, int] = (1, 1)
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, T, P, C] to [B, T / stride, P, features]."""
    norm = functools.partial(basic.batch_norm, train=train, dtype=self.dtype)
    conv = functools.partial(
      basic.conv, self.features, (3, 3), padding=1, dtype=self.dtype
    )
    y = nn.relu(norm(name='norm_1')(x))
    y = conv(stride=self.stride, name='conv_1')(y)
    y = nn.relu(norm(name='norm_2')(y))
    y = conv(name='conv_2')(y)
    shortcut = conv(stride=self.stride, name='skip_conv')(x)
    return y + norm(name='skip_norm')(shortcut)


class ResUnet(nn.Module):
  """A U-net with an output in (0, 1) of the size of its input."""

  widths: Sequence[int] = WIDTHS  # channels at full, 1/2, 1/4, 1/8 of the time
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, T, P, 1] to the same shape."""
    conv = functools.partial(basic.conv, dtype=self.dtype)
    block = functools.partial(ResidualConv, dtype=self.dtype)
    first, *deeper, deepest = self.widths

    y = conv(first, (3, 3), padding=1, name='input_conv_1')(x)
    y = basic.batch_norm(train=train, dtype=self.dtype, name='input_norm')(y)
    y = conv(first, (3, 3), padding=1, name='input_conv_2')(nn.relu(y))
    y = y + conv(first, (3, 3), padding=1, name='input_skip')(x)

    passed = [y]  # maps for the way up
    for i, width in enumerate(deeper, 1):
      y = block(width, stride=_HALF, name=f'down_{i}')(y, train=train)
      passed.append(y)
    y = block(deepest, stride=_HALF, name='bridge')(y, train=train)
    for i, across in enumerate(reversed(passed), 1):
      y = basic.ConvTranspose(
        y.shape[-1], _HALF, _HALF, dtype=self.dtype, name=f'grow_{i}'
      )(y)
      y = jnp.concatenate([y, across], axis=-1)
      y = block(across.shape[-1], name=f'up_{i}')(y, train=train)
    return nn.sigmoid(conv(1, (1, 1), name='output')(y))
