"""Losses on keypoints and head pose of face-vid2vid (method 5.10).

Keypoints are [B, K, 3], (x, y, z) in [-1, 1], y down.
"""

import dataclasses

import jax
import jax.numpy as jnp

from sadtalker_jax.ops.sampling import grid_sample, grids
from sadtalker_jax.typing import PRNGKey

LEAST_DISTANCE = 0.1  # squared, of two keypoints
DEPTH = 0.33  # wanted mean of z
_AFFINE = 0.05  # standard deviation of the affine part
_SPLINE = 0.005  # and of the spline's
_CONTROL = 5  # control points of the spline, each way


def prior(keypoints: jax.Array) -> jax.Array:
  """Keypoints keep apart, and their mean depth is 0.33.

  Sums over all ordered pairs, a point with itself too, as published; the
  latter is constant.
  """
  gaps = keypoints[:, :, None] - keypoints[:, None]
  squared = jnp.square(gaps).sum(-1)  # [B, K, K]
  apart = jax.nn.relu(LEAST_DISTANCE - squared).mean(0).sum()
  return apart + jnp.abs(keypoints[..., 2].mean(-1) - DEPTH).mean()


def head_pose(degrees: jax.Array, target: jax.Array) -> jax.Array:
  """Mean distance of angles [B, 3] in degrees, summed over the three."""
  return jnp.abs(degrees - jax.lax.stop_gradient(target)).mean(0).sum()


def deformation(expression: jax.Array) -> jax.Array:
  """Sum of the lengths of offsets [B, K, 3] along the axes, mean over B."""
  return jnp.abs(expression).sum((1, 2)).mean()


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Warp:
  """A random smooth warp of the picture plane."""

  affine: jax.Array  # [B, 2, 3]
  control: jax.Array  # [C, 2] places of the control points
  weights: jax.Array  # [B, C] how far each of them moves the plane

  def __call__(self, places: jax.Array) -> jax.Array:
    """Where places [B, N, 2] come from."""
    linear, shift = self.affine[..., :2], self.affine[..., 2]
    moved = jnp.einsum('bij,bnj->bni', linear, places, precision='highest')
    moved = moved + shift[:, None]
    radius = jnp.abs(places[:, :, None] - self.control).sum(-1)  # [B, N, C]
    pull = jnp.square(radius) * jnp.log(radius + 1e-6)
    # The same number for x and y, as published.
    bend = jnp.einsum('bnc,bc->bn', pull, self.weights, precision='highest')
    return moved + bend[..., None]


def random_warp(key: PRNGKey, batch: int) -> Warp:
  """A warp for each picture of a batch: affine, and a thin-plate spline."""
  affine_key, spline_key = jax.random.split(key)
  noise = _AFFINE * jax.random.normal(affine_key, (batch, 2, 3))
  grid = grids.coordinate_grid(1, _CONTROL, _CONTROL)[0, ..., :2]
  control = jnp.asarray(grid.reshape(-1, 2))
  weights = _SPLINE * jax.random.normal(spline_key, (batch, len(control)))
  return Warp(jnp.eye(2, 3) + noise, control, weights)


def warp_pictures(image: jax.Array, warp: Warp) -> jax.Array:
  """Pictures [B, H, W, C] under a warp, mirrored at their edges."""
  batch, height, width = image.shape[:3]
  grid = jnp.asarray(grids.coordinate_grid(1, height, width)[0, ..., :2])
  places = jnp.broadcast_to(grid.reshape(1, -1, 2), (batch, height * width, 2))
  moved = warp(places).reshape(batch, height, width, 2)
  return grid_sample.grid_sample_2d(
    image, moved, padding='reflection', align_corners=False
  )


def equivariance(
  keypoints: jax.Array, of_warped: jax.Array, warp: Warp
) -> jax.Array:
  """Keypoints of a warped picture, warped, shall be those of the picture.

  Args:
    keypoints: Keypoints [B, K, 3] of the pictures.
    of_warped: Keypoints [B, K, 3] of `warp_pictures` of them.
    warp: Warp of the pictures.

  Returns:
    [], mean distance along x and y.
  """
  return jnp.abs(keypoints[..., :2] - warp(of_warped[..., :2])).mean()
