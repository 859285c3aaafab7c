"""The reconstruction network: 3DMM coefficients from a face (method 6.1).

Deng et al., Accurate 3D Face Reconstruction with Weakly-Supervised Learning,
CVPRW 2019. Pictures are RGB in [0, 1], aligned by `face3d.alignment`, without
further normalisation.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import pictures, resnet
from sadtalker_jax.typing import Dtype

# Heads in the order of the vector (`face3d.coeffs`).
HEADS: tuple[tuple[str, int], ...] = (
  ('identity', 80),
  ('expression', 64),
  ('texture', 80),
  ('angles', 3),
  ('gamma', 27),
  ('translation_xy', 2),
  ('translation_z', 1),
)


class ReconNet(nn.Module):
  """ResNet-50 and seven linear heads, initialised to the mean face."""

  blocks: Sequence[int] = (3, 4, 6, 3)  # blocks of the trunk, per stage
  features: int = 64  # channels of the trunk's stem
  dtype: Dtype | None = None  # type of the trunk's computation

  @nn.compact
  def __call__(self, image: jax.Array, *, train: bool) -> jax.Array:
    """Coefficients of faces.

    Args:
      image: [B, 224, 224, 3] aligned pictures, RGB in [0, 1].
      train: whether batch norm uses the batch.

    Returns:
      [B, 257] float32, layout in `face3d.coeffs`.

    Raises:
      ValueError: pictures have another shape or type.
    """
    pictures.check(image)
    backbone = resnet.ResNet(
      self.blocks, self.features, dtype=self.dtype, name='backbone'
    )
    last = backbone(image, train=train)[-1]
    pooled = last.astype(jnp.float32).mean((1, 2))  # [B, 2048]
    zeros = nn.initializers.zeros
    return jnp.concatenate(
      [
        nn.Dense(size, kernel_init=zeros, dtype=jnp.float32, name=name)(pooled)
        for name, size in HEADS
      ],
      -1,
    )
