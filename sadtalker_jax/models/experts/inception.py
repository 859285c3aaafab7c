"""Inception-v3 in the form that FID is defined by (method 9.1).

Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, with the
weights of TensorFlow's FID graph as in pytorch-fid. Unlike in torchvision's
network, means of the pool branches exclude the padding, and the last block
takes the maximum. Pictures are RGB in [0, 1] of any size; the network resizes
them to 299 x 299 and converts them to [-1, 1] itself. Frozen: batch norm always
uses the running statistics. Layout: NHWC. Blocks and branches have the names of
the public code; `narrow` divides the channels of every convolution.
"""

import functools

from flax import linen as nn
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models.layers import basic, pictures
from sadtalker_jax.typing import Dtype

FEATURE_SIZE = 2048


class ConvNorm(nn.Module):
  """Convolution, batch norm, ReLU."""

  features: int  # output channels
  kernel: tuple[int, int]  # size
  stride: int = 1
  padded: bool = True  # whether the border is padded: stride 1 keeps the size
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, H', W', features]."""
    x = basic.conv(
      self.features,
      self.kernel,
      stride=self.stride,
      padding=[k // 2 if self.padded else 0 for k in self.kernel],
      bias=False,
      dtype=self.dtype,
      name='conv',
    )(x)
    norm = basic.batch_norm(
      train=False, epsilon=1e-3, dtype=self.dtype, name='norm'
    )
    return nn.relu(norm(x))


def _conv(
  module: 'InceptionV3 | MixedA | MixedB | MixedC | MixedD | MixedE',
  x: jax.Array,
  name: str,
  features: int,
  kernel: int | tuple[int, int] = 1,
  *,
  stride: int = 1,
  padded: bool | None = None,
) -> jax.Array:
  """A convolution of a module; by default padded where its stride is 1."""
  return ConvNorm(
    features // module.narrow,
    (kernel, kernel) if isinstance(kernel, int) else kernel,
    stride,
    stride == 1 if padded is None else padded,
    dtype=module.dtype,
    name=name,
  )(x)


class MixedA(nn.Module):
  """The blocks 5b, 5c and 5d."""

  pool_features: int  # channels of the pool branch
  narrow: int = 1  # divisor of the channels of every convolution
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, 224 + pool_features]."""
    conv = functools.partial(_conv, self)
    y = conv(x, 'branch5x5_1', 48)
    z = conv(x, 'branch3x3dbl_1', 64)
    z = conv(z, 'branch3x3dbl_2', 96, 3)
    parts = [
      conv(x, 'branch1x1', 64),
      conv(y, 'branch5x5_2', 64, 5),
      conv(z, 'branch3x3dbl_3', 96, 3),
      conv(_mean3(x), 'branch_pool', self.pool_features),
    ]
    return jnp.concatenate(parts, -1)


class MixedB(nn.Module):
  """The block 6a, which halves the size."""

  narrow: int = 1
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, (H - 1) / 2, (W - 1) / 2, C + 480]."""
    conv = functools.partial(_conv, self)
    y = conv(conv(x, 'branch3x3dbl_1', 64), 'branch3x3dbl_2', 96, 3)
    parts = [
      conv(x, 'branch3x3', 384, 3, stride=2),
      conv(y, 'branch3x3dbl_3', 96, 3, stride=2),
      _shrink(x),
    ]
    return jnp.concatenate(parts, -1)


class MixedC(nn.Module):
  """The blocks 6b to 6e."""

  inside: int  # channels of the 7 x 7 branches
  narrow: int = 1
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, 768]."""
    conv = functools.partial(_conv, self)
    wide, tall = (1, 7), (7, 1)
    y = conv(x, 'branch7x7_1', self.inside)
    y = conv(y, 'branch7x7_2', self.inside, wide)
    z = conv(x, 'branch7x7dbl_1', self.inside)
    z = conv(z, 'branch7x7dbl_2', self.inside, tall)
    z = conv(z, 'branch7x7dbl_3', self.inside, wide)
    z = conv(z, 'branch7x7dbl_4', self.inside, tall)
    parts = [
      conv(x, 'branch1x1', 192),
      conv(y, 'branch7x7_3', 192, tall),
      conv(z, 'branch7x7dbl_5', 192, wide),
      conv(_mean3(x), 'branch_pool', 192),
    ]
    return jnp.concatenate(parts, -1)


class MixedD(nn.Module):
  """The block 7a, which halves the size."""

  narrow: int = 1
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, (H - 1) / 2, (W - 1) / 2, C + 512]."""
    conv = functools.partial(_conv, self)
    y = conv(x, 'branch3x3_1', 192)
    z = conv(x, 'branch7x7x3_1', 192)
    z = conv(z, 'branch7x7x3_2', 192, (1, 7))
    z = conv(z, 'branch7x7x3_3', 192, (7, 1))
    parts = [
      conv(y, 'branch3x3_2', 320, 3, stride=2),
      conv(z, 'branch7x7x3_4', 192, 3, stride=2),
      _shrink(x),
    ]
    return jnp.concatenate(parts, -1)


class MixedE(nn.Module):
  """The blocks 7b and 7c."""

  maximum: bool  # whether the pool branch takes the maximum, not the mean
  narrow: int = 1
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, 2048]."""
    conv = functools.partial(_conv, self)
    wide, tall = (1, 3), (3, 1)
    y = conv(x, 'branch3x3_1', 384)
    z = conv(x, 'branch3x3dbl_1', 448)
    z = conv(z, 'branch3x3dbl_2', 384, 3)
    pooled = _max3(x) if self.maximum else _mean3(x)
    parts = [
      conv(x, 'branch1x1', 320),
      conv(y, 'branch3x3_2a', 384, wide),
      conv(y, 'branch3x3_2b', 384, tall),
      conv(z, 'branch3x3dbl_3a', 384, wide),
      conv(z, 'branch3x3dbl_3b', 384, tall),
      conv(pooled, 'branch_pool', 192),
    ]
    return jnp.concatenate(parts, -1)


class InceptionV3(nn.Module):
  """The network up to the last pool; the classifier is not used."""

  size: int = 299  # side in pixels to which pictures are resized
  narrow: int = 1  # divisor of the channels of every convolution
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    """Features [B, 2048], float32, whose distributions FID compares.

    Args:
      image: [B, H, W, 3] RGB in [0, 1], of any size.

    Raises:
      ValueError: pictures have another shape or type.
    """
    x = pictures.symmetric(image)
    if x.shape[1:3] != (self.size, self.size):  # bilinear, as pytorch-fid does
      shape = (x.shape[0], self.size, self.size, 3)
      x = jax.image.resize(x, shape, 'linear', antialias=False)
    conv = functools.partial(_conv, self)
    x = conv(x, 'conv_1a', 32, 3, stride=2)
    x = conv(x, 'conv_2a', 32, 3, padded=False)
    x = _shrink(conv(x, 'conv_2b', 64, 3))
    x = conv(x, 'conv_3b', 80)
    x = _shrink(conv(x, 'conv_4a', 192, 3, padded=False))
    rest = (self.narrow, self.dtype)
    x = MixedA(32, *rest, name='mixed_5b')(x)
    x = MixedA(64, *rest, name='mixed_5c')(x)
    x = MixedA(64, *rest, name='mixed_5d')(x)
    x = MixedB(*rest, name='mixed_6a')(x)
    x = MixedC(128, *rest, name='mixed_6b')(x)
    x = MixedC(160, *rest, name='mixed_6c')(x)
    x = MixedC(160, *rest, name='mixed_6d')(x)
    x = MixedC(192, *rest, name='mixed_6e')(x)
    x = MixedD(*rest, name='mixed_7a')(x)
    x = MixedE(False, *rest, name='mixed_7b')(x)
    x = MixedE(True, *rest, name='mixed_7c')(x)
    return x.astype(jnp.float32).mean((1, 2))


def _shrink(x: jax.Array) -> jax.Array:
  """Largest values of windows of 3 x 3 pixels, two apart."""
  return basic.max_pool(x, (3, 3), stride=(2, 2))


def _max3(x: jax.Array) -> jax.Array:
  return basic.max_pool(x, (3, 3), stride=(1, 1), padding=1)


def _mean3(x: jax.Array) -> jax.Array:
  """Mean of the 3 x 3 pixels around each, without those outside."""

  def total(x: jax.Array) -> jax.Array:
    zero = np.zeros((), x.dtype)
    return lax.reduce_window(x, zero, lax.add, (1, 3, 3, 1), (1,) * 4, 'SAME')

  return total(x) / total(jnp.ones_like(x[:1, :, :, :1]))
