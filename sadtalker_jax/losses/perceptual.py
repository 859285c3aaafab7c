"""Distances of pictures in the features of a network (method 5.10).

Pictures are [B, H, W, 3] RGB in [0, 1].
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from sadtalker_jax.ops import filters

SCALES = (1, 2, 4, 8)  # reductions of the pyramid
LAYER_WEIGHTS = (10.0,) * 5

Features = Callable[[jax.Array], Sequence[jax.Array]]


def pyramid_distance(
  features: Features,
  prediction: jax.Array,
  target: jax.Array,
  *,
  scales: Sequence[int] = SCALES,
  weights: Sequence[float] = LAYER_WEIGHTS,
) -> jax.Array:
  """Mean distances of features, summed over layers and scales.

  Args:
    features: Pictures to the maps of some layers; see `models.experts.vgg`.
    prediction: Pictures.
    target: Pictures; constant.
    scales: Reductions of the pictures.
    weights: Weights of the layers.

  Returns:
    [].
  """
  total = jnp.zeros(())
  for scale in scales:
    found = features(filters.reduce(prediction, scale))
    wanted = features(filters.reduce(jax.lax.stop_gradient(target), scale))
    for weight, a, b in zip(weights, found, wanted, strict=True):
      gap = a.astype(jnp.float32) - jax.lax.stop_gradient(b.astype(jnp.float32))
      total = total + weight * jnp.abs(gap).mean()
  return total
