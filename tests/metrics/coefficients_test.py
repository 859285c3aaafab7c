"""Distances in coefficient space."""

import numpy as np
import pytest

from sadtalker_jax.metrics import coefficients


def _rows(count: int, size: int) -> np.ndarray:
  return np.random.default_rng(count).normal(size=(count, size))


def test_equal_tracks_have_no_distance():
  expression, pose = _rows(70, 64), _rows(9, 6)
  assert coefficients.expression_distance(expression, expression) == 0
  assert coefficients.pose_distance(pose, pose) == 0
  assert coefficients.angle_distance(pose[:, :3], pose[:, :3]) == 0
  assert coefficients.expression_frechet(expression, expression) < 1e-9


def test_distances_are_means_of_absolute_differences():
  one = np.zeros((2, 3))
  two = np.array([[1.0, -2.0, 0.0], [0.0, 0.0, 3.0]])
  assert coefficients.expression_distance(one, two) == 1.0
  assert coefficients.pose_distance(one, two) == 1.0
  assert coefficients.angle_distance(one, np.full((2, 3), -np.pi / 2)) == 90.0


def test_a_shift_of_all_expressions_counts_as_its_square():
  found = coefficients.expression_frechet(_rows(80, 64), _rows(80, 64) + 0.5)
  assert found == pytest.approx(64 * 0.25)


def test_other_input_is_told():
  with pytest.raises(ValueError, match='coefficients'):
    coefficients.expression_distance(_rows(4, 64), _rows(5, 64))
  with pytest.raises(ValueError, match='T > 0'):
    coefficients.pose_distance(_rows(1, 6)[:0], _rows(1, 6)[:0])
  with pytest.raises(ValueError, match='at least 2'):
    coefficients.expression_frechet(_rows(1, 64), _rows(4, 64))
