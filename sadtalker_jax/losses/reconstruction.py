"""Losses of the reconstruction network besides landmarks (method 6.6)."""

import jax
import jax.numpy as jnp

from sadtalker_jax.face3d import alignment, coeffs
from sadtalker_jax.ops.sampling import grid_sample
from sadtalker_jax.typing import Array

_STEADY = 1e-6
# Eyes, nose, corners of the mouth in a face of 112 pixels, y down.
_TEMPLATE = (
  (38.2946, 51.6963),
  (73.5318, 51.5014),
  (56.0252, 71.7366),
  (41.5493, 92.3655),
  (70.7299, 92.2041),
)
_FACE_SIZE = 112
_WEIGHTS = (1.0, 0.8, 0.017)  # of identity, expression, texture


def photometric(prediction: Array, target: Array, mask: Array) -> jax.Array:
  """Mean distance of colours, weighted by a mask.

  Args:
    prediction: Pictures [B, H, W, 3] RGB in [0, 1].
    target: Pictures [B, H, W, 3].
    mask: Weights [B, H, W] in [0, 1]; constant.
  """
  mask = jax.lax.stop_gradient(jnp.asarray(mask))
  gap = jnp.sqrt(_STEADY + jnp.square(jnp.asarray(prediction - target)).sum(-1))
  return (gap * mask).sum() / jnp.maximum(mask.sum(), 1.0)


def size_of_weights(c: coeffs.Coefficients) -> jax.Array:
  """Weighted squares of the weights, summed; mean over faces."""
  parts = zip(_WEIGHTS, (c.identity, c.expression, c.texture), strict=True)
  total = sum((w * jnp.square(x).sum() for w, x in parts), jnp.zeros(()))
  return total / len(c.identity)


def grey_light(c: coeffs.Coefficients) -> jax.Array:
  """Variance of the light's weights over the colours."""
  gamma = c.gamma.reshape(-1, 3, 9)
  return jnp.square(gamma - gamma.mean(1, keepdims=True)).mean()


def even_albedo(albedo: Array, skin: Array) -> jax.Array:
  """Variance of the albedo over the skin.

  Args:
    albedo: Colours [B, V, 3] of the vertices.
    skin: 1 where a vertex is skin, [V].
  """
  albedo = jnp.asarray(albedo)
  skin = jnp.asarray(skin, albedo.dtype)[:, None]
  mean = (albedo * skin).sum(1, keepdims=True) / skin.sum()
  spread = jnp.square((albedo - mean) * skin).sum()
  return spread / (len(albedo) * skin.sum())


def aligned_faces(image: jax.Array, points: jax.Array) -> jax.Array:
  """Faces aligned for a recognition network.

  Args:
    image: Pictures [B, H, W, 3].
    points: Landmarks [B, 68, 2], pixels, y down; constant.

  Returns:
    [B, 112, 112, 3], bilinear, black outside.
  """
  five = alignment.five_points(jax.lax.stop_gradient(points))
  matrix = _similarity(five)  # from the template to the picture
  side = jnp.arange(_FACE_SIZE, dtype=jnp.float32) + 0.5
  x, y = jnp.meshgrid(side, side)
  place = jnp.stack([x, y, jnp.ones_like(x)], -1)
  pixels = jnp.einsum('bij,hwj->bhwi', matrix, place, precision='highest')
  size = jnp.asarray([image.shape[2], image.shape[1]], jnp.float32)
  return grid_sample.grid_sample_2d(
    image, 2 * pixels / size - 1, padding='zeros', align_corners=False
  )


def _similarity(points: jax.Array) -> jax.Array:
  """Least-squares similarities [B, 2, 3] from the template to points."""
  template = jnp.asarray(_TEMPLATE, jnp.float32)
  tc = template - template.mean(0)
  centre = points.mean(1)
  pc = points - centre[:, None]
  # With z = x + iy it is z -> a z + b, a = sum conj(t) p / sum |t|^2.
  norm = jnp.square(tc).sum()
  real = (tc * pc).sum((1, 2)) / norm
  imaginary = (tc[:, 0] * pc[..., 1] - tc[:, 1] * pc[..., 0]).sum(1) / norm
  turn = jnp.stack(
    [
      jnp.stack([real, -imaginary], -1),
      jnp.stack([imaginary, real], -1),
    ],
    axis=-2,
  )  # [B, 2, 2]
  shift = centre - jnp.einsum(
    'bij,j->bi', turn, template.mean(0), precision='highest'
  )
  return jnp.concatenate([turn, shift[..., None]], axis=-1)
