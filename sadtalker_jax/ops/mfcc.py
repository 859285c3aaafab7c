"""Cepstral coefficients of speech, the input of SyncNet v2.

The defaults of the package python_speech_features (method 9.4):
pre-emphasis 0.97, windows of 25 ms every 10 ms without taper, 512-point power
spectrum, 26 triangular filters on the HTK mel scale up to 8 kHz, logarithm,
orthonormal DCT, 13 coefficients, lifter 22, the first replaced by the log of
the energy. Sound is int16, or float of that range, at 16 kHz. Host only.
"""

import functools

import numpy as np

from sadtalker_jax import conventions

STEP = 160  # samples between windows
NUM_COEFFICIENTS = 13

_WINDOW, _FFT, _FILTERS, _LIFTER = 400, 512, 26, 22


def mfcc(wave: np.ndarray) -> np.ndarray:
  """Cepstral coefficients of sound.

  Args:
    wave: [L] sound at 16 kHz, values up to 32768.

  Returns:
    [N, 13] float32, N = 1 + ceil((L - 400) / 160), at least 1; zeros follow the
    end of the sound.

  Raises:
    ValueError: `wave` is not one-dimensional, or is empty.
  """
  wave = np.asarray(wave, np.float64)
  if wave.ndim != 1 or not len(wave):
    raise ValueError(f'expected sound [L] with L > 0, found {wave.shape}')
  count = 1 + max(0, -(-(len(wave) - _WINDOW) // STEP))
  sharp = np.append(wave[0], wave[1:] - 0.97 * wave[:-1])
  missing = (count - 1) * STEP + _WINDOW - len(sharp)
  sharp = np.pad(sharp, (0, max(0, missing)))
  starts = np.arange(count) * STEP
  frames = sharp[starts[:, None] + np.arange(_WINDOW)]  # [N, 400]
  power = np.abs(np.fft.rfft(frames, _FFT)) ** 2 / _FFT  # [N, 257]
  tiny = np.finfo(np.float64).eps
  energy = np.maximum(power.sum(1), tiny)
  bands = np.log(np.maximum(power @ _filterbank().T, tiny))  # [N, 26]
  cepstrum = bands @ _dct().T  # [N, 13]
  order = np.arange(NUM_COEFFICIENTS)
  cepstrum *= 1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER)
  cepstrum[:, 0] = np.log(energy)
  return cepstrum.astype(np.float32)


@functools.cache
def _filterbank() -> np.ndarray:
  """Triangular filters [26, 257] whose corners are whole bins."""
  top = 2595 * np.log10(1 + conventions.SAMPLE_RATE / 2 / 700)
  hertz = 700 * (10 ** (np.linspace(0, top, _FILTERS + 2) / 2595) - 1)
  corners = np.floor((_FFT + 1) * hertz / conventions.SAMPLE_RATE)
  bins = np.arange(_FFT // 2 + 1)
  low, peak, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
  rising = np.where((bins >= low) & (bins < peak), bins - low, 0)
  falling = np.where((bins >= peak) & (bins < high), high - bins, 0)
  return rising / (peak - low) + falling / (high - peak)


@functools.cache
def _dct() -> np.ndarray:
  """The first 13 rows of the orthonormal DCT-II of 26 numbers."""
  order = np.arange(NUM_COEFFICIENTS)[:, None]
  matrix = np.cos(np.pi * order * (2 * np.arange(_FILTERS) + 1) / 2 / _FILTERS)
  matrix *= np.sqrt(2 / _FILTERS)
  matrix[0] /= np.sqrt(2)
  return matrix
