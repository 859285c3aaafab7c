"""What a voice tells head, brows and lids: pitch accents, phrase ends, energy.

Pitch is measured by autocorrelation on pieces of 40 ms, 80 per second, as the
mel frames of `baseline.speech`: piece j is centred at 200 j samples. An accent
is a stressed syllable whose pitch rises above the course of the phrase. A
phrase ends where the voice pauses.

Letters: L samples, M pieces, A accents, P phrases. Times are in seconds.
"""

import bisect
from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference.motion.baseline import speech
from sadtalker_jax.ops import filters, waves

RATE = speech.MELS_PER_SECOND

_HOP = conventions.SAMPLE_RATE // RATE
_SIZE = 640  # samples of a piece, 40 ms
_LAGS = (40, 230)  # samples: 400 to 70 Hz
_VOICED = 0.55  # least periodicity of a voiced piece
_BLOCK = 512  # pieces at a time; bounds memory on long sound
_COURSE = 48.0  # pieces, 0.6 s: the course of a phrase
_APART = 0.32  # seconds between accents
_PAUSE = 0.16  # seconds of silence that end a phrase
_SPOKEN = 0.5  # activity from which on a piece is speech
# Semitones of deviation of an ordinary speaker's pitch, the median of 30 voices
# (0.9 to 4.4).
_ORDINARY = 2.0
_MONOTONE, _EXCITED = 0.6, 1.6  # least and most energy


class Prosody(NamedTuple):
  """Cues of a recording, at absolute times."""

  accents: np.ndarray  # [A] seconds, ascending
  strengths: np.ndarray  # [A] 0 to 1
  phrase_ends: np.ndarray  # [P] seconds, ascending
  energy: float  # 1 for an ordinary speaker, 0.6 monotone, 1.6 excited


def listen(wave: waves.Wave, sound: speech.Sound) -> Prosody:
  """The cues of a recording; none in sound without speech.

  Args:
    wave: [L] sound at 16 kHz.
    sound: What `speech.listen` measured of it.
  """
  activity = np.asarray(sound.activity, np.float64)
  spoken = activity > _SPOKEN
  if not spoken.any():
    none = np.zeros(0)
    return Prosody(none, none, none, 1.0)
  height, voiced = pitch(wave)
  voiced = voiced[: len(activity)] & spoken[: len(voiced)]
  height = height[: len(voiced)]
  course = _mean(height, voiced, _COURSE)
  raised = np.where(voiced, np.clip(height - course, 0, 8), 0)
  raised = filters.gaussian(raised, 4.0)
  loud = np.asarray(sound.stress, np.float64)[: len(voiced)]
  times, strengths = _peaks(raised / 2.0 + loud / 2.0)
  return Prosody(
    times, strengths, _phrase_ends(spoken), _energy(height[voiced])
  )


def pitch(wave: waves.Wave) -> tuple[np.ndarray, np.ndarray]:
  """Pitch [M] in semitones above 100 Hz, and where there is one [M], bool.

  Args:
    wave: [L] sound at 16 kHz.
  """
  count = 1 + len(wave) // _HOP
  lag, periodicity = np.zeros(count), np.zeros(count)
  for first in range(0, count, _BLOCK):
    last = min(first + _BLOCK, count)
    start = first * _HOP - _SIZE // 2
    part = waves.between(wave, start, start + (last - first) * _HOP + _SIZE)
    sound = np.nan_to_num(part.astype(np.float64))
    places = np.arange(last - first)[:, None] * _HOP + np.arange(_SIZE)
    lag[first:last], periodicity[first:last] = _period(sound[places])
  height = 12 * np.log2(conventions.SAMPLE_RATE / lag / 100)
  voiced = periodicity > _VOICED
  # Octave errors stand out from the neighbourhood; they count as unvoiced.
  usual = _mean(height, voiced, 24.0)
  return height, voiced & (np.abs(height - usual) < 8)


def _period(pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Period [K] in samples and periodicity [K] of pieces [K, 640]."""
  pieces = pieces - pieces.mean(axis=1, keepdims=True)
  power = np.abs(np.fft.rfft(pieces, 2 * _SIZE)) ** 2
  power[:, 80:] = 0  # from 1 kHz on noise drowns the harmonics
  likeness = np.fft.irfft(power)[:, :_SIZE]
  total = np.maximum(likeness[:, :1], 1e-12)
  # Fewer products enter at longer lags; the shorter of two equal ones wins.
  likeness = likeness / (total * (1 - np.arange(_SIZE) / _SIZE))
  low, high = _LAGS
  weighted = likeness[:, low:high] - 0.0006 * np.arange(high - low)
  best = weighted.argmax(axis=1) + low
  rows = np.arange(len(pieces))
  before, here, after = (likeness[rows, best + k] for k in (-1, 0, 1))
  curve = np.minimum(before - 2 * here + after, -1e-6)
  shift = np.clip((before - after) / (2 * curve), -0.5, 0.5)
  return best + shift, here


def _mean(values: np.ndarray, known: np.ndarray, width: float) -> np.ndarray:
  """Values [M] smoothed over those that are known; 0 where none is near."""
  weight = filters.gaussian(known.astype(np.float64), width)
  total = filters.gaussian(np.where(known, values, 0.0), width)
  return np.where(weight > 1e-4, total / np.maximum(weight, 1e-4), 0.0)


def _peaks(curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Times and strengths of the peaks of a curve [M], the stronger first."""
  inner = (curve[1:-1] > curve[:-2]) & (curve[1:-1] >= curve[2:])
  places = np.flatnonzero(inner & (curve[1:-1] > 0.25)) + 1
  kept: list[int] = []
  for place in places[np.argsort(-curve[places], kind='stable')].tolist():
    at = bisect.bisect(kept, place)
    if all(
      abs(place - near) >= _APART * RATE
      for near in kept[max(at - 1, 0) : at + 1]
    ):
      kept.insert(at, place)
  chosen = np.array(kept, np.int64)
  return chosen / RATE, np.clip(curve[chosen] / 1.2, 0, 1)


def _phrase_ends(spoken: np.ndarray) -> np.ndarray:
  """Times at which pauses of at least `_PAUSE` begin."""
  edges = np.diff(spoken.astype(np.int8), append=0)
  ends = np.flatnonzero(edges == -1) + 1
  starts = np.append(np.flatnonzero(edges == 1) + 1, len(spoken) + RATE)
  following = starts[np.searchsorted(starts, ends)]
  return ends[following - ends >= _PAUSE * RATE] / RATE


def _energy(height: np.ndarray) -> float:
  """How lively a voice is, by the spread of its pitch [J], semitones.

  Octaves are folded: creaky voices are often taken for one lower or higher.
  """
  if len(height) < RATE // 4:
    return 1.0
  folded = (height - np.median(height) + 6) % 12 - 6
  spread = np.subtract(*np.percentile(folded, [80, 20])) / 1.683
  return float(np.clip((spread / _ORDINARY) ** 0.6, _MONOTONE, _EXCITED))
