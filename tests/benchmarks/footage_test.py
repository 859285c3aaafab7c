"""What is measured of re-voiced clips; bad folders."""

import numpy as np
import pytest

from sadtalker_jax.benchmarks import footage_measures
from sadtalker_jax.cli import bench

EYES = 40.0  # pixels between the outer corners


def _points(length: int) -> np.ndarray:
  """A face that rests, [T, 478, 3]."""
  still = np.full((478, 3), 50.0)
  still[[33, 263], :2] = [[30, 30], [70, 30]]
  still[[61, 291, 0, 17, 13, 14], :2] = [
    [40, 70], [60, 70], [50, 65], [50, 75], [50, 68], [50, 72]
  ]  # fmt: skip
  return np.tile(still, (length, 1, 1))


def _pair() -> footage_measures.Pair:
  """A frame of which a square changes, by other levels in every frame."""
  old = np.full((4, 100, 100, 3), 100, np.uint8)
  new = old.copy()
  new[:, 55:85, 35:65] = np.array([110, 112, 110, 112])[:, None, None, None]
  points = _points(4)
  zeros = np.arange(4)
  return footage_measures.Pair(old, new, points, points, zeros, 0, zeros, 25)


def test_jitter_and_distances_are_shares_of_the_eye_distance():
  points = _points(9)
  assert footage_measures.jitter(points) == 0
  moved = points.copy()
  moved[::2, [61, 291, 0, 17, 13, 14], 1] += 1.0  # its second difference is 2
  assert footage_measures.jitter(moved) == pytest.approx(200 / EYES)
  assert footage_measures.lips_off(moved[::2], points[::2]) == pytest.approx(
    100 / EYES
  )
  # Where the head is does not matter.
  far = 2 * points + 7
  assert footage_measures.lips_off(far, points) == pytest.approx(0, abs=1e-9)


def test_flicker_is_measured_at_the_edge_of_what_changed():
  new, old = footage_measures.flicker(_pair())
  assert (new, old) == (2, 0)


def test_a_sheet_shows_old_above_new():
  shown = footage_measures.sheet(_pair())
  half = len(shown) // 2
  assert (shown[:half] == 100).all() and shown[half:].max() == 112


def test_folders_without_clips_are_refused(tmp_path, capsys):
  voice = tmp_path / 'a.wav'
  assert bench.main(['footage', str(tmp_path), '--voice', str(voice)]) == 2
  assert 'expected videos, found none' in capsys.readouterr().err
