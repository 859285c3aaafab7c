"""Head motion: starts at the picture, smooth, gentle, reproducible."""

import numpy as np
import pytest

from sadtalker_jax import conventions, errors
from sadtalker_jax.inference.motion import head_motion, prosody

STYLES = range(conventions.NUM_STYLES)


VOICE = prosody.Prosody(
  accents=np.arange(0.6, 60, 1.1),
  strengths=np.full(54, 0.8),
  phrase_ends=np.arange(3.0, 60, 3.7),
  energy=1.0,
)


def _activity(length: int) -> np.ndarray:
  """Activity as in a minute of speech."""
  t = np.arange(length) / 25
  return (np.sin(2 * np.pi * t / 7) > -0.7).astype(float)


@pytest.mark.parametrize('index', STYLES)
def test_every_style_is_gentle_and_starts_at_the_picture(index):
  motion = head_motion.track(
    5, index, 1500, voice=VOICE, activity=_activity(1500)
  )
  assert motion.shape == (1500, 6) and motion.dtype == np.float32
  np.testing.assert_array_equal(motion[0], 0)
  degrees = np.degrees(motion[:, :3])
  assert np.abs(degrees).max() < head_motion.MAX_DEGREES
  assert (degrees.std(axis=0) > 0.3).all()
  assert (degrees.std(axis=0) < 5).all()
  assert np.abs(motion[:, 3:]).max() < 0.6  # 6 cm, of the highest nods


@pytest.mark.parametrize('fps', [25.0, 60.0])
def test_motion_has_no_jumps_and_no_kinks(fps):
  length = int(40 * fps)
  degrees = np.degrees(head_motion.track(2, 7, length, fps)[:, :3])
  speed = np.diff(degrees, axis=0) * fps
  assert np.abs(speed[0]).max() < 2  # leaves the picture slowly
  assert np.abs(speed).max() < 40
  # Speeds of neighbouring frames differ by the acceleration, not by steps.
  assert np.abs(np.diff(speed, axis=0)).max() * fps < 400


def test_equal_seeds_equal_motion():
  one, same, other = (head_motion.track(s, 3, 100) for s in (1, 1, 2))
  np.testing.assert_array_equal(one, same)
  assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize('length', [0, 1, 2, 30, 613])
def test_shorter_clips_begin_like_longer_ones(length):
  activity = _activity(1000)
  long = head_motion.track(9, 12, 1000, voice=VOICE, activity=activity)
  short = head_motion.track(
    9, 12, length, voice=VOICE, activity=activity[:length]
  )
  np.testing.assert_array_equal(short, long[:length])


def test_rate_changes_the_sampling_only():
  slow = head_motion.track(4, 1, 100, 25.0)
  fast = head_motion.track(4, 1, 200, 50.0)
  np.testing.assert_allclose(fast[::2], slow, atol=1e-6)


def test_accents_nod():
  none = prosody.Prosody(*[np.zeros(0)] * 3, energy=1.0)
  quiet = head_motion.track(0, 0, 200, voice=none)
  accent = none._replace(accents=np.array([4.0]), strengths=np.array([1.0]))
  nodded = head_motion.track(0, 0, 200, voice=accent)
  change = np.degrees(nodded - quiet)[:, 0]
  assert 0.7 < change[95:105].max() < 5.0  # down
  np.testing.assert_array_equal(change[:80], 0)


def test_head_moves_with_the_energy_of_the_voice():
  calm, lively = (
    head_motion.track(3, 0, 1500, voice=VOICE._replace(energy=energy))
    for energy in (0.6, 1.6)
  )
  ratio = lively[:, :3].std(axis=0) / calm[:, :3].std(axis=0)
  assert (ratio > 1.8).all()


def test_ordinary_clips_differ_in_liveliness():
  """Those of real speakers have .4 to 4 degrees in three seconds."""
  spread = [
    np.degrees(head_motion.track(seed, 0, 75, voice=VOICE)[:, :3])
    .std(axis=0)
    .mean()
    for seed in range(100)
  ]
  low, high = np.quantile(spread, [0.02, 0.98])
  assert low < 0.75 and 2.0 < high < 4.0  # of one voice
  # Of two of equal noise the livelier moves more.
  drawn = [head_motion.liveliness(seed, 0) for seed in range(100)]
  assert np.corrcoef(drawn, spread)[0, 1] > 0.8


def test_styles_span_calm_to_lively():
  spread = [
    head_motion.track(1, i, 1500)[:, :3].std(axis=0).mean() for i in STYLES
  ]
  assert np.corrcoef(np.arange(1, len(spread)), spread[1:])[0, 1] > 0.8
  assert np.mean(spread[-5:]) > 2 * np.mean(spread[1:6])


def test_pauses_calm_the_head():
  spoken = head_motion.track(0, 4, 3000)
  silent = head_motion.track(0, 4, 3000, activity=np.zeros(3000))
  ratio = silent[:, :3].std(axis=0) / spoken[:, :3].std(axis=0)
  assert (ratio < 0.85).all() and (ratio > 0.4).all()


def test_styles_differ():
  tracks = [head_motion.track(0, i, 60) for i in STYLES]
  for i in STYLES:
    for j in range(i):
      assert np.abs(tracks[i] - tracks[j]).max() > 1e-3


@pytest.mark.parametrize('index', [-1, 46])
def test_unknown_styles_are_refused(index):
  with pytest.raises(errors.InputError, match='0 to 45, found'):
    head_motion.track(0, index, 10)
