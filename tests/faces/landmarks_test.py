"""Landmarks: equal to LiteRT's, steady, and the 68 among them in order."""

import numpy as np
from PIL import Image
import pytest

from sadtalker_jax.faces import detector, landmarks, mesh


def _eye_distance(points):
  return float(np.linalg.norm(points[33, :2] - points[263, :2]))


def _error(a, b):
  """Mean distance in the picture, in percent of the distance of the eyes."""
  distance = np.linalg.norm(a[..., :2] - b[..., :2], axis=-1)
  return 100 * distance.mean() / _eye_distance(b)


def test_pipeline_equals_litert_with_opencv(portrait, detection, golden):
  """Another program with other crops; the mesh itself repeats to about 1 %."""
  plain = landmarks.FaceMesh(refine_lids=False).detect(portrait, detection)
  assert plain.confidence > 0.99
  assert plain.points.shape == (478, 3) and plain.points.dtype == np.float32
  expected = np.concatenate([golden['mesh'][:, :2], *golden['irises']])
  eye = _eye_distance(golden['mesh'])
  off = np.linalg.norm(plain.points[:, :2] - expected, axis=1) / eye
  assert off[:468].mean() < 0.015 and off[468:].mean() < 0.01
  assert off.max() < 0.04
  depth = np.abs(plain.points[:468, 2] - golden['mesh'][:, 2]) / eye
  assert depth.mean() < 0.02


def test_refined_lids_change_only_the_lids(portrait, detection, points):
  plain = landmarks.FaceMesh(refine_lids=False).detect(portrait, detection)
  moved = np.flatnonzero((plain.points != points).any(1))
  assert set(moved) <= set(np.array(mesh.LIDS).ravel())
  np.testing.assert_array_equal(plain.points[:, 2], points[:, 2])
  lids = np.array(mesh.LIDS)
  off = np.linalg.norm(points[lids] - plain.points[lids], axis=-1)
  assert off.max() < 0.1 * _eye_distance(points)


def test_irises_lie_between_the_lids(points):
  for k, lids in enumerate(mesh.LIDS):
    iris = points[468 + 5 * k : 473 + 5 * k, :2]
    eye = points[list(lids), :2]
    assert (eye.min(0) < iris[0]).all() and (iris[0] < eye.max(0)).all()
    # The other four surround the centre.
    np.testing.assert_allclose(iris[1:].mean(0), iris[0], atol=2.0)


@pytest.mark.parametrize('angle', [-30, 20])
def test_turned_picture_gives_turned_landmarks(portrait, points, angle):
  image = Image.fromarray(portrait).rotate(angle, Image.Resampling.BICUBIC)
  turned = np.asarray(image)
  face = detector.BlazeFace().detect(turned)[0]
  found = landmarks.FaceMesh().detect(turned, face)
  radians = np.deg2rad(angle)  # Pillow turns anticlockwise about the middle
  c, s = np.cos(radians), np.sin(radians)
  middle = np.array([256.0, 300.0])
  expected = points.copy()
  expected[:, :2] = (points[:, :2] - middle) @ [[c, -s], [s, c]] + middle
  assert found.confidence > 0.9
  assert _error(found.points, expected) < 4.0


@pytest.mark.parametrize('longer', [100, 3000])
def test_landmarks_scale_with_the_picture(portrait, points, longer):
  scale = longer / 600
  size = (round(512 * scale), longer)
  image = Image.fromarray(portrait).resize(size, Image.Resampling.BICUBIC)
  picture = np.asarray(image)
  face = detector.BlazeFace().detect(picture)[0]
  found = landmarks.FaceMesh().detect(picture, face).points / scale
  assert _error(found, points) < 3.0


@pytest.mark.parametrize(
  'box',
  [(170, 148, 365, 345), (120, 60, 420, 400), (0, 0, 512, 600)],
  ids=['tight', 'loose', 'whole'],
)
def test_box_drawn_by_hand(portrait, points, box):
  found = landmarks.FaceMesh().detect(portrait, box)
  assert found.confidence > 0.99
  assert _error(found.points, points) < 2.0


def test_box_without_a_face_has_no_confidence(portrait):
  mesher = landmarks.FaceMesh()
  assert mesher.detect(portrait, (0, 0, 150, 150)).confidence < 0.1
  assert mesher.detect(portrait, (100, 400, 400, 600)).confidence < 0.1


def test_following_agrees_with_detecting(portrait, points):
  found = landmarks.FaceMesh().follow(portrait, points)
  assert found.confidence > 0.99
  assert _error(found.points, points) < 2.0


def test_68_points_are_those_of_ibug_in_order(points):
  assert landmarks.LANDMARKS_68.shape == (68,)
  assert len(set(landmarks.LANDMARKS_68.tolist())) == 68
  p = landmarks.to_68(points)[:, :2]
  assert p.shape == (68, 2)
  x, y = p.T
  assert (np.diff(x[0:17]) > 0).all()  # jaw from left to right ...
  assert y[8] == y[:17].max() and y[0] < y[4] < y[8] > y[12] > y[16]
  assert (np.diff(x[17:27]) > 0).all()  # brows from left to right
  assert y[17:27].max() < y[36:48].min()
  assert (np.diff(y[27:31]) > 0).all()  # bridge downwards
  assert (np.diff(x[31:36]) > 0).all() and y[31:36].min() > y[30]
  for first in (36, 42):  # eyes clockwise from the left corner
    eye = p[first : first + 6]
    assert eye[0, 0] < eye[1, 0] < eye[2, 0] < eye[3, 0]
    assert eye[3, 0] > eye[4, 0] > eye[5, 0] > eye[0, 0]
    assert eye[1:3, 1].max() < eye[4:6, 1].min()
  assert x[36:42].max() < x[42:48].min()
  assert (np.diff(x[48:55]) > 0).all()  # upper outer lip to the right
  assert x[54] > x[55] > x[56] > x[57] > x[58] > x[59] > x[48]
  assert (np.diff(x[60:65]) > 0).all()
  assert x[64] > x[65] > x[66] > x[67] > x[60]
  for outer, inner in ((50, 61), (51, 62), (52, 63)):
    assert y[outer] < y[inner]  # the inner lips lie inside
  for outer, inner in ((56, 65), (57, 66), (58, 67)):
    assert y[outer] > y[inner]
  assert x[48] < x[60] and x[64] < x[54]


def test_68_points_are_symmetric(points):
  """A frontal face, mirrored about its midline, has the mirrored points."""
  pairs = [(i, 16 - i) for i in range(8)]
  pairs += [(17 + i, 26 - i) for i in range(5)]
  pairs += [(31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42)]
  pairs += [(40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (59, 55)]
  pairs += [(58, 56), (60, 64), (61, 63), (67, 65)]
  p = landmarks.to_68(points)[:, :2]
  across = p[45] - p[36]
  across = across / np.linalg.norm(across)
  down = np.array([-across[1], across[0]])
  left, right = (p[list(side)] for side in zip(*pairs, strict=True))
  level = (right - left) @ down / _eye_distance(points)
  assert np.abs(level).max() < 0.1  # each pair is level
  middle = (right + left) / 2 @ across
  assert middle.std() < 0.04 * _eye_distance(points)


def test_every_sample_picture_gives_a_sure_mesh(shared):
  mesher, finder = landmarks.FaceMesh(), detector.BlazeFace()
  for file in sorted((shared / 'samples/image').iterdir()):
    with Image.open(file) as image:
      picture = np.asarray(image.convert('RGB'))
    found = mesher.detect(picture, finder.detect(picture)[0])
    assert found.confidence > 0.99, file
    again = mesher.follow(picture, found.points)
    assert _error(again.points, found.points) < 3.0, file
