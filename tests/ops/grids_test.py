"""Grids, heat maps and shifts against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.ops import grid_sample, grids


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


@pytest.mark.parametrize('align_corners', [False, True])
def test_shifted_equals_sampling_at_shifted_cells(align_corners):
  volume = _normal(2, 2, 3, 4, 6, 2)
  shift = np.random.default_rng(3).uniform(-0.9, 0.9, (2, 5, 3))
  shift = shift.astype(np.float32)
  shift[0, 0] = 0
  shift[0, 1] = 9  # nothing to be seen
  shift[1, 0] = [-2, 0, 0]
  cotangent = _normal(4, 2, 3, 4, 6, 5, 2)

  def plain(volume, shift):
    grid = jnp.asarray(grids.coordinate_grid(3, 4, 6))
    return jnp.stack(
      [
        grid_sample.grid_sample_3d(
          volume,
          grid + shift[:, k, None, None, None],
          padding='zeros',
          align_corners=align_corners,
        )
        for k in range(shift.shape[1])
      ],
      axis=-2,
    )

  def shifted(volume, shift):
    return grids.shifted(volume, shift, align_corners=align_corners)

  def run(function):
    values, pull = jax.vjp(function, volume, shift)
    return values, *pull(cotangent)

  # The same products in another order; gradients are sums of a hundred.
  tolerances = (2e-6, 1e-5, 1e-4)
  for found, want, tolerance in zip(
    run(shifted), run(plain), tolerances, strict=True
  ):
    np.testing.assert_allclose(found, want, atol=tolerance)


def test_no_shift_with_aligned_corners_is_the_volume():
  volume = _normal(5, 1, 2, 3, 4, 1)
  same = grids.shifted(volume, np.zeros((1, 1, 3), 'f4'), align_corners=True)
  np.testing.assert_allclose(same[..., 0, :], volume, atol=1e-6)


def test_mixed_motion_is_the_sum_of_the_motions():
  mask = np.abs(_normal(6, 2, 2, 3, 4, 5))  # sums are not 1
  shift = _normal(7, 2, 5, 3)
  grid = grids.coordinate_grid(2, 3, 4)[None, ..., None, :]
  motions = grid + shift[:, None, None, None]
  want = (mask[..., None] * motions).sum(-2)
  np.testing.assert_allclose(grids.mixed_motion(mask, shift), want, atol=1e-5)
