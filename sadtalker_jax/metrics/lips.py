"""Similarity of the lip motion of two clips; no network needed.

Curves are openings of the mouth over the frames, [T], as in `face3d.measures`;
offsets have the sign of `metrics.sync`.
"""

import numpy as np

from sadtalker_jax.typing import Array

REACH = 15  # frames; the largest offset that is tried


def correlation(real: Array, generated: Array) -> float:
  """Correlation of two curves of how far the lips are open.

  Args:
    real: [T], such as `face3d.measures.lip_gap`, T at least 2.
    generated: [T], of the same frames.

  Returns:
    The correlation in [-1, 1]; 0 where one or both curves are constant.

  Raises:
    ValueError: shapes differ, or there are too few frames.
  """
  one, two = _curves(real, generated, 2)
  return _correlation(one, two)


def offset(
  real: Array, generated: Array, *, reach: int = REACH
) -> tuple[int, float]:
  """Number of frames by which generated lips move earlier than the real ones.

  The real lips are in step with the sound, so this is the offset between sound
  and lips of the generated clip: generated lips of frame t are most like the
  real ones of frame t + offset.

  Args:
    real: [T] openings, T above twice `reach`.
    generated: [T] openings.
    reach: largest offset that is tried.

  Returns:
    The offset in frames, the smallest of equally good ones, and the correlation
    at it; 0 and 0.0 where a curve is constant.

  Raises:
    ValueError: shapes differ, or there are too few frames.
  """
  one, two = _curves(real, generated, 2 * reach + 1)
  lags = sorted(range(-reach, reach + 1), key=abs)
  count = len(one)
  scores = []
  for lag in lags:
    start, stop = max(0, -lag), min(count, count - lag)
    scores.append(_correlation(one[start + lag : stop + lag], two[start:stop]))
  best = int(np.argmax(scores))
  if scores[best] <= 0:
    return 0, scores[0]
  return lags[best], scores[best]


def distance(real: Array, generated: Array, unit: Array | float = 1.0) -> float:
  """LMD: mean distance of lip landmarks, with each mouth centred first.

  Chen et al., Lip Movements Generation at a Glance, ECCV 2018.

  Args:
    real: [T, L, D] points of the lips.
    generated: the same shape.
    unit: length, or [T] lengths, that distances are divided by, such as the
      real face's eye distance.

  Returns:
    The distance in units; 0 for lips of the same shape.

  Raises:
    ValueError: shapes differ, there are no points, or a unit is not above 0.
  """
  one = np.asarray(real, np.float64)
  two = np.asarray(generated, np.float64)
  if one.ndim != 3 or one.shape != two.shape or not one.size:
    raise ValueError(
      'expected landmarks [T, L, D] twice, T > 0, found '
      f'{one.shape} and {two.shape}'
    )
  length = np.asarray(unit, np.float64)
  if length.shape not in ((), one.shape[:1]) or not (length > 0).all():
    raise ValueError(
      f'expected a unit above 0, or {len(one)} of them, found {unit}'
    )
  gap = (one - one.mean(1, keepdims=True)) - (two - two.mean(1, keepdims=True))
  return float((np.linalg.norm(gap, axis=-1).mean(1) / length).mean())


def _curves(
  real: Array, generated: Array, least: int
) -> tuple[np.ndarray, np.ndarray]:
  one = np.asarray(real, np.float64)
  two = np.asarray(generated, np.float64)
  if one.ndim != 1 or one.shape != two.shape or len(one) < least:
    raise ValueError(
      f'expected curves [T] twice, T at least {least}, found '
      f'{one.shape} and {two.shape}'
    )
  return one, two


def _correlation(one: np.ndarray, two: np.ndarray) -> float:
  a, b = one - one.mean(), two - two.mean()
  size = np.linalg.norm(a) * np.linalg.norm(b)
  # After subtraction of the mean a constant curve has some rounding errors.
  still = 1e-12 * len(one) * np.abs(one).max() * np.abs(two).max()
  return float(np.clip(a @ b / size, -1, 1)) if size > still else 0.0
