"""Fréchet distance against pytorch-fid, on Gaussians, and merged."""

import functools

import numpy as np
import pytest

from sadtalker_jax.metrics import frechet


def _features(count: int, size: int = 8, seed: int = 0) -> np.ndarray:
  rng = np.random.default_rng(seed)
  mixing = np.random.default_rng(1).normal(size=(size, size))
  return rng.normal(size=(count, size)) @ mixing


def _distance(first: np.ndarray, second: np.ndarray) -> float:
  return frechet.distance(frechet.of(first), frechet.of(second))


@pytest.mark.parametrize(
  'first, second, key',
  [(120, 90, 'distance'), (20, 24, 'distance_few_samples')],
)
def test_distance_is_the_reference(golden, first, second, key):
  found = _distance(
    golden['fid/in/features_a'][:first], golden['fid/in/features_b'][:second]
  )
  # 2e-8 where covariances are singular: the reference's root is the worse one.
  np.testing.assert_allclose(found, golden[f'fid/out/{key}'], rtol=1e-7)


@pytest.mark.parametrize('count', [3, 40])
def test_equal_sets_have_no_distance(count):
  features = _features(count)
  assert 0 <= _distance(features, features[::-1]) < 1e-9


def test_a_shift_counts_as_its_square():
  features, shift = _features(30), np.arange(8.0)
  found = _distance(features, features + shift)
  np.testing.assert_allclose(found, shift @ shift, rtol=1e-9)


def test_gaussians_along_the_axes_have_a_closed_form():
  signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
  one, two = np.array([1.0, 2.0, 3.0]), np.array([4.0, 0.0, 0.5])
  # Unbiased: 8 points of deviation 1 have variance 8 / 7.
  want = 8 / 7 * np.square(one - two).sum()
  np.testing.assert_allclose(_distance(signs * one, signs * two), want)


def test_distance_is_symmetric_and_ignores_rotation():
  one, two = _features(50), 2 * _features(40, seed=3) + 1
  turn = np.linalg.qr(_features(8, seed=9))[0]
  found = _distance(one, two)
  np.testing.assert_allclose(_distance(two, one), found, rtol=1e-9)
  np.testing.assert_allclose(_distance(one @ turn, two @ turn), found)


def test_moments_run_along_in_any_order():
  features = _features(57) + 1e3
  want = frechet.of(features)
  parts = np.split(features, [1, 20, 21, 50])
  running = functools.reduce(frechet.add, parts, frechet.empty(8))
  backwards = functools.reduce(
    frechet.merge, [frechet.of(part) for part in parts[::-1]]
  )
  for found in (running, backwards):
    assert found.number == 57
    np.testing.assert_allclose(found.mean, want.mean, rtol=1e-12)
    np.testing.assert_allclose(found.scatter, want.scatter, atol=1e-8)
  np.testing.assert_allclose(
    frechet.covariance(want), np.cov(features, rowvar=False), atol=1e-9
  )


def test_nothing_merges_into_nothing():
  assert frechet.merge(frechet.empty(2), frechet.empty(2)).number == 0


def test_other_input_is_told():
  with pytest.raises(ValueError, match='at least 2'):
    _distance(_features(1), _features(5))
  with pytest.raises(ValueError, match='one size'):
    _distance(_features(5), _features(5, 7))
  with pytest.raises(ValueError, match='one size'):
    frechet.add(frechet.empty(3), _features(5))
  with pytest.raises(ValueError, match='N > 0'):
    frechet.of(np.zeros((0, 8)))
  with pytest.raises(ValueError, match='finite'):
    frechet.of(np.full((2, 3), np.nan))
