"""Grids and heat maps against their definitions."""

import numpy as np

from sadtalker_jax.ops.sampling import grids


def _normal(seed: int, *shape: int) -> np.ndarray:
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_corners_of_the_grid():
  grid = grids.coordinate_grid(2, 3, 5)
  assert grid.shape == (2, 3, 5, 3) and grid.dtype == np.float32
  np.testing.assert_array_equal(grid[0, 0, 0], [-1, -1, -1])
  np.testing.assert_array_equal(grid[1, 0, 4], [1, -1, 1])
  np.testing.assert_array_equal(grid[0, 1, 1], [-0.5, 0, -1])
  np.testing.assert_array_equal(grids.coordinate_grid(1, 1, 1), 0)


def test_expectation_is_the_mean_place():
  weights = np.abs(_normal(0, 2, 3, 4, 5, 6))
  weights /= weights.sum((1, 2, 3), keepdims=True)
  grid = grids.coordinate_grid(3, 4, 5)
  want = np.einsum('bdhwk,dhwi->bki', weights, grid)
  np.testing.assert_allclose(grids.expectation(weights), want, atol=1e-6)


def test_heat_maps_are_gaussians():
  keypoints = np.random.default_rng(1).uniform(-1.1, 1.1, (2, 3, 3))
  keypoints = keypoints.astype(np.float32)
  grid = grids.coordinate_grid(3, 4, 5)[None, ..., None, :]
  squared = np.square(grid - keypoints[:, None, None, None]).sum(-1)
  np.testing.assert_allclose(
    grids.heat_maps(keypoints, (3, 4, 5)),
    np.exp(-0.5 * squared / 0.01),
    rtol=1e-4,  # of exponents up to 400
    atol=1e-7,
  )


def test_mixed_motion_is_the_sum_of_the_motions():
  mask = np.abs(_normal(6, 2, 2, 3, 4, 5))  # sums are not 1
  shift = _normal(7, 2, 5, 3)
  grid = grids.coordinate_grid(2, 3, 4)[None, ..., None, :]
  motions = grid + shift[:, None, None, None]
  want = (mask[..., None] * motions).sum(-2)
  np.testing.assert_allclose(grids.mixed_motion(mask, shift), want, atol=1e-5)
