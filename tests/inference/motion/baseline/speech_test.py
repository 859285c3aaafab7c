"""Measures of speech: levels, pauses, noise, short and empty sound."""

import numpy as np
import pytest

from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.motion.baseline import lips, spectrum, speech
from sadtalker_jax.media import audio


@pytest.fixture(scope='module')
def recording() -> np.ndarray:
  return audio.load(bundle.SAMPLE_SPEECH)


@pytest.fixture(scope='module')
def heard(recording) -> speech.Sound:
  return speech.listen(recording, lips.load().reference)


def _noise(seconds: float, level: float) -> np.ndarray:
  rng = np.random.default_rng(0)
  return (level * rng.normal(size=int(seconds * 16000))).astype(np.float32)


def _vowel(seconds: float) -> np.ndarray:
  """A held voice of 120 Hz with two formants."""
  t = np.arange(int(seconds * 16000)) / 16000
  parts = [
    np.sin(2 * np.pi * 120 * k * t + k)
    * (np.exp(-(((120 * k - 700) / 200) ** 2)) + 0.1 / k)
    for k in range(1, 25)
  ]
  return (0.1 * sum(parts)).astype(np.float32)


def test_shapes(recording, heard):
  length = 1 + len(recording) // 200
  assert heard.bands.shape == (length, speech.NUM_BANDS)
  assert heard.activity.shape == heard.stress.shape == (length,)
  for part in heard:
    assert part.dtype == np.float32 and np.isfinite(part).all()
  for part in heard[1:]:
    assert part.min() >= 0 and part.max() <= 1


@pytest.mark.parametrize('factor', [0.003, 0.1, 3.0])
def test_loud_and_quiet_recordings_sound_alike(recording, heard, factor):
  other = speech.listen(recording * factor, lips.load().reference)
  # The gain is exact up to float32 in spectra of 80 dB range.
  np.testing.assert_allclose(other.bands, heard.bands, atol=2e-3)
  np.testing.assert_allclose(other.activity, heard.activity, atol=2e-3)


@pytest.mark.parametrize('length', [0, 1, 199, 640, 1600])
def test_silence_of_any_length_is_inactive(length):
  sound = speech.listen(np.zeros(length, np.float32))
  assert len(sound.bands) == 1 + length // 200
  assert not sound.activity.any() and not sound.stress.any()


@pytest.mark.parametrize('level', [1e-5, 1e-3, 0.1])
@pytest.mark.parametrize('seconds', [0.04, 0.3, 5.0])
def test_hiss_is_no_speech(seconds, level):
  assert not speech.listen(_noise(seconds, level)).activity.any()


@pytest.mark.parametrize('seconds', [0.1, 1.0])
def test_a_held_vowel_is_speech(seconds):
  assert (speech.listen(_vowel(seconds)).activity == 1).all()


@pytest.mark.parametrize('hiss', [0.0, 0.001, 0.005])
def test_pauses_are_inactive_whatever_hisses_in_them(recording, hiss):
  # One second of pause between two halves, speech at 0.05.
  middle = 63000  # just before 'how much'
  pause = np.zeros(16000, np.float32)
  wave = np.concatenate([recording[:middle], pause, recording[middle:]])
  wave = wave + _noise(len(wave) / 16000, hiss)[: len(wave)]
  activity = speech.listen(wave).activity
  start = middle // 200
  assert not activity[start + 20 : start + 60].any()
  assert activity[60:start].mean() > 0.9
  assert activity[start + 100 : start + 300].mean() > 0.9


def test_speech_opens_before_and_closes_after_the_sound(recording):
  silence = np.zeros(16000, np.float32)
  word = recording[12000:22000]  # 'john dash'
  activity = speech.listen(np.concatenate([silence, word, silence])).activity
  active = np.flatnonzero(activity > 0.5)
  assert 80 - 14 <= active[0] <= 80 + 8
  end = (16000 + 10000) // 200
  assert end - 8 <= active[-1] <= end + 14


def test_stress_marks_few_syllables(heard):
  assert 0.2 < heard.stress.max() <= 1
  assert heard.stress.mean() < 0.3
  # Smooth enough to move a head with.
  assert np.abs(np.diff(heard.stress, 2)).max() < 0.01


def test_values_are_read_in_the_middles_of_frames():
  ramp = np.arange(81, dtype=np.float32)[:, None]  # mel frame j at j / 80 s
  read = speech.at_frames(ramp, 25, 25.0)
  np.testing.assert_allclose(read[:, 0], 3.2 * np.arange(25) + 1.6, atol=1e-4)
  assert speech.at_frames(ramp, 0).shape == (0, 1)
  # Beyond the sound its last value holds.
  assert speech.at_frames(ramp, 40)[-1, 0] == 80


def test_long_sound_in_pieces_is_the_same(recording, heard, monkeypatch):
  monkeypatch.setattr(spectrum, 'PIECE', 200)
  found = speech.listen(recording, lips.load().reference)
  assert len(list(spectrum.Spectrum(recording, 1.0))) == 3
  for part, whole in zip(found, heard, strict=True):
    np.testing.assert_allclose(part, whole, atol=2e-5)


def test_stereo_is_refused():
  with pytest.raises(ValueError, match='shape'):
    speech.listen(np.zeros((2, 100), np.float32))
