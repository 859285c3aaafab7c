"""How well the lips that weights produce follow measured ones."""

from collections.abc import Mapping, Sequence

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.baseline_fitting import recordings
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.baseline import speech

MAX_LAG = 3  # frames by which lips may be early or late in `correlation`


def produced(
  clip: recordings.TalkerClip, weights: lips_lib.LipWeights
) -> np.ndarray:
  """Opening [T] that the baseline makes for a clip's sound at its frames."""
  sound = speech.listen(clip.wave, weights.reference)
  lips = lips_lib.measure(sound, len(clip.lips), clip.fps, weights)
  return lips_lib.opening(lips_lib.units(lips, weights), weights)


def correlation(
  real: np.ndarray, made: np.ndarray, max_lag: int = MAX_LAG
) -> tuple[float, int]:
  """Highest Pearson r of two tracks [T] and its lag (real after made)."""
  lags = range(-max_lag, max_lag + 1)
  return max((lagged_correlation(real, made, lag), lag) for lag in lags)


def lagged_correlation(real: np.ndarray, made: np.ndarray, lag: int) -> float:
  """Pearson r of two tracks [T], one shifted; -1 where one does not move.

  Args:
    real: Measured track.
    made: Produced track.
    lag: Frames by which `real` comes after `made`.
  """
  a = real[max(lag, 0) : len(real) + min(lag, 0)]
  b = made[max(-lag, 0) : len(made) - max(lag, 0)]
  if a.std() == 0 or b.std() == 0:
    return -1.0
  return float(np.corrcoef(a, b)[0, 1])


def energy(clip: recordings.TalkerClip) -> np.ndarray:
  """Log energy [T] of the sound of each frame: what lips must beat."""
  edges = (
    np.arange(len(clip.lips) + 1) * conventions.SAMPLE_RATE / clip.fps
  ).astype(np.int64)
  power = np.concatenate([[0], np.cumsum(clip.wave.astype(np.float64) ** 2)])
  edges = np.minimum(edges, len(clip.wave))
  return np.log(np.diff(power[edges]) / np.maximum(np.diff(edges), 1) + 1e-8)


def report(
  clips: Sequence[recordings.TalkerClip],
  held_out: Mapping[str, lips_lib.LipWeights],
) -> str:
  """Table of correlations, each with the weights fitted without the talker.

  Args:
    clips: Clips with measured gaps.
    held_out: Weights fitted without a talker, by the talker's name.
  """
  lines = [f'{"clip":34s} r (lag)    energy    p95 real  made']
  of_talker: dict[str, list[float]] = {}
  for clip in clips:
    assert clip.gap is not None
    made = produced(clip, held_out[clip.talker])
    r, lag = correlation(clip.gap, made)
    trivial = correlation(clip.gap, energy(clip))[0]
    tops = np.percentile(clip.gap, 95), np.percentile(made, 95)
    lines.append(
      f'{clip.name:34s} {r:.3f} ({lag:+d})  {trivial:.3f}     '
      f'{tops[0]:.3f}     {tops[1]:.3f}'
    )
    of_talker.setdefault(clip.talker, []).append(r)
  means = [np.mean(v) for v in of_talker.values()]
  every = np.mean([r for v in of_talker.values() for r in v])
  lines.append(f'mean of clips {every:.3f}, of talkers {np.mean(means):.3f}')
  return '\n'.join(lines)
