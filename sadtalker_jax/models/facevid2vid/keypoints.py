"""Networks for the keypoints of a picture, and its head pose and expression.

Layout: pictures [B, S, S, 3], RGB in [0, 1]; keypoints [B, K, 3], (x, y, z) in
[-1, 1], x to the right, y down, z along the depth of the volume. Source:
method 5.3 (KPDetector), method 5.8 (HEEstimator).
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.facevid2vid import appearance
from sadtalker_jax.models.layers import basic, blocks
from sadtalker_jax.models.sadtalker import mapping
from sadtalker_jax.ops import filters
from sadtalker_jax.ops.convolution import conv as conv_ops
from sadtalker_jax.ops.sampling import grids
from sadtalker_jax.typing import Dtype


class Bottleneck(nn.Module):
  """1 x 1, 3 x 3 and 1 x 1 convolution around a shortcut, all with a bias."""

  stride: int = 1
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, H / stride, W / stride, C]."""
    width = x.shape[-1]

    def conv(
      x: jax.Array, features: int, size: int, stride: int, name: str
    ) -> jax.Array:
      x = basic.conv(
        features,
        (size, size),
        stride=stride,
        padding=size // 2,
        dtype=self.dtype,
        name=f'conv_{name}',
      )(x)
      return basic.batch_norm(
        train=train, dtype=self.dtype, name=f'norm_{name}'
      )(x)

    y = nn.relu(conv(x, width // 4, 1, 1, 'first'))
    y = nn.relu(conv(y, width // 4, 3, self.stride, 'second'))
    y = conv(y, width, 1, 1, 'third')
    if self.stride != 1:
      x = conv(x, width, 1, self.stride, 'shortcut')
    return nn.relu(x + y)


class HeadPoseEstimator(nn.Module):
  """Pose and expression of a head, in the form of MappingNet's output."""

  num_keypoints: int = mapping.NUM_KEYPOINTS
  features: int = 64  # channels of the first layer
  widths: Sequence[int] = (256, 512, 1024, 2048)  # channels per stage
  depths: Sequence[int] = (3, 3, 5, 2)  # blocks per stage after its reduction
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self, image: jax.Array, *, train: bool
  ) -> mapping.KeypointMotion:
    """Motion from canonical keypoints to those of pictures [B, S, S, 3]."""
    x = basic.conv(
      self.features, (7, 7), stride=2, padding=3, dtype=self.dtype, name='stem'
    )(image)
    x = basic.batch_norm(train=train, dtype=self.dtype, name='stem_norm')(x)
    x = basic.max_pool(nn.relu(x), (3, 3), stride=(2, 2), padding=1)
    stages = zip(self.widths, self.depths, strict=True)
    for i, (width, depth) in enumerate(stages):
      x = blocks.ConvBlock(width, (1, 1), dtype=self.dtype, name=f'widen_{i}')(
        x, train=train
      )
      if i:
        x = Bottleneck(stride=2, dtype=self.dtype, name=f'reduce_{i}')(
          x, train=train
        )
      for j in range(depth):
        x = Bottleneck(dtype=self.dtype, name=f'block_{i}_{j}')(x, train=train)
    x = x.mean(axis=(1, 2))

    def head(size: int, name: str) -> jax.Array:
      return basic.dense(size, dtype=self.dtype, name=name)(x)

    expression = head(3 * self.num_keypoints, 'expression')
    return mapping.KeypointMotion(
      head(mapping.NUM_BINS, 'yaw'),
      head(mapping.NUM_BINS, 'pitch'),
      head(mapping.NUM_BINS, 'roll'),
      head(3, 'translation'),
      expression.reshape(-1, self.num_keypoints, 3),
    )


class KeypointDetector(nn.Module):
  """Canonical keypoints: those of the head at rest, facing the camera.

  The picture is blurred before its reduction. The kernel of the blur is not
  learned, yet released files contain it, so it is a variable of `batch_stats`;
  a new network has the Gaussian of `filters.reduce`.
  """

  num_keypoints: int = mapping.NUM_KEYPOINTS
  block_expansion: int = 32  # channels of the last step up
  max_features: int = 1024  # largest number of channels
  num_blocks: int = 5  # steps down, and up
  depth: int = 16  # depth of the volume
  reduction: int = 4  # factor by which the picture is made smaller first
  temperature: float = 0.1  # temperature of the distributions
  dtype: Dtype | None = None  # type of the convolutions

  @nn.compact
  def __call__(self, image: jax.Array, *, train: bool) -> jax.Array:
    """Keypoints [B, K, 3], float32, of pictures [B, S, S, 3].

    S is a multiple of `reduction` times 2**num_blocks.
    """
    x = self._reduced(image)
    for i in range(self.num_blocks):
      width = min(self.max_features, self.block_expansion * 2 ** (i + 1))
      x = blocks.ConvBlock(width, dtype=self.dtype, name=f'down_{i}')(
        x, train=train
      )
      x = basic.avg_pool(x, (2, 2))
    x = basic.conv(
      x.shape[-1] * self.depth, (1, 1), dtype=self.dtype, name='lift'
    )(x)
    x = appearance.to_volume(x, self.depth)
    for i in range(self.num_blocks):
      step = self.num_blocks - 1 - i
      width = min(self.max_features, self.block_expansion * 2**step)
      x = blocks.ConvBlock(width, (3, 3, 3), dtype=self.dtype, name=f'up_{i}')(
        basic.nearest(x, (1, 2, 2)), train=train
      )
    x = basic.conv(
      self.num_keypoints,
      (3, 3, 3),
      padding=1,
      dtype=self.dtype,
      name='keypoints',
    )(x)
    logits = x.astype(jnp.float32) / self.temperature
    return grids.expectation(nn.softmax(logits, axis=(1, 2, 3)))

  def _reduced(self, image: jax.Array) -> jax.Array:
    """The blurred picture, every `reduction`-th pixel of it."""
    if self.reduction == 1:
      return image
    taps = jnp.asarray(filters.reduction_taps(self.reduction))
    channels = image.shape[-1]
    kernel = self.variable(
      'batch_stats',
      'blur',
      lambda: jnp.tile(
        jnp.outer(taps, taps)[..., None, None], (1, 1, 1, channels)
      ),
    )
    return conv_ops.conv_general_dilated(
      image,
      kernel.value.astype(image.dtype),
      (self.reduction,) * 2,
      [(len(taps) // 2,) * 2] * 2,
      dimension_numbers=conv_ops.channels_last(2),
      feature_group_count=channels,
    )
