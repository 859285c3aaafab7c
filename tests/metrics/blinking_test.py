"""Blinks of curves made by hand."""

import numpy as np
import pytest

from sadtalker_jax.metrics import blinking


def _curve(count: int, *blinks: int, shape=(0.5, 0.0, 0.0, 0.5)) -> np.ndarray:
  curve = np.ones(count)
  for start in blinks:
    curve[start : start + len(shape)] = shape[: count - start]
  return curve


@pytest.mark.parametrize('scale', [0.1, 1.0, 30.0])
def test_blinks_are_counted_and_timed(scale):
  found = blinking.blinks(scale * _curve(250, 40, 100, 200))
  np.testing.assert_allclose(found.starts, [40, 100, 200])
  np.testing.assert_allclose(found.stops, [43, 103, 203])
  assert found.rate == pytest.approx(18)  # three in ten seconds
  assert found.duration == pytest.approx(0.12)


def test_the_frame_rate_changes_times_only():
  found = blinking.blinks(_curve(500, 40, 100, 200), fps=50.0)
  assert found.rate == pytest.approx(18)
  assert found.duration == pytest.approx(0.06)


def test_places_are_read_off_between_frames():
  found = blinking.blinks(_curve(50, 20, shape=(0.8, 0.2, 0.6)))
  assert found.starts[0] == pytest.approx(20.5)
  assert found.stops[0] == pytest.approx(21.75)


def test_eyes_that_stay_open_do_not_blink():
  for curve in (np.ones(50), np.zeros(50), 1 + 0.3 * np.sin(np.arange(50))):
    found = blinking.blinks(curve)
    assert found.rate == 0 and np.isnan(found.duration)
    assert not len(found.starts) and not len(found.stops)


def test_blinks_at_the_ends_and_closed_eyes_do_not_count():
  curve = _curve(200, 0, 60, 198)
  curve[:3] = 0
  curve[100:115] = 0  # 0.6 s
  found = blinking.blinks(curve)
  np.testing.assert_allclose(found.starts, [60])
  only_ends = blinking.blinks(np.r_[np.zeros(3), np.ones(50), np.zeros(3)])
  assert only_ends.rate == 0


def test_other_input_is_told():
  for curve, fps in ((np.ones(2), 25.0), (np.ones((9, 2)), 25.0)):
    with pytest.raises(ValueError, match='curve'):
      blinking.blinks(curve, fps=fps)
  with pytest.raises(ValueError, match='frame rate'):
    blinking.blinks(np.ones(9), fps=0.0)
