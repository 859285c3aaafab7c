"""Windows of long sound: equal to those of the whole spectrogram."""

import numpy as np
import pytest

from sadtalker_jax.inference.motion.learned import sound_windows
from sadtalker_jax.ops import mel


def _noise(length: int) -> np.ndarray:
  # Loud in all bands: where it is silent, logarithms would magnify rounding.
  return np.random.default_rng(0).uniform(-0.5, 0.5, length).astype(np.float32)


@pytest.mark.parametrize('num_frames', [1, 2, 3, 21, 64, 65, 75])
def test_windows_equal_those_of_the_whole_sound(monkeypatch, num_frames):
  monkeypatch.setattr(sound_windows, 'PIECE', 40)
  wave = _noise(640 * num_frames)
  windows = sound_windows.SoundWindows(wave, num_frames)
  assert len(windows) == num_frames
  want = mel.frame_windows(mel.log_mel(wave), num_frames)
  got = windows[np.arange(num_frames)]
  np.testing.assert_allclose(got, want, atol=2e-5)
  np.testing.assert_array_equal(windows[np.array([0, 0])], got[[0, 0]])


@pytest.mark.parametrize('num_samples', [1, 199, 200, 401, 8000, 8199, 8200])
def test_any_length_ends_as_the_whole_sound_does(monkeypatch, num_samples):
  monkeypatch.setattr(sound_windows, 'PIECE', 40)
  wave = _noise(num_samples)
  np.testing.assert_allclose(
    sound_windows.spectrogram(wave), mel.log_mel(wave), atol=2e-5
  )


def test_all_pieces_have_one_length(monkeypatch):
  lengths = set()
  log_mel = mel.log_mel

  def counted(wave):
    lengths.add(len(wave))
    return log_mel(wave)

  monkeypatch.setattr(mel, 'log_mel', counted)
  for num_frames in (1, 33, 160, 161):
    sound_windows.SoundWindows(_noise(640 * num_frames), num_frames)
  assert len(lengths) == 1


def test_sound_is_cut_or_filled_with_silence():
  wave = _noise(6400)
  index = np.arange(10)
  exact = sound_windows.SoundWindows(wave, 10)[index]
  longer = np.concatenate([wave, wave])
  np.testing.assert_array_equal(
    sound_windows.SoundWindows(longer, 10)[index], exact
  )
  silent = sound_windows.SoundWindows(np.zeros(0, np.float32), 10)[index]
  np.testing.assert_array_equal(silent, np.full((10, 80, 16), mel.SILENCE))
  short = sound_windows.SoundWindows(wave[:3200], 10)[index]
  assert (short[8:] == mel.SILENCE).all() and (short[:3] > mel.SILENCE).any()


def test_impossible_sound_is_refused():
  with pytest.raises(ValueError, match=r'shape \[L\]'):
    sound_windows.SoundWindows(np.zeros((2, 640), np.float32), 1)
  with pytest.raises(ValueError, match='at least 1 frame'):
    sound_windows.SoundWindows(np.zeros(640, np.float32), 0)
