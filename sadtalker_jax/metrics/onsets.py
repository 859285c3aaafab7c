"""Strength of the onsets of sound, one number per video frame.

The features of Bailando's beats, adapted as in method 9.6 and computed as in
librosa 0.11: the percussive part of the sound (Fitzgerald, 2010: medians along
time and frequency), its power in 128 mel bands in decibels, and the median over
the bands of their increases. Sound is 16 kHz; steps are 640 samples, one frame
at 25 a second. float32, as in librosa.
"""

import functools

import numpy as np
from scipy import fft, ndimage

HOP = 640  # samples of a video frame
_RATE, _FFT, _INNER_HOP = 16000, 2048, 512
_MEDIAN = 31  # length of the medians, in steps and in bins
_BANDS = 128
_LEAST, _RANGE = 1e-10, 80.0  # least power; decibels below the largest


def strength(wave: np.ndarray) -> np.ndarray:
  """Strength of onsets.

  Args:
    wave: [L] at 16 kHz, int16 or floats in [-1, 1], L > 0.

  Returns:
    [1 + L // 640] float32, at least 0.

  Raises:
    ValueError: `wave` has another shape or is empty.
  """
  wave = np.asarray(wave)
  if wave.ndim != 1 or not len(wave):
    raise ValueError(f'expected sound [L] with L > 0, found {wave.shape}')
  scale = 32768 if wave.dtype == np.int16 else 1
  sharp = percussive(wave.astype(np.float32) / np.float32(scale))
  power = np.square(np.abs(_spectrum(sharp, HOP)))  # [1025, T]
  bands = np.maximum(_filters() @ power, _LEAST)  # [128, T]
  decibels = 10 * np.log10(bands)
  decibels = np.maximum(decibels, decibels.max() - _RANGE)
  rise = np.median(np.maximum(np.diff(decibels, axis=1), 0), axis=0)
  # One step for the difference, one for half of the window.
  lag = 1 + _FFT // (2 * HOP)
  return np.pad(rise, (lag, 0))[: bands.shape[1]].astype(np.float32)


def percussive(wave: np.ndarray) -> np.ndarray:
  """The percussive part of sound [L]: [L] float32."""
  spectrum = _spectrum(wave, _INNER_HOP)  # [1025, M]
  size = np.abs(spectrum)
  held = ndimage.median_filter(size, (1, _MEDIAN), mode='reflect')
  struck = ndimage.median_filter(size, (_MEDIAN, 1), mode='reflect')
  larger = np.maximum(held, struck)
  silent = larger < np.finfo(np.float32).tiny
  larger[silent] = 1
  held, struck = np.square(held / larger), np.square(struck / larger)
  total = np.where(silent, 1, held + struck)
  share = np.where(silent, np.float32(0.5), struck / total)
  return _sound(spectrum * share, len(wave))


def _spectrum(wave: np.ndarray, hop: int) -> np.ndarray:
  """Spectra [1025, M] of windows centred on every `hop`-th sample."""
  padded = np.pad(wave, _FFT // 2)
  frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::hop]
  return fft.rfft(frames * _hann(), axis=1).T


def _sound(spectrum: np.ndarray, length: int) -> np.ndarray:
  """The sound [length] of spectra [1025, M] that are `_INNER_HOP` apart."""
  window = _hann()
  frames = fft.irfft(spectrum.T, _FFT, axis=1) * window
  total = np.zeros(_FFT + _INNER_HOP * (len(frames) - 1), np.float32)
  weight = np.zeros_like(total)
  for i, frame in enumerate(frames):
    place = slice(i * _INNER_HOP, i * _INNER_HOP + _FFT)
    total[place] += frame
    weight[place] += window**2
  heard = weight > np.finfo(np.float32).tiny
  total[heard] /= weight[heard]
  middle = total[_FFT // 2 :][:length]
  return np.pad(middle, (0, length - len(middle)))


@functools.cache
def _hann() -> np.ndarray:
  turns = np.arange(_FFT) / _FFT
  return (0.5 - 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)


@functools.cache
def _filters() -> np.ndarray:
  """Mel filters [128, 1025] of unit area on Slaney's scale, up to 8 kHz."""
  log_step = np.log(6.4) / 27
  top = 15 + np.log(_RATE / 2 / 1000) / log_step
  mels = np.linspace(0, top, _BANDS + 2)
  hertz = np.where(
    mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * log_step)
  )
  bins = np.arange(_FFT // 2 + 1) * (_RATE / _FFT)
  low, peak, high = hertz[:-2, None], hertz[1:-1, None], hertz[2:, None]
  sides = (bins - low) / (peak - low), (high - bins) / (high - peak)
  triangles = np.maximum(0, np.minimum(*sides))
  return (triangles * 2 / (high - low)).astype(np.float32)
