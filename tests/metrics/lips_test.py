"""Lips of two clips: correlation, offset, distance."""

import numpy as np
import pytest

from sadtalker_jax.metrics import lips


def _curve(count: int) -> np.ndarray:
  noise = np.random.default_rng(0).normal(size=count + 4)
  return np.convolve(noise, np.ones(5) / 5, 'valid')


def test_scale_and_level_do_not_change_the_correlation():
  curve = _curve(50)
  assert lips.correlation(curve, 0.1 * curve + 3) == pytest.approx(1)
  assert lips.correlation(curve, -curve) == pytest.approx(-1)
  other = _curve(70)[20:]
  want = np.corrcoef(curve, other)[0, 1]
  assert lips.correlation(curve, other) == pytest.approx(want)


@pytest.mark.parametrize('still', [0.0, 0.1, 1e6])
def test_lips_that_do_not_move_correlate_with_nothing(still):
  frozen = np.full(50, still)
  assert lips.correlation(_curve(50), frozen) == 0.0
  assert lips.correlation(frozen, frozen) == 0.0
  assert lips.offset(_curve(50), frozen) == (0, 0.0)


@pytest.mark.parametrize('early', [-15, -3, 0, 6, 15])
def test_lips_before_the_sound_have_a_positive_offset(early):
  curve = _curve(130)
  found, score = lips.offset(curve[15:115], curve[15 + early : 115 + early])
  assert found == early and score == pytest.approx(1)


def test_a_shift_of_the_mouth_is_no_distance_of_lips():
  points = np.random.default_rng(0).normal(size=(6, 20, 2))
  moved = points + np.arange(6.0)[:, None, None]
  assert lips.distance(points, moved) == pytest.approx(0, abs=1e-12)


def test_distance_of_a_mouth_twice_as_large():
  square = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])[None]
  pair = np.concatenate([square, square])
  assert lips.distance(pair, 2 * pair) == pytest.approx(np.sqrt(2))
  unit = np.array([1.0, 2.0])
  assert lips.distance(pair, 2 * pair, unit) == pytest.approx(0.75 * 2**0.5)


def test_other_input_is_told():
  with pytest.raises(ValueError, match='at least 2'):
    lips.correlation(np.ones(1), np.ones(1))
  with pytest.raises(ValueError, match='at least 31'):
    lips.offset(np.ones(30), np.ones(30))
  with pytest.raises(ValueError, match='curves'):
    lips.correlation(np.ones(5), np.ones(6))
  with pytest.raises(ValueError, match='landmarks'):
    lips.distance(np.ones((2, 3, 2)), np.ones((2, 4, 2)))
  with pytest.raises(ValueError, match='unit'):
    lips.distance(np.ones((2, 3, 2)), np.ones((2, 3, 2)), 0.0)
