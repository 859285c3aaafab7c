"""LPIPS with AlexNet: the perceptual distance of two pictures.

Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual
Metric, CVPR 2018, version 0.1. Pictures are RGB in [0, 1]; the network
normalises them itself (its scaling layer for [-1, 1] is ImageNet's mean and
deviation for [0, 1]). One set of variables contains the trunk, whose weights
are torchvision's, and the linear heads of the LPIPS package. Layout: NHWC.
"""

from collections.abc import Sequence
from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic, pictures
from sadtalker_jax.typing import Dtype

_EPSILON = 1e-10  # added to the length of a feature

# Kernel size, stride, padding, and whether a pool comes before.
Layer = tuple[int, int, int, bool]
LAYERS: tuple[Layer, ...] = (
  (11, 4, 2, False),
  (5, 1, 2, True),
  (3, 1, 1, True),
  (3, 1, 1, False),
  (3, 1, 1, False),
)


class Distance(NamedTuple):
  """Distances of pairs of pictures."""

  total: jax.Array  # [B] sum of the terms
  terms: jax.Array  # [B, 5] one per layer


class LPIPS(nn.Module):
  """AlexNet's convolutions `conv_1` ..., weights per channel `head_1` ..."""

  widths: Sequence[int] = (64, 192, 384, 256, 256)  # channels of each layer
  dtype: Dtype | None = None  # type of the trunk's computation

  @nn.compact
  def __call__(self, first: jax.Array, second: jax.Array) -> Distance:
    """Distances of pairs of pictures.

    Args:
      first: [B, H, W, 3] RGB in [0, 1], at least 31 pixels a side.
      second: the same shape.

    Returns:
      Distances in float32, 0 for equal pictures.

    Raises:
      ValueError: pictures have another shape or type, or their shapes differ.
    """
    if first.shape != second.shape:
      raise ValueError(
        f'expected pictures of one shape, found {first.shape}, {second.shape}'
      )
    x = pictures.standardize(jnp.concatenate([first, second]))
    terms = []
    for i, (width, layer) in enumerate(
      zip(self.widths, LAYERS, strict=True), 1
    ):
      size, stride, padding, pool = layer
      if pool:
        x = basic.max_pool(x, (3, 3), stride=(2, 2))
      x = basic.conv(
        width,
        (size, size),
        stride=stride,
        padding=padding,
        dtype=self.dtype,
        name=f'conv_{i}',
      )(x)
      x = nn.relu(x)
      one, two = jnp.split(_unit(x), 2)
      head = self.param(f'head_{i}', nn.initializers.ones, (width,))
      weighted = (jnp.square(one - two) * head).sum(-1)
      terms.append(weighted.mean((1, 2)))
    stacked = jnp.stack(terms, -1)
    return Distance(stacked.sum(-1), stacked)


def _unit(x: jax.Array) -> jax.Array:
  """Features [..., C] scaled to length 1; zeros stay zero, with gradient 0."""
  x = x.astype(jnp.float32)
  squared = jnp.square(x).sum(-1, keepdims=True)
  positive = squared > 0
  length = jnp.sqrt(jnp.where(positive, squared, 1.0))
  return x / (jnp.where(positive, length, 0.0) + _EPSILON)
