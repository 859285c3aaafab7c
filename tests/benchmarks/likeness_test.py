"""Likeness: measures of landmarks that move in known ways; bad folders."""

import numpy as np
import pytest

from sadtalker_jax.benchmarks import likeness
from sadtalker_jax.cli import bench

RATE = 25.0
EYES = 90.0  # pixels between the outer corners


def _points(length: int) -> np.ndarray:
  """A face that rests, seen from the front: [T, 478, 3]."""
  still = np.random.default_rng(0).uniform(-40, 40, (478, 3))
  for at, place in {
    33: (-45, 0, 0), 133: (-15, 0, 0), 362: (15, 0, 0), 263: (45, 0, 0),
    468: (-30, 0, 0), 473: (30, 0, 0), 61: (-20, 60, 0), 291: (20, 60, 0),
  }.items():  # fmt: skip
    still[at] = place
  for upper, lower in ((160, 144), (159, 145), (158, 153)):
    still[upper], still[lower] = (-30, -4, 0), (-30, 4, 0)
  for upper, lower in ((387, 373), (386, 374), (385, 380)):
    still[upper], still[lower] = (30, -4, 0), (30, 4, 0)
  return np.tile(still, (length, 1, 1))


def test_a_still_face_has_no_spread():
  values = likeness.of_points(_points(100), RATE)
  for name in values:
    if 'spread' in name or 'variation' in name or 'speed' in name:
      assert values[name] == pytest.approx(0, abs=1e-5)
  assert values['blinks a minute'] == 0
  assert values['closest lid aperture / median'] == pytest.approx(1)


def test_what_moves_is_measured_in_eye_distances():
  points, wave = _points(100), np.sin(np.arange(100))
  points[:, [105, 334, 66, 296], 1] += 2.0 * wave[:, None]
  points[:, [468, 473], 0] += wave[:, None]
  for start in (20, 60):
    points[start : start + 4, [160, 159, 158, 387, 386, 385], 1] = 3.0
  values = likeness.of_points(points, RATE)
  deviation = wave.std() * 1000 / EYES
  assert values['brow spread'] == pytest.approx(2 * deviation, rel=0.05)
  # Along and across the eye: the mean of one that moves and one that rests.
  assert values['gaze spread'] == pytest.approx(deviation / 2, rel=0.05)
  assert values['blinks a minute'] == pytest.approx(30)
  assert values['closest lid aperture / median'] == pytest.approx(1 / 8)


def test_the_table_says_real_ours_and_share():
  real, ours = (dict.fromkeys(('a', 'head spread, degrees'), v) for v in (2, 1))
  lines = list(likeness.table([(real, ours), (real, ours)]))
  assert '| a | 2 | 1 | 0.50 (0.50 to 0.50) |' in lines
  assert lines[-1].startswith('| head spread, degrees: least and greatest |')


def test_folders_without_clips_are_refused(tmp_path, capsys):
  assert bench.main(['likeness', str(tmp_path)]) == 2
  assert 'expected videos, found none' in capsys.readouterr().err
