"""RetinaFace on ResNet-50: boxes and five points of faces in one pass.

Deng et al., RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild,
CVPR 2020, in the form of the released PyTorch weights (method 6.7).
Layout: NHWC, BGR in [0, 255]. For each cell of three levels (strides 8, 16, 32)
there are two anchors; outputs are ordered by level, row, column, anchor.
`faces.retinaface` converts them to boxes and points.
"""

from collections.abc import Sequence
from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models.layers import basic, resnet
from sadtalker_jax.typing import Dtype

MEAN = (104.0, 117.0, 123.0)  # mean of each of the three channels
LEVELS = 3
ANCHORS = 2  # number per cell
# Number of outputs of each head per anchor.
_HEADS = {'box': 4, 'kind': 2, 'points': 10}


class Outputs(NamedTuple):
  """Outputs of the heads for N anchors."""

  box: jax.Array  # [B, N, 4] offsets and log scales relative to the anchor
  kind: jax.Array  # [B, N, 2] logits of background and face
  points: jax.Array  # [B, N, 10] offsets (x, y) of eyes, nose, mouth corners


class ConvNorm(nn.Module):
  """Convolution, batch norm and optionally ReLU."""

  features: int  # output channels
  kernel: int  # size
  relu: bool = True
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, features]."""
    x = basic.conv(
      self.features,
      (self.kernel, self.kernel),
      padding=self.kernel // 2,
      bias=False,
      dtype=self.dtype,
      name='conv',
    )(x)
    x = basic.batch_norm(train=train, dtype=self.dtype, name='norm')(x)
    return nn.relu(x) if self.relu else x


class Context(nn.Module):
  """Joined maps with contexts of 3, 5 and 7 pixels (SSH's context module)."""

  features: int  # output channels: a half, and two quarters
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, features]."""

    def conv(x: jax.Array, share: int, relu: bool, name: str) -> jax.Array:
      return ConvNorm(
        self.features // share, 3, relu, dtype=self.dtype, name=name
      )(x, train=train)

    near = conv(x, 2, False, 'near')
    shared = conv(x, 4, True, 'shared')
    middle = conv(shared, 4, False, 'middle')
    far = conv(conv(shared, 4, True, 'far_first'), 4, False, 'far_second')
    return nn.relu(jnp.concatenate([near, middle, far], axis=-1))


class RetinaFace(nn.Module):
  """The whole detector."""

  blocks: Sequence[int] = (3, 4, 6, 3)  # blocks per stage of the trunk
  trunk_features: int = 64  # channels of the trunk's stem
  features: int = 256  # channels after the trunk
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array, *, train: bool) -> Outputs:
    """Outputs for every anchor.

    Args:
      image: [B, H, W, 3] BGR in [0, 255].
      train: whether batch norm uses the batch.
    """
    mean = jnp.asarray(MEAN, image.dtype)
    stages = resnet.ResNet(
      self.blocks, self.trunk_features, dtype=self.dtype, name='trunk'
    )(image - mean, train=train)
    levels = [
      ConvNorm(self.features, 1, dtype=self.dtype, name=f'lateral_{i + 1}')(
        stage, train=train
      )
      for i, stage in enumerate(stages[-LEVELS:])
    ]
    for i in reversed(range(LEVELS - 1)):
      above = _stretched(levels[i + 1], levels[i].shape)
      levels[i] = ConvNorm(
        self.features, 3, dtype=self.dtype, name=f'merge_{i + 1}'
      )(levels[i] + above, train=train)

    found: dict[str, list[jax.Array]] = {name: [] for name in _HEADS}
    for i, level in enumerate(levels):
      x = Context(self.features, dtype=self.dtype, name=f'context_{i + 1}')(
        level, train=train
      )
      for name, size in _HEADS.items():
        head = basic.conv(
          ANCHORS * size, (1, 1), dtype=self.dtype, name=f'{name}_{i}'
        )(x)
        found[name].append(head.reshape(head.shape[0], -1, size))
    return Outputs(
      **{name: jnp.concatenate(parts, 1) for name, parts in found.items()}
    )


def _stretched(x: jax.Array, shape: Sequence[int]) -> jax.Array:
  """Maps [B, h, w, C] resized to the sides of `shape` by the nearest pixel."""
  for axis in (1, 2):
    index = np.arange(shape[axis]) * x.shape[axis] // shape[axis]
    x = jnp.take(x, index, axis=axis)
  return x
