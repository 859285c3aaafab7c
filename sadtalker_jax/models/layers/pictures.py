"""What the networks that look at whole pictures have in common.

All of them take RGB in [0, 1], [B, H, W, 3] of real numbers, and do the
arithmetic that their weights want themselves, so that no caller can do another.
"""

import jax
import jax.numpy as jnp

# Per channel of RGB in [0, 1], over the pictures of ImageNet.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def check(image: jax.Array) -> None:
  """Raises ValueError unless these are RGB pictures of real numbers."""
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
  """Pictures less a mean, over a deviation, per channel.

  Args:
    image: [B, H, W, 3] RGB in [0, 1], real numbers.
    mean: of each channel.
    deviation: of each channel.

  Returns:
    The same shape, float32.

  Raises:
    ValueError: these are no such pictures.
  """
  check(image)
  wide = image.astype(jnp.float32)
  return (wide - jnp.asarray(mean, jnp.float32)) / jnp.asarray(
    deviation, jnp.float32
  )


def symmetric(image: jax.Array) -> jax.Array:
  """Pictures [B, H, W, 3] in [0, 1] as float32 in [-1, 1]; see `check`."""
  check(image)
  return 2 * image.astype(jnp.float32) - 1
