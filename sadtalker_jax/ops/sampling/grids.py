"""Grids over a volume: coordinates, heat maps of keypoints, mixed motion.

Volumes are [B, D, H, W, C]; keypoints and shifts [B, K, 3], (x, y, z), x along
width, y along height (down), z along depth. Coordinates are -1 at the middle of
the first cell of an axis and 1 at that of the last; 0 where there is but one.
Source: method 5.3, method 5.5.

Heat maps are products of one factor per axis, and are computed that way: no
grid of places is stored for them. For shifted volumes see `shifting`.
"""

import jax
import jax.numpy as jnp
import numpy as np

HEAT_VARIANCE = 0.01  # variance of the Gaussian around a keypoint


def axis_coordinates(length: int) -> np.ndarray:
  """Coordinates [N] of the cells of an axis, float32."""
  if length == 1:
    return np.zeros(1, np.float32)
  place = np.arange(length, dtype=np.float32) / np.float32(length - 1)
  return 2 * place - 1


def coordinate_grid(depth: int, height: int, width: int) -> np.ndarray:
  """Coordinates [D, H, W, 3], (x, y, z), of every cell; float32."""
  z, y, x = np.meshgrid(
    *(axis_coordinates(n) for n in (depth, height, width)), indexing='ij'
  )
  return np.stack([x, y, z], axis=-1)


def expectation(weights: jax.Array) -> jax.Array:
  """Mean coordinates of distributions over the cells.

  Args:
    weights: [B, D, H, W, K] K distributions, each with sum 1 over the cells.

  Returns:
    [B, K, 3], (x, y, z).
  """
  means = [
    jnp.einsum(
      'bnk,n->bk',
      weights.sum(tuple({1, 2, 3} - {axis})),
      axis_coordinates(weights.shape[axis]).astype(weights.dtype),
      precision='highest',
    )
    for axis in (3, 2, 1)
  ]
  return jnp.stack(means, axis=-1)


def heat_maps(keypoints: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  """Gaussians around keypoints, with peaks of 1.

  Args:
    keypoints: [B, K, 3].
    shape: (D, H, W).

  Returns:
    [B, D, H, W, K].
  """
  factors = []
  for axis, length in zip((2, 1, 0), shape, strict=True):  # z, y, x
    place = axis_coordinates(length)[:, None]  # [N, 1]
    distance = place - keypoints[:, None, :, axis]  # [B, N, K]
    factors.append(jnp.exp(-0.5 / HEAT_VARIANCE * jnp.square(distance)))
  z, y, x = factors
  return (z[:, :, None, None] * y[:, None, :, None]) * x[:, None, None]


def mixed_motion(mask: jax.Array, shift: jax.Array) -> jax.Array:
  """Places in the source picture that a mixture of shifts leads to.

  Args:
    mask: [B, D, H, W, K] share of each shift; the shares of a cell may add up
      to less than 1.
    shift: [B, K, 3].

  Returns:
    [B, D, H, W, 3] sum over k of mask_k (coordinates of the cell + shift_k).
  """
  grid = coordinate_grid(*mask.shape[1:4])
  moved = jnp.einsum('bdhwk,bki->bdhwi', mask, shift, precision='highest')
  return mask.sum(-1, keepdims=True) * grid + moved
