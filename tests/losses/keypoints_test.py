"""Losses on keypoints against closed forms, and pictures under a warp."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.losses import keypoints
from sadtalker_jax.ops.sampling import grids

SIZE = 96


def test_prior_counts_ordered_pairs_and_the_depth():
  """Reference 5.10: all ordered pairs, those of a point with itself too."""
  # Squared distances 0.04, 1 and 1.04; depths 0.5, 0.5, 0.5.
  places = [[[0, 0, 0.5], [0.2, 0, 0.5], [0, 1, 0.5]]]
  found = keypoints.prior(jnp.asarray(places))
  assert found == pytest.approx(3 * 0.1 + 2 * (0.1 - 0.04) + 0.17)


def test_prior_pushes_points_apart():
  places = jnp.asarray([[[0, 0, 0.33], [0.2, 0, 0.33]]])
  gradient = jax.grad(keypoints.prior)(places)[0, :, 0]
  assert gradient[0] > 0 > gradient[1]  # downhill is away from each other


def test_head_pose_sums_the_mean_of_each_angle():
  degrees = jnp.asarray([[1.0, 2.0, -3.0], [3.0, 2.0, -3.0]])
  assert keypoints.head_pose(degrees, jnp.zeros((2, 3))) == 2 + 2 + 3
  assert not np.any(jax.grad(keypoints.head_pose, 1)(degrees, degrees + 1))


def test_deformation_sums_points_and_averages_faces():
  expression = jnp.stack([jnp.ones((15, 3)), jnp.zeros((15, 3))])
  assert keypoints.deformation(expression) == 45 / 2


def test_warp_is_affine_and_spline():
  warp = keypoints.random_warp(jax.random.key(0), 2)
  places = np.asarray([[[0.3, -0.7]], [[0.1, 0.2]]], np.float32)
  found = np.asarray(warp(jnp.asarray(places)))
  for b in range(2):
    matrix, x = np.asarray(warp.affine[b], np.float64), places[b, 0]
    bend = 0.0
    for control, weight in zip(warp.control, warp.weights[b], strict=True):
      radius = np.abs(x - np.asarray(control)).sum()
      bend += float(weight) * radius**2 * np.log(radius + 1e-6)
    expected = matrix[:, :2] @ x + matrix[:, 2] + bend
    np.testing.assert_allclose(found[b, 0], expected, rtol=1e-5, atol=1e-6)


def test_warps_have_the_published_spread():
  warp = keypoints.random_warp(jax.random.key(1), 4000)
  noise = np.asarray(warp.affine) - np.eye(2, 3)
  assert noise.std() == pytest.approx(0.05, rel=0.02)
  assert np.std(warp.weights) == pytest.approx(0.005, rel=0.02)
  assert warp.weights.shape == (4000, 25)


def test_points_of_a_warped_picture_come_from_where_the_warp_says():
  """A spot, found by its centre of mass, is equivariant under the warp."""
  grid = jnp.asarray(grids.coordinate_grid(1, SIZE, SIZE)[0, ..., :2])
  places = jnp.asarray([[0.2, -0.3], [-0.25, 0.15], [0.0, 0.3]])
  count = len(places)
  gaps = jnp.square(grid - places[:, None, None]).sum(-1)
  picture = jnp.exp(-gaps / (2 * 0.05**2))[..., None]
  warp = keypoints.random_warp(jax.random.key(3), count)
  warped = keypoints.warp_pictures(picture, warp)

  def found(spots: jax.Array) -> jax.Array:
    centre = (spots * grid).sum((1, 2)) / spots.sum((1, 2))
    return jnp.concatenate([centre, jnp.zeros((count, 1))], -1)[:, None]

  before, after = found(picture), found(warped)
  loss = keypoints.equivariance(before, after, warp)
  assert jnp.abs(before - after).mean() > 0.02
  assert loss < 0.003
