"""ResNet of bottleneck blocks, version 1.5 (method 6.1).

He et al., Deep Residual Learning for Image Recognition, CVPR 2016; the stride
is that of the 3 x 3 convolution of a block. The trunk of the reconstruction
network, of Hopenet and of RetinaFace. Layout: NHWC.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

_EXPANSION = 4  # ratio of a block's output channels to those inside


class Bottleneck(nn.Module):
  """1 x 1, 3 x 3 and 1 x 1 convolution around a shortcut."""

  features: int  # channels inside; the output has four times as many
  stride: int = 1
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, H / stride, W / stride, 4 features]."""
    wide = _EXPANSION * self.features

    def conv(
      x: jax.Array, features: int, size: int, stride: int, name: str
    ) -> jax.Array:
      x = basic.conv(
        features,
        (size, size),
        stride=stride,
        padding=size // 2,
        bias=False,
        dtype=self.dtype,
        name=f'{name}_conv',
      )(x)
      return basic.batch_norm(
        train=train, dtype=self.dtype, name=f'{name}_norm'
      )(x)

    y = nn.relu(conv(x, self.features, 1, 1, 'first'))
    y = nn.relu(conv(y, self.features, 3, self.stride, 'second'))
    y = conv(y, wide, 1, 1, 'third')
    if self.stride != 1 or x.shape[-1] != wide:
      x = conv(x, wide, 1, self.stride, 'shortcut')
    return nn.relu(x + y)


class ResNet(nn.Module):
  """Feature maps at 1/4, 1/8, 1/16 and 1/32 of a picture's size."""

  blocks: Sequence[int] = (3, 4, 6, 3)  # blocks per stage, those of ResNet-50
  features: int = 64  # channels of the stem; doubled from stage to stage
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array, *, train: bool) -> tuple[jax.Array, ...]:
    """The outputs of all stages.

    Args:
      image: [B, H, W, 3] in the range that the weights were trained for.
      train: whether batch norm uses the batch.

    Returns:
      For stages i = 0, 1, ...: [B, H / 2^(i + 2), W / 2^(i + 2), C 2^i], sizes
      rounded up, C = 4 `features`; for ResNet-50 256, 512, 1024, 2048 channels.
    """
    x = basic.conv(
      self.features,
      (7, 7),
      stride=2,
      padding=3,
      bias=False,
      dtype=self.dtype,
      name='stem_conv',
    )(image)
    x = basic.batch_norm(train=train, dtype=self.dtype, name='stem_norm')(x)
    x = basic.max_pool(nn.relu(x), (3, 3), stride=(2, 2), padding=1)
    outputs = []
    for i, count in enumerate(self.blocks):
      for j in range(count):
        x = Bottleneck(
          self.features * 2**i,
          stride=2 if i > 0 and j == 0 else 1,
          dtype=self.dtype,
          name=f'stage_{i + 1}_block_{j}',
        )(x, train=train)
      outputs.append(x)
    return tuple(outputs)
