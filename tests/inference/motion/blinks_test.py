"""Blinks: the published rule, its failures, frame rates, natural intervals."""

import numpy as np
import pytest

from sadtalker_jax.inference.motion import blinks

PULSE = np.array(blinks.PULSE, np.float32)


def _starts(track: np.ndarray) -> np.ndarray:
  return np.flatnonzero((track > 0) & (np.roll(track, 1) == 0))


@pytest.mark.parametrize('seed', range(4))
def test_reference_blinks_are_the_five_values_at_allowed_places(seed):
  track = blinks.published_track(seed, 400)
  starts = _starts(track)
  assert len(starts) >= 4
  for start in starts:
    np.testing.assert_array_equal(track[start : start + 5], PULSE)
  assert np.count_nonzero(track) == 5 * len(starts)
  pauses = np.diff(np.concatenate([[-5], starts])) - 5
  assert pauses.min() >= 10 and pauses.max() < 70
  assert starts[-1] + 5 <= 399


@pytest.mark.parametrize(
  'track', [blinks.published_track, blinks.natural_track]
)
@pytest.mark.parametrize('length', range(22))
def test_short_clips_have_no_blink(track, length):
  for seed in range(5):
    result = track(seed, length)
    assert result.shape == (length,) and result.dtype == np.float32
    assert not result.any()


def test_a_blink_fits_from_22_frames_on():
  tracks = [blinks.published_track(seed, 22) for seed in range(10)]
  assert all(_starts(t).tolist() == [10] for t in tracks)


@pytest.mark.parametrize(
  'track', [blinks.published_track, blinks.natural_track]
)
def test_seeds_decide(track):
  np.testing.assert_array_equal(track(3, 500), track(3, 500))
  assert (track(3, 500) != track(4, 500)).any()


@pytest.mark.parametrize('fps', [12.5, 29.97, 60.0])
def test_other_rates_show_the_same_blinks(fps):
  seconds = 40
  base = blinks.natural_track(1, seconds * 25)
  other = blinks.natural_track(1, int(seconds * fps), fps)
  starts, same = _starts(base) / 25, _starts(other) / fps
  np.testing.assert_allclose(same, starts, atol=0.5 / 25 + 0.5 / fps + 0.01)
  for start in same:  # lids meet in each, whatever the rate
    assert other[int(start * fps) : int((start + 0.3) * fps)].max() > 0.95


def test_natural_intervals():
  track = blinks.natural_track(0, 25 * 3600)
  intervals = np.diff(_starts(track)) / 25
  assert 15 < 60 / intervals.mean() < 34  # a minute
  assert intervals.min() > 0.75
  assert 4 < intervals.max() < 6


def test_lids_close_fast_and_open_slowly():
  track = blinks.natural_track(2, 240 * 60, 240.0)
  start = _starts(track)[1]
  pulse = track[start : start + 140]
  shut = np.flatnonzero(pulse > 0.99)
  assert shut[0] / 240 < 0.11
  assert 0.15 < (np.flatnonzero(pulse)[-1] - shut[-1]) / 240 < 0.4


def test_phrase_ends_have_blinks():
  ends = np.arange(2.3, 120, 2.9)
  track = blinks.natural_track(4, 25 * 120, phrase_ends=ends)
  starts = _starts(track) / 25
  near = np.abs(starts - ends[:, None]).min(axis=1) < 0.25
  assert near.mean() > 0.6
  assert np.diff(starts).max() < 6


def test_shorter_clips_begin_like_longer_ones():
  long = blinks.natural_track(7, 3000)
  for length in (60, 333, 1500):
    short = blinks.natural_track(7, length)
    last = _starts(short)[-1] + 5 if short.any() else 0
    np.testing.assert_array_equal(short[:last], long[:last])


def test_impossible_lengths_are_refused():
  with pytest.raises(ValueError, match='rate'):
    blinks.natural_track(0, 10, 0.0)
  with pytest.raises(ValueError, match='frames'):
    blinks.published_track(0, -1)
