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
