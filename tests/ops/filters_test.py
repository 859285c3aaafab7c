"""Filters against scipy, on polynomials, and at the ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from sadtalker_jax.ops import filters


def _track(length: int, channels: int = 3) -> np.ndarray:
  return np.random.default_rng(length).normal(size=(length, channels))


@pytest.mark.parametrize('length', [13, 14, 40])
def test_savitzky_golay_equals_scipy(length):
  x = _track(length)
  want = scipy.signal.savgol_filter(x, 13, 2, axis=0, mode='interp')
  # float64 against float64: rounding only.
  np.testing.assert_allclose(filters.savitzky_golay(x), want, atol=1e-12)


@pytest.mark.parametrize('length', range(3, 13))
def test_short_tracks_take_the_largest_odd_window(length):
  x = _track(length)
  window = 2 * ((length - 1) // 2) + 1
  want = scipy.signal.savgol_filter(x, window, 2, axis=0, mode='interp')
  np.testing.assert_allclose(filters.savitzky_golay(x), want, atol=1e-12)


@pytest.mark.parametrize('length', [0, 1, 2])
def test_tracks_too_short_to_smooth_return_unchanged(length):
  x = _track(length)
  np.testing.assert_array_equal(filters.savitzky_golay(x), x)


def test_savitzky_golay_keeps_parabolas():
  t = np.linspace(-1, 2, 30)
  x = np.stack([3 * t**2 - t + 1, -t], axis=1)
  np.testing.assert_allclose(filters.savitzky_golay(x), x, atol=1e-12)


def test_numpy_and_jitted_jax_agree():
  x = _track(50).astype(np.float32)
  for function in (filters.savitzky_golay, lambda v: filters.gaussian(v, 1.5)):
    plain = function(x)
    jitted = jax.jit(function)(jnp.asarray(x))
    assert isinstance(plain, np.ndarray) and plain.dtype == np.float32
    assert isinstance(jitted, jax.Array) and jitted.dtype == jnp.float32
    # float32 sums of 13 terms of size 1.
    np.testing.assert_allclose(plain, jitted, atol=2e-6)


def test_gaussian_equals_scipy():
  x = _track(60)
  want = scipy.ndimage.gaussian_filter1d(x, 2.3, axis=0, mode='nearest')
  np.testing.assert_allclose(filters.gaussian(x, 2.3), want, atol=1e-12)


def test_gaussian_keeps_constants_and_handles_nothing():
  x = np.full((5, 2), 3.0)
  np.testing.assert_allclose(filters.gaussian(x, 7.0), x, atol=1e-12)
  np.testing.assert_array_equal(filters.gaussian(x, 0.0), x)
  assert filters.gaussian(np.zeros((0, 2)), 2.0).shape == (0, 2)


def test_wrong_widths_are_refused():
  with pytest.raises(ValueError, match='odd'):
    filters.savitzky_golay(_track(20), window=4)
  with pytest.raises(ValueError, match='order'):
    filters.savitzky_golay(_track(20), window=3, order=3)
  with pytest.raises(ValueError, match='negative'):
    filters.gaussian(_track(20), -1.0)


@pytest.mark.parametrize('factor', [2, 4, 8])
def test_reduce_equals_scipy(factor):
  image = np.random.default_rng(factor).uniform(size=(17, 24))
  taps = filters.reduction_taps(factor)
  assert len(taps) == {2: 5, 4: 13, 8: 29}[factor]
  blurred = scipy.ndimage.convolve(image, np.outer(taps, taps), mode='constant')
  found = filters.reduce(
    jnp.asarray(image, jnp.float32)[None, ..., None], factor
  )
  # float32 sums of up to 841 terms that add to 1.
  np.testing.assert_allclose(
    found[0, ..., 0], blurred[::factor, ::factor], atol=2e-6
  )


def test_reduce_by_one_is_the_picture():
  image = jnp.ones((1, 3, 4, 2))
  assert filters.reduce(image, 1) is image
