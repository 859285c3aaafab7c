"""The camera: its formula, its frames, and the way back."""

import jax
import numpy as np

from sadtalker_jax.face3d import alignment, camera

TRANS = alignment.TransParams(300.0, 200.0, 0.7, 140.0, 90.0)


def _vertices(*leading: int) -> np.ndarray:
  return np.random.default_rng(0).normal(size=(*leading, 7, 3)).astype('f4')


def test_origin_projects_to_the_centre():
  points, depth = camera.project(np.zeros(3, np.float32))
  np.testing.assert_array_equal(points, [112, 112])
  assert depth == 10


def test_up_is_up_and_near_is_large():
  points, depth = camera.project(np.float32([[0, 1, 0], [0, 1, 2], [1, 0, 0]]))
  assert points[0, 1] > 112 and points[1, 1] > points[0, 1]
  assert points[2, 0] > 112
  assert depth[1] < depth[0]


def test_projection_follows_the_formula_of_the_reference():
  v = _vertices()
  points, depth = camera.project(v)
  expected = 1015 * v[:, :2] / (10 - v[:, 2:]) + 112
  np.testing.assert_allclose(points, expected, rtol=1e-5)
  np.testing.assert_allclose(depth, 10 - v[:, 2], rtol=1e-6)


def test_transform_rotates_then_moves_and_broadcasts():
  v = _vertices()
  angles = np.float32([[0.1, 0.2, 0.3], [0, 0, 0]])
  move = np.float32([[1, 2, 3], [0, 0, 1]])
  out = camera.transform(v, angles, move)
  assert out.shape == (2, 7, 3)
  np.testing.assert_allclose(out[1], v + [0, 0, 1], atol=1e-6)
  norms = np.linalg.norm(np.asarray(out[0]) - move[0], axis=-1)
  np.testing.assert_allclose(norms, np.linalg.norm(v, axis=-1), rtol=1e-5)


def test_picture_and_aligned_frame_invert_each_other():
  points = np.float32([[0, 0], [300, 200], [12.5, 77.25]])
  aligned = camera.picture_to_aligned(points, TRANS)
  again = camera.aligned_to_picture(aligned, TRANS)
  np.testing.assert_allclose(again, points, atol=1e-4)
  # (tx, ty), y up, is where the camera looks.
  centre = camera.picture_to_aligned(np.float32([140, 200 - 90]), TRANS)
  np.testing.assert_allclose(centre, [112, 112], atol=1e-4)


def test_moving_down_in_the_picture_lowers_the_aligned_point():
  a, b = camera.picture_to_aligned(np.float32([[50, 50], [50, 60]]), TRANS)
  np.testing.assert_allclose(b - a, [0, -7], atol=1e-4)


def test_project_to_picture_joins_points_and_depth():
  v = _vertices(2)
  out = jax.jit(camera.project_to_picture)(v, TRANS)
  points, depth = camera.project(v)
  np.testing.assert_allclose(
    out[..., :2], camera.aligned_to_picture(points, TRANS), rtol=1e-5
  )
  np.testing.assert_allclose(out[..., 2], depth, rtol=1e-6)
