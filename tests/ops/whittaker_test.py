"""Whittaker smoothing: cutoff, gaps and ends."""

import numpy as np
import pytest

from sadtalker_jax.ops import whittaker

FPS = 25.0


def test_constant_track_is_kept():
  values = np.full((30, 2), 3.0)
  got = whittaker.smooth(values, np.ones(30), FPS, 4.0)
  np.testing.assert_allclose(got, values, atol=1e-9)


@pytest.mark.parametrize(
  'frequency, low, high', [(0.5, 0.98, 1.0), (4.0, 0.45, 0.52), (12, 0, 0.1)]
)
def test_response(frequency, low, high):
  time = np.arange(500) / FPS
  wave = np.sin(2 * np.pi * frequency * time + 0.3)[:, None]
  got = whittaker.smooth(wave, np.ones(500), FPS, 4.0)[100:400]
  assert low <= np.abs(got).max() / np.abs(wave[100:400]).max() <= high


def test_gaps_are_bridged():
  values = np.linspace(0, 1, 40)[:, None]
  weight = np.ones(40)
  weight[15:20] = 0
  broken = np.where(weight[:, None] > 0, values, 99.0)
  got = whittaker.smooth(broken, weight, FPS, 4.0)
  np.testing.assert_allclose(got, values, atol=0.01)


def test_level_is_held_beyond_the_ends():
  values = np.linspace(0, 1, 60)[:, None]
  weight = np.ones(60)
  weight[30:] = 0
  got = whittaker.smooth(values, weight, FPS, 4.0)[:, 0]
  assert np.abs(got[40:] - got[40]).max() < 0.05
  assert abs(got[-1] - 0.5) < 0.1


@pytest.mark.parametrize('length', [1, 2, 3])
def test_short_tracks(length):
  values = np.arange(length, dtype=float)[:, None]
  got = whittaker.smooth(values, np.ones(length), FPS, 4.0)
  assert got.shape == values.shape and np.isfinite(got).all()
