"""VGG-19 of torchvision: features for perceptual losses.

Simonyan and Zisserman, 2014; used as in face-vid2vid (method 5.10).
Pictures are RGB in [0, 1], from 16 pixels a side; the network normalises
them itself. Layout: NHWC.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax

from sadtalker_jax.models.layers import basic, pictures
from sadtalker_jax.typing import Dtype

DEPTHS = (2, 2, 4, 4, 1)  # convolutions of each stage used; the last has more


class VGG19(nn.Module):
  """The layers up to relu5_1; parameters `conv_1_1` to `conv_5_1`."""

  depths: Sequence[int] = DEPTHS  # convolutions of each stage
  widths: Sequence[int] = (64, 128, 256, 512, 512)  # channels of each stage
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array) -> tuple[jax.Array, ...]:
    """Features of pictures.

    Args:
      image: [B, H, W, 3] RGB in [0, 1].

    Returns:
      relu1_1, relu2_1, relu3_1, relu4_1, relu5_1: [B, H / 2^i, W / 2^i, C]
      with i = 0, ..., 4, sizes rounded down, C = 64, 128, 256, 512, 512.

    Raises:
      ValueError: pictures have another shape or type.
    """
    x = pictures.standardize(image)
    taps = []
    for i, (depth, width) in enumerate(
      zip(self.depths, self.widths, strict=True), 1
    ):
      if i > 1:
        x = basic.max_pool(x, (2, 2), stride=(2, 2))
      for j in range(1, depth + 1):
        x = basic.conv(
          width, (3, 3), padding=1, dtype=self.dtype, name=f'conv_{i}_{j}'
        )(x)
        x = nn.relu(x)
        if j == 1:
          taps.append(x)
    return tuple(taps)
