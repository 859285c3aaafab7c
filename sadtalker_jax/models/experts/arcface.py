"""ArcFace's iResNet-50, for identity (method 6.6, method 9.3).

Deng et al., ArcFace, CVPR 2019, in the form of insightface's `arcface_torch`.
Pictures are RGB in [0, 1], 112 x 112 pixels, aligned by five points; the
network converts them to [-1, 1] itself. Frozen: batch norm always uses the
running statistics. Layout: NHWC.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic, pictures
from sadtalker_jax.typing import Dtype

SIZE = 112  # side of a picture in pixels


def _conv(
  features: int, size: int, stride: int, dtype: Dtype | None, name: str
) -> nn.Conv:
  return basic.conv(
    features,
    (size, size),
    stride=stride,
    padding=size // 2,
    bias=False,
    dtype=dtype,
    name=name,
  )


class Block(nn.Module):
  """Norm, convolution, norm, PReLU, convolution, norm, around a shortcut."""

  features: int  # output channels
  stride: int = 1  # if not 1, the shortcut is a convolution
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, H / stride, W / stride, features]."""

    def norm(x: jax.Array, name: str) -> jax.Array:
      return basic.batch_norm(train=False, dtype=self.dtype, name=name)(x)

    def conv(x: jax.Array, size: int, stride: int, name: str) -> jax.Array:
      return _conv(self.features, size, stride, self.dtype, name)(x)

    y = conv(norm(x, 'norm_1'), 3, 1, 'conv_1')
    y = basic.PReLU(name='activation')(norm(y, 'norm_2'))
    y = norm(conv(y, 3, self.stride, 'conv_2'), 'norm_3')
    if self.stride != 1:
      x = norm(conv(x, 1, self.stride, 'shortcut_conv'), 'shortcut_norm')
    return x + y


class ArcFace(nn.Module):
  """iResNet-50."""

  blocks: Sequence[int] = (3, 4, 14, 3)  # blocks per stage
  features: int = 64  # channels of the first stage; doubled each stage
  embedding: int = 512  # size of an embedding
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    """Embeddings of faces; only their direction has a meaning.

    Args:
      image: [B, 112, 112, 3] aligned faces, RGB in [0, 1].

    Returns:
      [B, 512] float32, not normalised.

    Raises:
      ValueError: pictures have another shape or type.
    """
    x = pictures.symmetric(image)
    x = _conv(self.features, 3, 1, self.dtype, 'stem_conv')(x)
    x = basic.batch_norm(train=False, dtype=self.dtype, name='stem_norm')(x)
    x = basic.PReLU(name='stem_activation')(x)
    for i, count in enumerate(self.blocks):
      for j in range(count):
        x = Block(
          self.features * 2**i,
          stride=2 if j == 0 else 1,
          dtype=self.dtype,
          name=f'stage_{i + 1}_block_{j}',
        )(x)
    x = basic.batch_norm(train=False, dtype=self.dtype, name='last_norm')(x)
    x = x.astype(jnp.float32).reshape(x.shape[0], -1)  # [B, 7 7 512]
    x = basic.dense(self.embedding, dtype=jnp.float32, name='embedding')(x)
    return basic.batch_norm(train=False, name='embedding_norm')(x)
