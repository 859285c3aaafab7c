"""The discriminator of real and generated head motion (method 4.5)."""

from collections.abc import Sequence

from flax import linen as nn
import jax

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

# Features, kernel size, stride; padding is 1.
Block = tuple[int, int, int]
BLOCKS: tuple[Block, ...] = ((256, 4, 2), (512, 4, 2), (1024, 3, 1))

# Kaiming's normal distribution, for layers that are followed by a ReLU.
_KERNEL_INIT = nn.initializers.variance_scaling(2.0, 'fan_in', 'normal')


class PoseDiscriminator(nn.Module):
  """Scores of parts of a motion, high for real motion."""

  blocks: Sequence[Block] = BLOCKS
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, motion: jax.Array, *, train: bool) -> jax.Array:
    """Maps motion [B, T, 6] to scores [B, T / 4]."""
    x = motion
    for i, (features, kernel, stride) in enumerate(self.blocks):
      x = nn.Conv(
        features,
        (kernel,),
        strides=(stride,),
        padding=[(1, 1)],
        use_bias=False,
        dtype=self.dtype,
        kernel_init=_KERNEL_INIT,
        name=f'conv_{i}',
      )(x)
      x = basic.batch_norm(train=train, dtype=self.dtype, name=f'norm_{i}')(x)
      x = nn.relu(x)
    score = basic.conv(1, (3,), padding=1, dtype=self.dtype, name='score')
    return score(x)[..., 0]
