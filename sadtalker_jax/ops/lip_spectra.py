"""Log-mel spectra that LipNet hears: fine in time, relative to loud speech.

Sound is mono float32 at 16 kHz. A spectrum row is [64] bands of 60 to 7600 Hz,
100 rows a second, row j centred at (j + 1/2) / 100 seconds; values are decibel
/ 10 over the level of the loud parts of a recording, from -7 to 3.

Numpy only: it is part of preparing data, too. Letters: L samples, T rows.
"""

from collections.abc import Iterator
import functools

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.ops import waves
from sadtalker_jax.typing import Array

NUM_BANDS = 64
ROWS_PER_SECOND = 100
LEAST = -7.0  # value of silence
HOP = conventions.SAMPLE_RATE // ROWS_PER_SECOND

_WINDOW = 400  # samples
_FFT = 512
_MOST = 3.0
_LOWEST, _HIGHEST = 60.0, 7600.0  # Hz
_QUIETEST = 1e-10  # power that is added
_BLOCK = 4096  # rows at a time; bounds memory on long sound


def decibels(wave: waves.Wave) -> np.ndarray:
  """Levels [T, 64] of the bands, T = L // 160, in decibel.

  Args:
    wave: [L] sound; beyond its ends there is silence.
  """
  wave = waves.checked(wave)
  rows = np.empty((len(wave) // HOP, NUM_BANDS), np.float32)
  first = 0
  for block in decibel_blocks(wave):
    rows[first : first + len(block)] = block
    first += len(block)
  return rows


def decibel_blocks(wave: waves.Wave) -> Iterator[np.ndarray]:
  """The rows of `decibels` in blocks [t, 64], so that memory is bounded."""
  count = len(wave) // HOP
  before = (_WINDOW - HOP) // 2
  window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
  for first in range(0, count, _BLOCK):
    last = min(first + _BLOCK, count)
    part = waves.between(
      wave, first * HOP - before, (last - 1) * HOP + _WINDOW - before
    )
    frames = np.lib.stride_tricks.sliding_window_view(part, _WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * window, _FFT)).astype(np.float32) ** 2
    yield 10 * np.log10(power @ filterbank() + _QUIETEST)


def levels(decibel: np.ndarray) -> np.ndarray:
  """Level [T] of all bands together, decibel, of [T, 64]."""
  return 10 * np.log10((10 ** (decibel / 10)).mean(1))


def loud_level(level: np.ndarray) -> float:
  """Level of the loud parts, decibel: the 95th percentile of `levels` [T]."""
  return float(np.percentile(level, 95)) if len(level) else 0.0


def relative(decibel: np.ndarray, loud: Array | float) -> np.ndarray:
  """Spectra [T, 64] for LipNet.

  Args:
    decibel: [T, 64].
    loud: Level of loud speech in decibel; a number, or one per row, [T].
  """
  over = np.asarray(loud, np.float32)[..., None]
  return np.clip((decibel - over) / 10, LEAST, _MOST).astype(np.float32)


def spectra(wave: waves.Wave) -> np.ndarray:
  """Spectra [T, 64] of a whole recording [L]."""
  rows = decibels(wave)
  return relative(rows, loud_level(levels(rows)))


@functools.cache
def filterbank() -> np.ndarray:
  """Triangles [257, 64], equally wide on the mel scale, each of sum 1."""
  low, high = (2595 * np.log10(1 + f / 700) for f in (_LOWEST, _HIGHEST))
  mels = np.linspace(low, high, NUM_BANDS + 2)
  corners = 700 * (10 ** (mels / 2595) - 1)
  hertz = np.linspace(0, conventions.SAMPLE_RATE / 2, _FFT // 2 + 1)
  left, centre, right = corners[:-2], corners[1:-1], corners[2:]
  rising = (hertz[:, None] - left) / (centre - left)
  falling = (right - hertz[:, None]) / (right - centre)
  bank = np.maximum(0, np.minimum(rising, falling))
  return (bank / np.maximum(bank.sum(0), 1e-6)).astype(np.float32)
