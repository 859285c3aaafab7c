"""Measures of speech: loudness of bands, activity, stress; without weights.

Sound is mono float32 at 16 kHz in [-1, 1]. Everything is computed on the mel
frames of `ops.mel`, 80 per second, mel frame j centred at 200 j samples, and
interpolated for other times with `at_frames`; video frame i is sampled at its
middle, (i + 1/2) / fps seconds. Levels are in decibel.

Three steps make quiet, loud, dull and noisy recordings alike: the sound is
brought to one speech level; half of the recording's mean spectrum is replaced
by a reference spectrum; and sound near the recording's own noise floor is a
pause. Sound without any voice in it (hiss, digital silence, nothing) has
activity exactly 0 throughout.

Letters: L samples, M mel frames, B bands, N video frames.
"""

import functools
from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference.motion.baseline import spectrum as spectrum_lib
from sadtalker_jax.ops import filters, mel, waves

MELS_PER_SECOND = 80
# Bands of the features, Hz: narrow where the first two formants lie.
EDGES = (50, 200, 350, 500, 700, 900, 1200, 1600, 2200, 3000, 4500, 8000)
NUM_BANDS = len(EDGES) - 1

_HOP = 200
_BLOCK = 1 << 10  # pieces of 25 ms at a time; bounds memory on long sound
_LEVEL = 0.05  # root mean square that speech is brought to
_INAUDIBLE = 1e-4  # speech under this root mean square counts as silence
_POWER = 0.15  # loudness is amplitude to this power


class Sound(NamedTuple):
  """Measures of a recording, per mel frame."""

  bands: np.ndarray  # [M, B] compressed loudness of the bands, smoothed
  activity: np.ndarray  # [M] 0 in pauses, 1 in speech
  stress: np.ndarray  # [M] 0 to 1: louder than the surroundings


def listen(wave: waves.Wave, reference: np.ndarray | None = None) -> Sound:
  """Loudness of bands, speech activity and stress of a recording.

  Args:
    wave: [L] sound; L may be 0.
    reference: [80] mean spectrum of speech in decibel (part of the fitted
      weights) that the recording is equalised towards; None for no equalising.

  Returns:
    Measures of M = 1 + L // 200 mel frames.

  Raises:
    ValueError: `wave` is not one-dimensional.
  """
  wave = waves.checked(wave)
  gain = _gain(wave)
  if gain == 0:
    length = 1 + len(wave) // _HOP
    silence = np.zeros((length, NUM_BANDS), np.float32)
    return Sound(silence, silence[:, 0].copy(), silence[:, 0].copy())
  spectrum = spectrum_lib.Spectrum(wave, gain)
  loudness = _loudness(np.concatenate([_level(piece) for piece in spectrum]))
  activity = _activity(loudness, wave)
  colour = np.zeros(mel.NUM_MELS, np.float32)
  if reference is not None:
    colour = _colour(spectrum, activity, reference)
  bands = np.concatenate(
    [
      10 ** ((piece - colour + 100) * _POWER / 20) @ _band_means()
      for piece in spectrum
    ]
  )
  return Sound(
    filters.gaussian(bands.astype(np.float32), 2.0),
    activity,
    _stress(loudness, activity),
  )


def mean_spectrum(wave: waves.Wave) -> np.ndarray:
  """Mean spectrum [80] of a recording's speech, decibel; see `listen`."""
  wave = waves.checked(wave)
  decibel = np.concatenate(list(spectrum_lib.Spectrum(wave, _gain(wave))))
  active = _activity(_loudness(_level(decibel)), wave) > 0.5
  return decibel[active].mean(axis=0)


def at_times(values: np.ndarray, seconds: np.ndarray) -> np.ndarray:
  """Values [M, ...] of mel frames at times [K]: [K, ...], interpolated."""
  place = np.clip(seconds * MELS_PER_SECOND, 0, len(values) - 1)
  below = np.floor(place).astype(np.int64)
  above = np.minimum(below + 1, len(values) - 1)
  share = (place - below).astype(values.dtype)
  share = share.reshape(-1, *[1] * (values.ndim - 1))
  return values[below] * (1 - share) + values[above] * share


def at_frames(
  values: np.ndarray,
  num_frames: int,
  fps: float = 25.0,
  *,
  first: float = 0.0,
) -> np.ndarray:
  """Values [M, ...] of mel frames in the middles of video frames: [N, ...].

  Args:
    values: One for each mel frame, M of them.
    num_frames: N.
    fps: Video frames per second.
    first: Seconds in the sound at which the first video frame begins.
  """
  return at_times(values, first + (np.arange(num_frames) + 0.5) / fps)


def _gain(wave: waves.Wave) -> float:
  """Factor from the level of speech in `wave` to `_LEVEL`; 0 without speech."""
  length = 400  # 25 ms
  count = len(wave) // length
  if len(wave) == 0:
    return 0.0
  if count == 0:
    power = np.mean(np.square(wave[:], dtype=np.float64), keepdims=True)
  else:
    power = np.empty(count)
    for first in range(0, count, _BLOCK):
      last = min(first + _BLOCK, count)
      part = np.asarray(wave[first * length : last * length])
      blocks = part.reshape(-1, length)
      sums = np.einsum('ij,ij->i', blocks, blocks, dtype=np.float64)
      power[first:last] = sums / length
  # The loudest hundredth may be clicks; 25 dB under it is no speech.
  top = np.percentile(power, 99)
  level = np.sqrt(np.mean(power[power >= top * 10**-2.5]))
  return 0.0 if level < _INAUDIBLE else float(_LEVEL / level)


@functools.cache
def _band_means() -> np.ndarray:
  """Matrix [80, B] from mel bands to the bands of the features, means."""
  filterbank = mel.filterbank().astype(np.float64)
  hertz = np.linspace(0, conventions.SAMPLE_RATE / 2, filterbank.shape[1])
  centre = filterbank @ hertz / filterbank.sum(axis=1)
  inside = [
    (centre >= low) & (centre < high)
    for low, high in zip(EDGES[:-1], EDGES[1:], strict=True)
  ]
  share = np.stack(inside, axis=1).astype(np.float32)
  return share / share.sum(axis=0)


def _level(decibel: np.ndarray) -> np.ndarray:
  """Level [M] in decibel of the speech bands of a spectrum."""
  power = 10 ** (decibel[:, 3:70] / 10)  # about 150 to 5000 Hz
  return 10 * np.log10(power.mean(axis=1))


def _loudness(level: np.ndarray) -> np.ndarray:
  """The level [M] of `_level`, clicks of under 30 ms removed."""
  padded = np.pad(level, 2, mode='edge')
  windows = np.lib.stride_tricks.sliding_window_view(padded, 5)
  return filters.gaussian(np.median(windows, axis=1), 1.5)


def _activity(loudness: np.ndarray, wave: waves.Wave) -> np.ndarray:
  """Speech activity [M], 0 to 1.

  It is extended on both sides: mouths open some 0.1 s before the sound and
  close as long after it.
  """
  floor, peak = np.percentile(loudness, [5, 95])
  reach = peak - floor
  # Little contrast: noise alone, a voice drowned in it, or one sound held.
  if reach < 7 and np.mean(_voicing(wave) > 0.7) < 0.05:
    return np.zeros(len(loudness), np.float32)
  if reach < 3:
    heard = np.ones(len(loudness))
  else:
    threshold = peak - min(0.65 * reach, 27)
    heard = np.clip((loudness - threshold) / min(reach / 4, 6) + 0.5, 0, 1)
  padded = np.pad(heard, 9, mode='edge')
  held = np.lib.stride_tricks.sliding_window_view(padded, 19).max(axis=1)
  smooth = filters.gaussian(held, 2.5, truncate=3.0)
  smooth = np.clip(1.1 * smooth - 0.05, 0, 1)  # exact ends
  return (smooth * smooth * (3 - 2 * smooth)).astype(np.float32)


def _voicing(wave: waves.Wave) -> np.ndarray:
  """Periodicity of up to 400 pieces of 40 ms spread over the sound: [K].

  The highest autocorrelation at lags of 75 to 400 Hz, of the whole piece.
  """
  size = 640
  count = max(1, min(400, len(wave) // size))
  starts = np.linspace(0, max(0, len(wave) - size), count).astype(np.int64)
  pieces = np.stack(
    [waves.between(wave, start, start + size) for start in starts.tolist()]
  ).astype(np.float64)
  # Differences: rumbling noise is alike from one moment to the next, too.
  pieces = np.diff(pieces, axis=1, prepend=pieces[:, :1])
  power = np.abs(np.fft.rfft(pieces, 2 * size)) ** 2
  power[:, 80:] = 0  # from 1 kHz on noise drowns the harmonics
  correlation = np.fft.irfft(power)[:, :size]
  # Fewer products enter at longer lags.
  correlation *= size / (size - np.arange(size))
  total = np.maximum(correlation[:, :1], 1e-12)
  return (correlation[:, 40:214] / total).max(axis=1)


def _colour(
  spectrum: spectrum_lib.Spectrum, activity: np.ndarray, reference: np.ndarray
) -> np.ndarray:
  """Half of the recording's own colour, [80] decibel above the reference's.

  Less in short sound, whose mean is the colour of its few phones.
  """
  active = activity > 0.5
  count = active.sum()
  if count == 0:
    return np.zeros(mel.NUM_MELS, np.float32)
  total, first = 0.0, 0
  for piece in spectrum:
    inside = active[first : first + len(piece)]
    total = total + piece[inside].sum(axis=0)
    first += len(piece)
  share = 0.5 * min(1.0, count / MELS_PER_SECOND / 1.5)
  return (share * (total / count - reference)).astype(np.float32)


def _stress(loudness: np.ndarray, activity: np.ndarray) -> np.ndarray:
  """Prominence of syllables: [M], 0 to 1, smooth enough to move a head."""
  near = filters.gaussian(loudness, 8.0)
  around = filters.gaussian(loudness, 60.0, truncate=3.0)
  raised = np.clip((near - around) / 10, 0, 1) * activity
  return (filters.gaussian(raised, 6.0) * activity).astype(np.float32)
