"""Measurements on landmarks made by hand."""

import numpy as np
import pytest

from sadtalker_jax.face3d import measures


def _face(gap: float, right: float, left: float) -> np.ndarray:
  points = np.zeros((478, 3))
  points[33, 0], points[263, 0] = -1, 1
  points[13, 1] = -gap
  for pairs, opening in (
    (measures.RIGHT_LIDS, right),
    (measures.LEFT_LIDS, left),
  ):
    for up, low in pairs:
      points[up, 1], points[low, 1] = -opening / 2, opening / 2
  return points


def test_known_openings():
  face = _face(0.4, 0.2, 0.1)
  assert measures.lip_gap(face) == pytest.approx(0.2)
  np.testing.assert_allclose(measures.eye_openness(face), [0.1, 0.05])
  assert measures.interocular(face) == pytest.approx(2)


def test_size_place_and_depth_do_not_matter():
  face = _face(0.4, 0.2, 0.1)
  moved = 7 * face + [5, -3, 0]
  moved[:, 2] = np.random.default_rng(0).normal(size=478)
  assert measures.lip_gap(moved) == pytest.approx(0.2)
  np.testing.assert_allclose(measures.eye_openness(moved), [0.1, 0.05])


def test_leading_axes_are_kept():
  faces = np.stack([_face(0.1 * k, 0.2, 0.2) for k in range(5)])
  assert measures.lip_gap(faces).shape == (5,)
  assert measures.eye_openness(faces[:, :468, :2]).shape == (5, 2)


def test_the_shape_of_a_mouth_is_over_the_skull():
  """Lips and corners up, chin down, on a head that turns and comes near."""
  rng = np.random.default_rng(0)
  face = rng.normal(size=(468, 3))
  face[[33, 263]] = [[-1, 0, 0], [1, 0, 0]]
  face[[168, 164]] = [[0, 0, 0], [0, 1, 0]]
  moves = {13: -0.1, 61: -0.2, 291: -0.2, 152: 0.3}  # y down
  clip = np.stack([face, face])
  for point, change in moves.items():
    clip[1, point, 1] += change
  want = measures.mouth_shape(clip)
  angle = 0.3
  turned = clip[1] * 1.7 @ np.array(
    [
      [np.cos(angle), np.sin(angle), 0],
      [-np.sin(angle), np.cos(angle), 0],
      [0, 0, 1],
    ]
  ) + [5, -3, 2]
  found = measures.mouth_shape(np.stack([clip[0], turned]))
  for shape in (want, found):
    assert shape.shape == (2, 5)
    np.testing.assert_allclose(
      shape[1, 2:] - shape[0, 2:], [0.15, 0.05, 0.1], atol=1e-6
    )
  np.testing.assert_allclose(found[:, :2], want[:, :2])
