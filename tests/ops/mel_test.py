"""The log-mel front-end against librosa, golden data and hand-made cases."""

import fractions
import math
import pathlib

import jax
import librosa
import numpy as np
import pytest

from sadtalker_jax.ops import mel

# A float32 FFT is off by about 1e-7 of the frame's loudest bin; the logarithm
# magnifies that in quiet bands. Measured maximum: 1.5e-5 on values of +-4.
TOLERANCE = 5e-5


@pytest.fixture(scope='module')
def golden(testdata: pathlib.Path) -> dict[str, np.ndarray]:
  with np.load(testdata / 'mel.npz') as file:
    return dict(file)


def noise(length: int, seed: int = 0) -> np.ndarray:
  """Noise whose loudness swells and fades, as speech does."""
  wave = np.random.default_rng(seed).standard_normal(length)
  swell = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / 8000)
  return (0.2 * wave * swell).astype(np.float32)


def librosa_mel(wave: np.ndarray, pad_mode: str) -> np.ndarray:
  """The spectrogram of method 2.2 by librosa, in float64."""
  wave = wave.astype(np.float64)
  sharp = np.append(wave[:1], wave[1:] - 0.97 * wave[:-1])
  spectrum = librosa.stft(
    sharp, n_fft=800, hop_length=200, win_length=800, pad_mode=pad_mode
  )
  basis = librosa.filters.mel(
    sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600
  )
  decibel = 20 * np.log10(np.maximum(1e-5, basis @ np.abs(spectrum))) - 20
  return np.clip(8 * (decibel + 100) / 100 - 4, -4, 4).T


def test_filterbank_equals_librosa():
  basis = librosa.filters.mel(
    sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600
  )
  # Both are float32; the largest weight is 0.03.
  np.testing.assert_allclose(mel.filterbank(), basis, atol=5e-9)


@pytest.mark.parametrize('pad', ['zeros', 'reflect'])
@pytest.mark.parametrize('length', [801, 1600, 16384, 16000 * 3 + 123])
def test_log_mel_equals_librosa(pad, length):
  wave = noise(length)
  want = librosa_mel(wave, 'constant' if pad == 'zeros' else pad)
  got = mel.log_mel(wave, pad)
  assert got.dtype == np.float32
  np.testing.assert_allclose(got, want, atol=TOLERANCE)


def test_log_mel_equals_the_golden_spectrogram(golden):
  got = mel.log_mel(golden['wave'])
  np.testing.assert_allclose(got, golden['mel'], atol=TOLERANCE)


def test_sound_of_many_blocks_equals_librosa_at_the_seams():
  wave = noise(200 * 2100)  # two blocks of 1024 mel frames and a rest
  got, want = np.asarray(mel.log_mel(wave)), librosa_mel(wave, 'constant')
  assert got.shape == (2101, 80)
  for seam in (1024, 2048, 2100):
    near = slice(seam - 5, seam + 5)
    np.testing.assert_allclose(got[near], want[near], atol=TOLERANCE)


def test_padding_changes_the_two_frames_at_each_end_only():
  wave = noise(16200)[4000:]
  zeros = np.asarray(mel.log_mel(wave, 'zeros'))
  reflect = np.asarray(mel.log_mel(wave, 'reflect'))
  differs = np.abs(zeros - reflect).max(axis=1) > 1e-3
  assert differs[[0, 1, -2, -1]].all()
  assert not differs[2:-2].any()


def test_jit_equals_no_jit():
  wave = noise(16000)
  jitted = jax.jit(lambda x: mel.frame_windows(mel.log_mel(x), 25))(wave)
  with jax.disable_jit():
    plain = mel.frame_windows(mel.log_mel(wave), 25)
  np.testing.assert_allclose(jitted, plain, atol=TOLERANCE)


@pytest.mark.parametrize('pad', ['zeros', 'reflect'])
def test_silence_is_minus_four(pad):
  got = np.asarray(mel.log_mel(np.zeros(16000, np.float32), pad))
  assert (got == mel.SILENCE).all()


@pytest.mark.parametrize('pad', ['zeros', 'reflect'])
@pytest.mark.parametrize('length', [1, 200, 399])
def test_very_short_sound_has_a_finite_spectrogram(pad, length):
  got = np.asarray(mel.log_mel(np.full(length, 0.5, np.float32), pad))
  assert got.shape == (1 + length // 200, 80)
  assert np.isfinite(got).all()


def test_loud_sound_stays_within_four():
  got = np.asarray(mel.log_mel(1e4 * noise(16000)))
  assert got.min() >= -4 and got.max() == 4


@pytest.mark.parametrize('shape', [(0,), (2, 100), ()])
def test_log_mel_refuses_what_is_not_a_wave(shape):
  with pytest.raises(ValueError, match='expected sound of shape'):
    mel.log_mel(np.zeros(shape, np.float32))


def test_log_mel_refuses_unknown_padding():
  with pytest.raises(ValueError, match="found 'edge'"):
    mel.log_mel(np.zeros(800, np.float32), 'edge')  # type: ignore[arg-type]


def test_windows_equal_the_golden_windows(golden):
  count = mel.num_frames(len(golden['wave']))
  assert count == golden['num_frames']
  got = np.asarray(mel.frame_windows(golden['mel'], count))
  assert got.shape == (57, 80, 16)
  np.testing.assert_array_equal(got[golden['frames']], golden['windows'])


def test_window_starts_at_25_fps_are_those_of_the_reference():
  index = np.arange(100_000)
  # trunc(3.2 (i - 2)) in whole numbers.
  want = np.sign(index - 2) * (np.abs(index - 2) * 16 // 5)
  np.testing.assert_array_equal(mel.window_starts(100_000), want)
  assert mel.window_starts(8).tolist() == [-6, -3, 0, 3, 6, 9, 12, 16]
  np.testing.assert_array_equal(
    want, np.trunc(80 * ((index - 2) / 25)).astype(np.int64)
  )


@pytest.mark.parametrize(
  'fps', [1, 10, 12.5, 24, fractions.Fraction(24000, 1001), 30, 50, 60]
)
def test_windows_are_centred_on_the_middle_of_the_frame(fps):
  starts = mel.window_starts(2000, fps)
  middle = 80 * (np.arange(2000) + 0.5) / float(fps)
  # Truncation towards zero moves the start by less than one mel frame.
  offset = starts + 8 - middle
  assert (np.abs(offset) < 1 + 1e-9).all()
  assert (offset[starts > 0] <= 1e-9).all()


def test_window_starts_at_ntsc_rate_are_exact():
  rate = fractions.Fraction(30000, 1001)
  want = [
    math.trunc(80 * (i + fractions.Fraction(1, 2)) / rate - 8)
    for i in range(0, 300_000, 997)
  ]
  assert mel.window_starts(300_000, rate)[::997].tolist() == want
  assert mel.window_starts(300_000, 30000 / 1001)[::997].tolist() == want


def test_windows_beyond_the_sound_repeat_its_edge():
  spectrogram = np.arange(5, dtype=np.float32)[:, None] * np.ones(80, 'f')
  got = np.asarray(mel.frame_windows(spectrogram, 9))
  assert got.shape == (9, 80, 16)
  assert got[0, 0].tolist() == [0] * 7 + [1, 2, 3] + [4] * 6
  assert (got[8] == 4).all()


@pytest.mark.parametrize(
  ('fps', 'samples', 'frames'),
  [
    (25, 639, 0),
    (25, 640, 1),
    (25, 16000 * 60, 1500),
    (25, 1600, 2),
    (30, 16000, 30),
    (30, 533, 0),
    (30, 534, 1),
    (fractions.Fraction(30000, 1001), 16000 * 1001, 30000),
  ],
)
def test_num_frames_counts_whole_frames(fps, samples, frames):
  assert mel.num_frames(samples, fps) == frames


@pytest.mark.parametrize('fps', [25, 24, 30, fractions.Fraction(30000, 1001)])
def test_num_samples_is_the_least_that_holds_the_frames(fps):
  for frames in (1, 2, 57, 1499):
    samples = mel.num_samples(frames, fps)
    assert mel.num_frames(samples, fps) == frames
    assert mel.num_frames(samples - 1, fps) == frames - 1
  assert mel.num_samples(57) == 57 * 640


@pytest.mark.parametrize('count', [0, -1])
def test_no_frame_is_an_error(count):
  with pytest.raises(ValueError, match='expected at least 1 frame'):
    mel.frame_windows(np.zeros((3, 80), np.float32), count)


def test_empty_spectrogram_is_an_error():
  with pytest.raises(ValueError, match='expected a spectrogram'):
    mel.frame_windows(np.zeros((0, 80), np.float32), 1)


@pytest.mark.parametrize('fps', [0, -25])
def test_frame_rate_must_be_above_zero(fps):
  with pytest.raises(ValueError, match='frame rate above 0'):
    mel.num_frames(16000, fps)
