"""StyleGAN2's generator in plain convolutions, modulated by maps of a U-Net.

The decoder of GFPGAN ("clean" version: bilinear steps are its only filters).
Layout: NHWC. Styles are latents of the W+ space, one per layer; the network
that makes them from noise is not needed here and left out. The noise of each
layer is a stored map, in the collection `constants`: equal inputs give equal
outputs. Styles and the scales computed from them stay float32.
"""

from collections.abc import Sequence
import math

from flax import linen as nn
import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.ops.convolution import conv as conv_ops
from sadtalker_jax.typing import Dtype

_EPSILON = 1e-8  # added to the squared length of a kernel


def double(x: jax.Array) -> jax.Array:
  """Maps [B, H, W, C] enlarged bilinearly to [B, 2 H, 2 W, C]."""
  for axis in (1, 2):
    size = x.shape[axis]
    first = lax.slice_in_dim(x, 0, 1, axis=axis)
    last = lax.slice_in_dim(x, size - 1, size, axis=axis)
    before = jnp.concatenate(
      [first, lax.slice_in_dim(x, 0, size - 1, axis=axis)], axis
    )
    after = jnp.concatenate(
      [lax.slice_in_dim(x, 1, size, axis=axis), last], axis
    )
    pair = [x * 0.75 + before * 0.25, x * 0.75 + after * 0.25]
    shape = (*x.shape[:axis], 2 * size, *x.shape[axis + 1 :])
    x = jnp.stack(pair, axis + 1).reshape(shape)
  return x


class ModulatedConv(nn.Module):
  """A convolution whose kernel is scaled per input channel by a style.

  The kernel is the same for the whole batch: instead, the input is scaled
  before, and the output after, so that each kernel has length 1 again; the sum
  is the same.
  """

  features: int  # output channels
  kernel: int  # size
  demodulate: bool = True  # whether kernels are scaled to length 1
  gain: float = 1.0  # factor of the result
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, style: jax.Array) -> jax.Array:
    """Maps [B, H, W, I] and styles [B, S] to [B, H, W, features]."""
    shape = (self.kernel, self.kernel, x.shape[-1], self.features)
    kernel = self.param('kernel', basic.KERNEL_INIT, shape)
    scale = basic.dense(x.shape[-1], dtype=jnp.float32, name='modulation')(
      style
    )  # [B, I]
    dtype = self.dtype or x.dtype
    y = conv_ops.conv_general_dilated(
      x.astype(dtype) * scale.astype(dtype)[:, None, None],
      kernel.astype(dtype),
      (1, 1),
      [(self.kernel // 2,) * 2] * 2,
      dimension_numbers=conv_ops.channels_last(2),
    )
    if not self.demodulate:
      return y
    energy = jnp.matmul(
      jnp.square(scale),
      jnp.square(kernel).sum((0, 1)),
      precision=lax.Precision.HIGHEST,
    )  # [B, O]
    length = self.gain * lax.rsqrt(energy + _EPSILON)
    return y * length.astype(dtype)[:, None, None]


class StyledConv(nn.Module):
  """Modulated convolution, noise, bias, leaky ReLU."""

  features: int  # output channels
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, style: jax.Array) -> jax.Array:
    """Maps [B, H, W, I] and styles [B, S] to [B, H, W, features]."""
    x = ModulatedConv(
      self.features, 3, gain=math.sqrt(2), dtype=self.dtype, name='conv'
    )(x, style)
    strength = self.param('noise_strength', nn.initializers.zeros, (1,))
    bias = self.param('bias', nn.initializers.zeros, (self.features,))
    size = x.shape[1:3]
    noise = self.variable(
      'constants',
      'noise',
      lambda: jax.random.normal(self.make_rng('params'), size),
    ).value  # [H, W]
    added = (strength * noise)[..., None] + bias
    return nn.leaky_relu(x + added.astype(x.dtype), 0.2)


class ToRGB(nn.Module):
  """A picture from features, added to the smaller picture before it."""

  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self, x: jax.Array, style: jax.Array, picture: jax.Array | None = None
  ) -> jax.Array:
    """[B, H, W, 3] of x [B, H, W, I], styles [B, S], half-size picture."""
    y = ModulatedConv(3, 1, demodulate=False, dtype=self.dtype, name='conv')(
      x, style
    )
    bias = self.param('bias', nn.initializers.zeros, (3,))
    # The sum over all sizes is the result, so it stays float32.
    y = y.astype(jnp.float32) + bias
    return y if picture is None else y + double(picture)


class Block(nn.Module):
  """One doubling of the size of features and picture."""

  features: int  # output channels
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self,
    x: jax.Array,
    picture: jax.Array,
    styles: jax.Array,
    scale: jax.Array,
    shift: jax.Array,
  ) -> tuple[jax.Array, jax.Array]:
    """Features and picture at twice the size.

    Args:
      x: [B, H, W, I].
      picture: [B, H, W, 3].
      styles: [B, 3, S] styles of the two convolutions and of the picture.
      scale: [B, 2 H, 2 W, features / 2] factors of the second half of the
        channels.
      shift: numbers added to it, of the same shape.

    Returns:
      [B, 2 H, 2 W, features] and [B, 2 H, 2 W, 3].
    """
    x = StyledConv(self.features, dtype=self.dtype, name='up')(
      double(x), styles[:, 0]
    )
    plain, steered = jnp.split(x, 2, axis=-1)
    x = jnp.concatenate([plain, steered * scale + shift], axis=-1)
    x = StyledConv(self.features, dtype=self.dtype, name='same')(
      x, styles[:, 1]
    )
    picture = ToRGB(dtype=self.dtype, name='to_rgb')(x, styles[:, 2], picture)
    return x, picture


class SteeredDecoder(nn.Module):
  """A picture from styles and modulating maps; parts `first` to `block_N`."""

  widths: Sequence[int]  # channels at 4 pixels, 8 pixels, ...
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self, styles: jax.Array, conditions: Sequence[tuple[jax.Array, jax.Array]]
  ) -> jax.Array:
    """A picture from styles and maps.

    Args:
      styles: [B, 2 N + 2, S] for N doublings: the third style of a block is
        also the first of the next.
      conditions: pairs of scale and shift for every block.

    Returns:
      [B, 4 * 2^N, 4 * 2^N, 3] float32, around -1 to 1, not clipped.
    """
    constant = self.param(
      'constant', nn.initializers.normal(1.0), (4, 4, self.widths[0])
    )
    x = jnp.broadcast_to(constant, (styles.shape[0], *constant.shape))
    x = x.astype(self.dtype or styles.dtype)
    x = StyledConv(self.widths[0], dtype=self.dtype, name='first')(
      x, styles[:, 0]
    )
    picture = ToRGB(dtype=self.dtype, name='first_to_rgb')(x, styles[:, 1])
    for i, (scale, shift) in enumerate(conditions):
      x, picture = Block(
        self.widths[i + 1], dtype=self.dtype, name=f'block_{i}'
      )(x, picture, styles[:, 2 * i + 1 : 2 * i + 4], scale, shift)
    return picture
