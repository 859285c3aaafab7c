"""Lips against phones, on curves whose answers are known."""

import numpy as np
import pytest

from sadtalker_jax.metrics import speaking
from sadtalker_jax.ops import lip_classes

FPS = 25.0
# Half a second each: a, m, a, t, i, u.
SPOKEN = lip_classes.segments(
  [(k / 2, k / 2 + 0.5, p) for k, p in enumerate('AA1 M AA0 T IY2 UW1'.split())]
)


def _curve(*values: float) -> np.ndarray:
  return np.repeat(np.array(values), 13)[: int(3 * FPS)]


def test_diphthongs_are_two_segments_and_noise_is_silence():
  found = lip_classes.segments([(0.0, 1.0, 'OW1'), (1.0, 2.0, '+NSN+')])
  assert [s.name for s in found] == ['OW', 'UH', 'SIL']
  assert found[0].end == found[1].begin == pytest.approx(0.6)


def test_closures_are_those_of_bilabials_and_of_others():
  good = _curve(1, 0, 1, 0.3, 0.4, 0.2)
  assert speaking.closures(good, FPS, SPOKEN) == (1, 1, 0, 1)
  bad = 0.02 + _curve(1, 0.5, 1, 0, 0.4, 0.2)  # closed lips measure 0.02
  assert speaking.closures(bad, FPS, SPOKEN) == (0, 1, 1, 1)
  opening = speaking.openings(good, FPS, SPOKEN)
  assert opening['AA'] > 0.9 > 0.1 > opening['P']


def test_rounding_separates_widths():
  rng = np.random.default_rng(0)
  first, second = rng.normal(0.03, 0.01, 50), rng.normal(-0.01, 0.01, 50)
  assert speaking.separation(first, second) == pytest.approx(4, abs=0.6)
  spread, rounded = speaking.rounding(
    _curve(0, 0, 0, 0, 0.03, -0.03), FPS, SPOKEN
  )
  assert spread == pytest.approx([0.03]) and rounded == pytest.approx([-0.03])
  assert np.isnan(speaking.separation(spread, rounded))


def test_speech_is_where_it_is_loud_and_a_little_around():
  wave = np.zeros(48000, np.float32)
  wave[16000:32000] = 0.1 * np.sin(np.arange(16000))
  frames = speaking.in_speech(wave, 75, FPS)
  assert frames[24:51].all() and not frames[:22].any()
  assert not frames[54:].any()
  assert not speaking.in_speech(wave[:0], 5, FPS).any()


def test_late_lips_still_correlate_in_speech():
  gap = np.random.default_rng(1).uniform(size=100)
  frames = np.arange(100) > 20
  assert speaking.correlation(gap, np.roll(gap, 2), frames) > 0.99
  assert np.isnan(speaking.correlation(gap, gap, np.arange(100) < 5))
  assert speaking.quantiles(2 * gap, frames)[1] == pytest.approx(1, abs=0.2)
