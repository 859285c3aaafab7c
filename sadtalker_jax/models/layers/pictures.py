"""Normalisation of pictures for networks of whole pictures.

All of them take RGB in [0, 1], [B, H, W, 3] of a floating type, and do the
normalisation that their weights need themselves, so that no caller can get it
wrong.
"""

import jax
import jax.numpy as jnp

# Mean and deviation per channel of RGB in [0, 1], over the pictures of
# ImageNet.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def check(image: jax.Array) -> None:
  """Checks that pictures are [B, H, W, 3] of a floating type.

  Raises:
    ValueError: they are not.
  """
  real = jnp.issubdtype(image.dtype, jnp.floating)
  if image.ndim != 4 or image.shape[-1] != 3 or not real:
    raise ValueError(
      'expected pictures [B, H, W, 3] of real numbers in [0, 1], found '
      f'{image.dtype} {list(image.shape)}'
    )


def standardize(
  image: jax.Array,
  mean: tuple[float, ...] = IMAGENET_MEAN,
  deviation: tuple[float, ...] = IMAGENET_DEVIATION,
) -> jax.Array:
  """Pictures minus a mean, divided by a deviation, per channel.

  Args:
    image: [B, H, W, 3] RGB in [0, 1], of a floating type.
    mean: mean of each channel.
    deviation: deviation of each channel.

  Returns:
    The same shape, float32.

  Raises:
    ValueError: pictures have another shape or type.
  """
  check(image)
  wide = image.astype(jnp.float32)
  return (wide - jnp.asarray(mean, jnp.float32)) / jnp.asarray(
    deviation, jnp.float32
  )


def symmetric(image: jax.Array) -> jax.Array:
  """Pictures [B, H, W, 3] in [0, 1] as float32 in [-1, 1].

  Raises:
    ValueError: pictures have another shape or type.
  """
  check(image)
  return 2 * image.astype(jnp.float32) - 1
