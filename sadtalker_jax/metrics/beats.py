"""Beats of sound, in video frames at 25 a second.

Ellis, Beat Tracking by Dynamic Programming, 2007, as librosa 0.11 computes it
(`librosa.beat.beat_track` with its default arguments) on `onsets.strength`.
librosa itself is not needed: the metric stays the same when librosa changes,
and nothing is compiled at the first call.
"""

import numpy as np
from scipy import fft

from sadtalker_jax.metrics import onsets

_PER_MINUTE = 1500  # frames a minute
_WINDOW = 200  # frames, 8 s: window in which the tempo is estimated
_USUAL, _FASTEST = 120.0, 320.0  # beats a minute
_TIGHTNESS = 100.0  # weight of keeping to the tempo


def music_beats(wave: np.ndarray) -> np.ndarray:
  """Beats of sound.

  Args:
    wave: [L] at 16 kHz, int16 or floats in [-1, 1], L > 0.

  Returns:
    [M] int64 frames, ascending; M is 0 in silence.

  Raises:
    ValueError: `wave` has another shape or is empty.
  """
  return track(onsets.strength(wave))


def track(strength: np.ndarray) -> np.ndarray:
  """Beats [M], int64 frames, from the strength of onsets [T]."""
  if len(strength) < 2 or not np.any(strength):
    return np.zeros(0, np.int64)
  period = tempo(strength)
  score = _local_score(np.asarray(strength, np.float64), period)
  links, total = _best_links(score, period)
  beats = [_last(total)]
  while links[beats[-1]] >= 0:
    beats.append(links[beats[-1]])
  return _trimmed(score, np.array(beats[::-1], np.int64))


def tempo(strength: np.ndarray) -> int:
  """Number of frames from beat to beat, by autocorrelation in windows of 8 s.

  Tempos nearer to 120 beats a minute, in octaves, have a higher prior.
  """
  padded = np.pad(strength, _WINDOW // 2, mode='linear_ramp')
  frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
  places = np.arange(_WINDOW) / _WINDOW
  frames = frames[: len(strength)] * (0.5 - 0.5 * np.cos(2 * np.pi * places))
  length = fft.next_fast_len(2 * _WINDOW - 1, real=True)
  power = np.square(np.abs(fft.rfft(frames, length, axis=1)))
  likeness = fft.irfft(power, length, axis=1)[:, :_WINDOW]
  largest = np.abs(likeness).max(1, keepdims=True)
  largest[largest < np.finfo(likeness.dtype).tiny] = 1
  mean = (likeness / largest).mean(0)
  lags = np.arange(1, _WINDOW)
  speeds = _PER_MINUTE / lags
  prior = -0.5 * np.log2(speeds / _USUAL) ** 2
  prior[speeds >= _FASTEST] = -np.inf
  return int(lags[np.argmax(np.log1p(1e6 * mean[1:]) + prior)])


def _local_score(strength: np.ndarray, period: int) -> np.ndarray:
  """Onsets [T] in units of their standard deviation, slightly smoothed."""
  deviation = strength.std(ddof=1) + np.finfo(np.float32).tiny
  places = np.arange(-period, period + 1)
  taps = np.exp(-0.5 * (places * 32.0 / period) ** 2)
  smooth = np.convolve(strength / deviation, taps)
  return smooth[period : period + len(strength)]


def _best_links(
  score: np.ndarray, period: int
) -> tuple[np.ndarray, np.ndarray]:
  """The best beat before each frame (-1: none), and the best score up to it."""
  links = np.full(len(score), -1)
  total = score.copy()
  # From the nearest to the farthest; of equal ones the nearest is taken.
  steps = np.arange(round(period / 2), 2 * period + 1)
  penalty = _TIGHTNESS * (np.log(steps) - np.log(period)) ** 2
  started = False
  for i, own in enumerate(score):
    reach = np.searchsorted(steps, i, side='right')
    best = -1
    if reach:
      sums = total[i - steps[:reach]] - penalty[:reach]
      chosen = int(np.argmax(sums))
      total[i] = own + sums[chosen]
      best = i - steps[chosen]
    started = started or own >= 0.01 * score.max()
    if started:
      links[i] = best
  return links, total


def _last(total: np.ndarray) -> int:
  """The last peak that is at least half as high as the median of peaks."""
  peak = np.zeros(len(total), bool)
  peak[1:-1] = (total[1:-1] > total[:-2]) & (total[1:-1] >= total[2:])
  peak[-1] = total[-1] > total[-2]
  if not peak.any():
    return len(total) - 1
  high = peak & (total >= 0.5 * np.median(total[peak]))
  return int(np.flatnonzero(high)[-1])


def _trimmed(score: np.ndarray, beats: np.ndarray) -> np.ndarray:
  """The beats between the first and the last strong frame."""
  # librosa's slice keeps two numbers beyond the last beat.
  smooth = np.convolve(score[beats], np.hanning(5))[2 : len(score) + 2]
  strong = np.flatnonzero(score > 0.5 * np.sqrt(np.square(smooth).mean()))
  if not len(strong):
    return beats[:0]
  return beats[(beats >= strong[0]) & (beats <= strong[-1])]
