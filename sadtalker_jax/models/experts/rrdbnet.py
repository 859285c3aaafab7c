"""RRDBNet of Real-ESRGAN: pictures, two or four times as large.

X. Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with
Pure Synthetic Data, ICCVW 2021, in the form of the released files
`RealESRGAN_x2plus.pth` and `RealESRGAN_x4plus.pth`. Blocks of dense blocks at
the size of the picture (at half of it for scale 2), then two doublings. Layout:
NHWC, RGB in [0, 1].
"""

from typing import Any

from flax import linen as nn
import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

_SLOPE = 0.2  # of the activations for negative values
_SHARE = 0.2  # of a block's result in its sum


def packed(x: jax.Array, step: int) -> jax.Array:
  """Squares of `step` pixels [B, H, W, C] as channels: c step^2 + dy step + dx.

  Returns:
    [B, H / step, W / step, C step^2].
  """
  batch, height, width, channels = x.shape
  x = x.reshape(batch, height // step, step, width // step, step, channels)
  return x.transpose(0, 1, 3, 5, 2, 4).reshape(
    batch, height // step, width // step, channels * step**2
  )


class DenseBlock(nn.Module):
  """Five convolutions, each of all maps before it."""

  growth: int  # channels that a convolution adds
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to the same shape."""
    maps = [x]
    for i in range(1, 5):
      y = _conv(self.growth, self.dtype, f'conv_{i}')(jnp.concatenate(maps, -1))
      maps.append(nn.leaky_relu(y, _SLOPE))
    y = _conv(x.shape[-1], self.dtype, 'conv_5')(jnp.concatenate(maps, -1))
    return y * _SHARE + x


class Block(nn.Module):
  """Three dense blocks, and the input."""

  growth: int  # channels that a convolution adds
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to the same shape."""
    y = x
    for i in range(1, 4):
      y = DenseBlock(self.growth, self.dtype, name=f'dense_{i}')(y)
    return y * _SHARE + x


class RRDBNet(nn.Module):
  """The whole network."""

  scale: int = 4  # 2 or 4
  blocks: int = 23
  features: int = 64  # channels
  growth: int = 32  # channels that a convolution of a dense block adds
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    """Enlarged pictures.

    Args:
      image: [B, H, W, 3] RGB in [0, 1]; H and W even for scale 2.

    Returns:
      [B, H * scale, W * scale, 3] float32, not clipped.
    """
    x = packed(image, 4 // self.scale) if self.scale < 4 else image
    x = first = _conv(self.features, self.dtype, 'first')(x)
    x = self._trunk(x)
    x = first + _conv(self.features, self.dtype, 'trunk')(x)
    for name in ('up_1', 'up_2'):
      x = _conv(self.features, self.dtype, name, repeated=2)(x)
      x = nn.leaky_relu(x, _SLOPE)
    x = nn.leaky_relu(_conv(self.features, self.dtype, 'fine')(x), _SLOPE)
    return _conv(3, self.dtype, 'last')(x).astype(jnp.float32)

  def _trunk(self, x: jax.Array) -> jax.Array:
    """All blocks, [B, H, W, C] to the same shape."""
    block = Block(self.growth, self.dtype, parent=None)
    # A loop over stacked weights is compiled, and made, in a fraction of the
    # time; the names of the weights stay those of the released files.
    init = jax.jit(lambda key, x: block.init(key, x)['params'])
    weights = [self.param(f'block_{i}', init, x) for i in range(self.blocks)]
    stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *weights)

    def step(x: jax.Array, weight: Any) -> tuple[jax.Array, None]:
      return jnp.asarray(block.apply({'params': weight}, x)), None

    return lax.scan(step, x, stacked)[0]


def _conv(
  features: int, dtype: Dtype | None, name: str, repeated: int = 1
) -> nn.Conv:
  return basic.conv(
    features, (3, 3), padding=1, repeated=repeated, dtype=dtype, name=name
  )
