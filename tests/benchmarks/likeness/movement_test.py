"""Likeness by landmarks: faces that move in known ways, cuts, lips."""

import numpy as np
import pytest

from sadtalker_jax.benchmarks.likeness import (
  cuts,
  lips_alike,
  measures,
  movement,
)

RATE = 25.0
EYES = 90.0  # pixels between the outer corners


def points_at_rest(length: int) -> np.ndarray:
  """A face that rests, seen from the front: [T, 478, 3]."""
  still = np.random.default_rng(0).uniform(-40, 40, (478, 3))
  for at, place in {
    33: (-45, 0, 0), 133: (-15, 0, 0), 362: (15, 0, 0), 263: (45, 0, 0),
    468: (-30, 0, 0), 473: (30, 0, 0), 61: (-20, 60, 0), 291: (20, 60, 0),
    13: (0, 60, 0), 14: (0, 61, 0),
  }.items():  # fmt: skip
    still[at] = place
  for upper, lower in ((160, 144), (159, 145), (158, 153)):
    still[upper], still[lower] = (-30, -4, 0), (-30, 4, 0)
  for upper, lower in ((387, 373), (386, 374), (385, 380)):
    still[upper], still[lower] = (30, -4, 0), (30, 4, 0)
  return np.tile(still, (length, 1, 1))


def _measured(points: np.ndarray) -> measures.Measures:
  found = measures.Measures()
  movement.measure(points, RATE, found)
  return found


def test_a_still_face_has_no_spread_and_no_blink():
  found = _measured(points_at_rest(100))
  for name in found.values:
    if 'spread' in name or 'speed' in name:
      assert found.values[name] == pytest.approx(0, abs=1e-5)
  assert found.values[movement.BLINKS] == 0
  assert found.missing == {movement.LIDS: 'no whole blink'}


def test_what_moves_is_measured_in_eye_distances():
  points, wave = points_at_rest(100), np.sin(np.arange(100))
  points[:, [105, 334, 66, 296], 1] += 2.0 * wave[:, None]
  points[:, [468, 473], 0] += wave[:, None]
  points[:, 1, 1] += 3.0 * wave
  for start in (20, 60):
    points[start : start + 4, [160, 159, 158, 387, 386, 385], 1] = 3.0
  values = _measured(points).values
  deviation = wave.std() * 1000 / EYES
  assert values[movement.BROWS] == pytest.approx(2 * deviation, rel=0.05)
  # Along and across the eye: the mean of one that moves and one that rests.
  assert values[movement.GAZE] == pytest.approx(deviation / 2, rel=0.05)
  assert values[movement.NODS] == pytest.approx(3 * deviation)
  assert values[movement.BLINKS] == pytest.approx(30)
  assert values[movement.LIDS] == pytest.approx(1 / 8)


def test_blinks_of_a_track_are_counted_however_they_are_drawn():
  rows = np.zeros((100, 70))
  for start in (20, 60):
    rows[start : start + 5, movement.LID_SLOTS] = 1.0
  found = measures.Measures()
  movement.measure_track(rows, found)
  assert found.values == {movement.TRACK_BLINKS: pytest.approx(30)}


def test_clips_are_cut_by_how_far_the_mouth_is_open():
  points = points_at_rest(100)
  # Shut until frame 9, then opening by a pixel a frame; eyes shut on the way.
  points[:, 14, 1] += np.clip(np.arange(100) - 9, 0, 20)
  points[17:20, [160, 159, 158, 387, 386, 385], 1] = 3.0
  assert cuts.starts(points, 3.0) == {'shut': 0, 'half open': 20, 'wide': 27}
  # Short: cuts leave 1.2 seconds. Without an opening only one is made.
  assert set(cuts.starts(points[:50], 3.0)) == {'shut', 'half open'}
  assert cuts.starts(points[:9], 3.0) == {'shut': 0}


def test_lips_that_follow_correlate_where_there_is_speech():
  time = np.arange(75)
  points = points_at_rest(75)
  points[:, 14, 1] += 6 + 5 * np.sin(time / 3)
  points[:, 291, 0] += np.cos(time / 5)
  wave = np.zeros(75 * 640, np.float32)
  wave[16000:32000] = np.random.default_rng(1).normal(0, 0.1, 16000)
  late = np.roll(points, 2, axis=0)
  found = lips_alike.correlations(points, late, wave)
  # Two frames late is within the lags that count.
  assert all(found[name] > 0.99 for name in ('in speech', 'width'))
  against = points.copy()
  against[:, 14, 1] = 134 - against[:, 14, 1]
  assert lips_alike.correlations(points, against, wave)['gap'] < 0
  short = lips_alike.correlations(points[:8], late[:8], wave)
  assert all(np.isnan(value) for value in short.values())
