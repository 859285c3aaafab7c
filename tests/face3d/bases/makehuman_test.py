"""The packaged head: sizes, place, landmarks, and what its units move."""

import numpy as np
import pytest

from sadtalker_jax.face3d import alignment, camera
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.face3d.rasterize import rasterizer


@pytest.fixture(scope='module')
def model():
  return makehuman.load()


def _unit(name: str, weight: float = 1.0) -> np.ndarray:
  expression = np.zeros(64, np.float32)
  expression[makehuman.EXPRESSION_SLOTS[name]] = weight
  return expression


def _dense(model, *units) -> np.ndarray:
  expression = np.sum([_unit(*u) for u in units], 0) if units else None
  vertices = morphable.shape(model, None, expression)
  return np.asarray(morphable.dense_landmarks(model, vertices))


def test_sizes_and_slots(model):
  assert model.num_vertices == 4783 and model.num_triangles == 9428
  assert model.identity.shape == (80, 4783, 3)
  assert model.expression.shape == (64, 4783, 3)
  assert not model.expression[52:].any()
  assert model.expression_names == makehuman.EXPRESSION_NAMES
  assert makehuman.EXPRESSION_SLOTS['jawOpen'] == 24
  assert np.asarray(model.triangles).max() == 4782


def test_load_is_cached_and_read_only(model):
  assert makehuman.load() is model
  with pytest.raises(ValueError, match='read-only'):
    model.mean[0] = 0


def test_stands_where_the_standard_face_stands(model):
  five = alignment.five_points(
    np.asarray(morphable.landmarks68(model, model.mean))
  )
  np.testing.assert_allclose(
    five.mean(0), alignment.STANDARD_POINTS.mean(0), atol=1e-5
  )
  # It is a face of natural size: each point within 1.2 cm of the standard one.
  assert np.linalg.norm(five - alignment.STANDARD_POINTS, axis=1).max() < 0.12


def test_aligning_its_own_projection_gives_the_camera_of_the_reference(model):
  vertices = np.asarray(morphable.landmarks68(model, model.mean))
  points, _ = camera.project(vertices)
  trans = alignment.align(np.asarray(points), 224, 224)
  # 1015 / 10 = 101.5 pixels per decimetre against a rescale factor of 102.
  assert abs(trans.scale - 1) < 0.08
  assert abs(trans.tx - 112) < 6 and abs(trans.ty - 112) < 6


def test_skin_faces_the_camera_and_eyes_bulge_outwards(model):
  normals = np.asarray(morphable.vertex_normals(model, model.mean))
  nose = model.landmark_ids[30, 0]
  assert normals[nose, 2] > 0.8
  for name in ('eye_left', 'eye_right'):
    ids = np.unique(model.triangles[model.group(name)])
    outward = model.mean[ids] - model.mean[ids].mean(0)
    assert ((outward * normals[ids]).sum(-1) > 0).all()


def test_left_is_the_persons_own(model):
  centre = {
    name: model.mean[np.unique(model.triangles[model.group(name)])].mean(0)
    for name in (
      'eye_left',
      'eye_right',
      'teeth_upper',
      'teeth_lower',
      'tongue',
    )
  }
  assert centre['eye_left'][0] > 0 > centre['eye_right'][0]
  assert centre['teeth_upper'][1] > centre['teeth_lower'][1]
  assert abs(centre['tongue'][0]) < 0.05
  moved = np.abs(model.expression[makehuman.EXPRESSION_SLOTS['eyeBlinkLeft']])
  assert model.mean[moved.sum(1).argmax(), 0] > 0


def test_landmarks_lie_on_skin_inside_their_triangles(model):
  surface = model.triangles[model.group('skin', 'lining')]
  body = {tuple(sorted(t)) for t in surface.tolist()}
  for ids, weights in (
    (model.dense_ids, model.dense_weights),
    (model.landmark_ids, model.landmark_weights),
  ):
    assert all(tuple(sorted(t)) in body for t in ids.tolist())
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
  assert model.dense_valid.all()


def test_facing_points_are_where_a_face_mesh_has_them(model):
  points = _dense(model)
  assert points[1, 2] > points[:, 2].max() - 0.1  # nose tip
  assert points[10, 1] > points[152, 1] + 1.2  # forehead over chin
  assert points[33, 0] < points[133, 0] < points[362, 0] < points[263, 0]
  assert points[61, 0] < points[13, 0] < points[291, 0]  # mouth corners


def test_jaw_opens_the_lips(model):
  gap = lambda p: p[13, 1] - p[14, 1]  # noqa: E731
  assert abs(gap(_dense(model))) < 0.05
  assert gap(_dense(model, ('jawOpen', 1.0))) > 0.3


def test_blinks_close_the_lids(model):
  for name, upper, lower in (
    ('eyeBlinkRight', 159, 145),
    ('eyeBlinkLeft', 386, 374),
  ):
    before, after = _dense(model), _dense(model, (name, 1.0))
    opening = before[upper, 1] - before[lower, 1]
    assert opening > 0.05
    assert after[upper, 1] - after[lower, 1] < 0.4 * opening


def test_most_points_are_visible_from_the_front(model):
  trans = alignment.TransParams(224.0, 224.0, 1.0, 112.0, 112.0)
  positions = np.asarray(camera.project_to_picture(model.mean, trans))
  fragments = rasterizer.rasterize(positions, model.triangles, 224, 224)
  points = np.asarray(camera.project_to_picture(_dense(model), trans))
  x, y = np.clip(points[:, :2], 0, 223).astype(int).T
  seen = points[:, 2] < np.asarray(fragments.depth)[y, x] + 0.05
  assert seen.mean() > 0.9


def test_offset_tells_makehumans_own_place():
  offset = makehuman.offset()
  assert offset.shape == (3,)
  assert abs(offset[0]) < 0.01  # the head is symmetric
