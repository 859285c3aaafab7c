"""Onsets and beats against librosa, and on clicks."""

import numpy as np
import pytest

from sadtalker_jax.metrics import beats, onsets


def _clicks(period: float, seconds: float = 6.0) -> np.ndarray:
  """A click every `period` frames, the first at frame 4."""
  count = int(16000 * seconds)
  wave = np.random.default_rng(0).normal(0, 1e-3, count)
  shape = np.exp(-np.arange(800) / 120) * np.sin(0.7 * np.arange(800))
  for place in np.arange(4 * 640, count - 800, period * 640).astype(int):
    wave[place : place + 800] += 0.5 * shape
  return wave.astype(np.float32)


def test_onsets_and_beats_are_librosas(golden):
  wave = golden['onsets/in/wave']
  found = onsets.strength(wave)
  want = golden['onsets/out/strength']
  # float32 decibels; 1e-4 was seen on speech.
  np.testing.assert_allclose(found, want, atol=1e-3)
  np.testing.assert_array_equal(beats.track(found), golden['onsets/out/beats'])
  np.testing.assert_array_equal(
    beats.music_beats(wave), golden['onsets/out/beats']
  )


@pytest.mark.parametrize('period', [10, 13, 18])
def test_clicks_are_beats(period):
  found = beats.music_beats(_clicks(period))
  assert beats.tempo(onsets.strength(_clicks(period))) == period
  # Windows of 128 ms: a click is heard some frames around it.
  phase = (found - 4 + period // 2) % period - period // 2
  assert np.abs(phase).max() <= 2 and len(found) >= 150 // period - 2


def test_bytes_and_floats_are_one_sound():
  wave = _clicks(12, 3.0)
  whole = np.round(wave * 32768).astype(np.int16)
  np.testing.assert_array_equal(
    beats.music_beats(wave), beats.music_beats(whole)
  )


@pytest.mark.parametrize('count', [1, 639, 640, 5000])
def test_silence_has_no_beats(count):
  assert onsets.strength(np.zeros(count, np.int16)).shape == (1 + count // 640,)
  assert len(beats.music_beats(np.zeros(count, np.int16))) == 0


@pytest.mark.parametrize('count', [1, 300, 2000, 9000])
def test_short_sound_is_no_trouble(count):
  wave = np.random.default_rng(count).normal(0, 0.1, count)
  found = beats.music_beats(wave)
  assert found.dtype == np.int64 and np.all(np.diff(found) > 0)
  assert np.all(found <= count // 640)


def test_percussion_keeps_clicks_and_loses_tones():
  tone = np.sin(2 * np.pi * 440 * np.arange(48000) / 16000).astype(np.float32)
  clicks = _clicks(12, 3.0)
  assert np.square(onsets.percussive(tone)[4000:-4000]).mean() < 0.01
  kept = np.square(onsets.percussive(clicks)).mean()
  assert kept > 0.7 * np.square(clicks).mean()


def test_other_input_is_told():
  with pytest.raises(ValueError, match='L > 0'):
    beats.music_beats(np.zeros((2, 100)))
  with pytest.raises(ValueError, match='L > 0'):
    beats.music_beats(np.zeros(0))
