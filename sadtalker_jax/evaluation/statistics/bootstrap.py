"""Values with intervals, and systems against each other: bootstrap over clips.

A resample gives each clip a weight, the number of times it was drawn. Whole
clips are resampled, for their frames are not independent; and the same clips
for every system, so that differences are paired.
"""

import dataclasses
from typing import Any, Literal

import numpy as np

from sadtalker_jax.evaluation.measures import metric as metric_lib

RESAMPLES = 2000
_LEVEL = 95.0  # percent of the intervals


def weights(
  clips: int, resamples: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
  """How often each clip is drawn: [R, N] float64, rows sum to N."""
  rng = np.random.default_rng(seed)
  chances = np.full(clips, 1 / clips)
  return rng.multinomial(clips, chances, resamples).astype(np.float64)


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
  """A metric of a system.

  Attributes:
    value: Value over all clips; NaN if no clip has one.
    draws: [R] values of resamples.
    clips: Number of clips that have a value.
    frames: Number of frames of these clips.
  """

  value: float
  draws: np.ndarray
  clips: int
  frames: int

  @property
  def interval(self) -> tuple[float, float] | None:
    """The middle 95 % of the resamples; None for fewer than two clips."""
    if self.clips < 2:
      return None
    return interval(self.draws)


def interval(draws: np.ndarray) -> tuple[float, float] | None:
  """The middle 95 % of the resamples that have a value."""
  known = draws[np.isfinite(draws)]
  if not len(known):
    return None
  edge = (100 - _LEVEL) / 2
  low, high = np.percentile(known, [edge, 100 - edge])
  return float(low), float(high)


def mean(
  values: np.ndarray,
  lengths: np.ndarray,
  drawn: np.ndarray,
  *,
  per: Literal['clip', 'frame'],
) -> Estimate:
  """The mean over clips.

  Args:
    values: [N] values of the clips, NaN where undefined.
    lengths: [N] frames of the clips.
    drawn: [R, N] resamples, see `weights`.
    per: Whether long clips weigh more ('frame') or not ('clip').
  """
  known = np.isfinite(values)
  weighty = lengths if per == 'frame' else np.ones_like(lengths)
  shares = np.where(known, weighty, 0).astype(np.float64)
  sums = np.where(known, values, 0) * shares
  with np.errstate(invalid='ignore'):
    value = float(sums.sum() / shares.sum()) if known.any() else float('nan')
    draws = drawn @ sums / np.where(drawn @ shares > 0, drawn @ shares, np.nan)
  frames = int(lengths[known].sum())
  return Estimate(value, draws, int(known.sum()), frames)


def compare(
  metric: metric_lib.Metric, one: Estimate, two: Estimate, *, clips: int
) -> dict[str, Any]:
  """Whether two systems differ in a metric, by paired resamples.

  Args:
    metric: Metric of the estimates; for the goals 'real' and 'zero' these are
      of distances from the goal (`metric.badness`).
    one: Estimate of a system.
    two: Estimate of another system, by the same resamples.
    clips: Number of clips that both have a value for.

  Returns:
    Dict of `difference` one - two, its `ci`, `p` (two-sided, not corrected for
    the number of comparisons), and which is `better`: 'a', 'b', or None where
    the interval holds 0.
  """
  gap = one.value - two.value
  draws = one.draws - two.draws
  draws = draws[np.isfinite(draws)]
  limits = interval(draws) if clips >= 2 else None
  p, better = 1.0, None
  if limits is not None:
    tails = min((draws <= 0).sum(), (draws >= 0).sum())
    p = min(1.0, 2 * (float(tails) + 1) / (len(draws) + 1))
    if not limits[0] <= 0 <= limits[1]:
      higher = metric.goal == 'higher'
      better = 'a' if (gap > 0) == higher else 'b'
  return {
    'difference': gap,
    'ci': limits,
    'p': p if limits is not None else None,
    'better': better,
    'n': clips,
  }


def two_sided(
  metric: metric_lib.Metric,
  values: tuple[np.ndarray, np.ndarray],
  real: np.ndarray | None,
  lengths: np.ndarray,
  drawn: np.ndarray,
) -> tuple[Estimate, Estimate, int]:
  """Estimates of two systems over the clips that both have a value for.

  Args:
    metric: Metric of the values.
    values: [N] values of each system.
    real: [N] values of the real clips, if they have any.
    lengths: [N] frames of the clips.
    drawn: [R, N] resamples, see `weights`.

  Returns:
    Both estimates, and the number of clips that they are of.
  """
  if metric.goal in ('real', 'zero'):
    one, two = (metric_lib.badness(metric.goal, v, real) for v in values)
  else:
    one, two = values
  known = np.isfinite(one) & np.isfinite(two)
  estimates = [
    mean(np.where(known, v, np.nan), lengths, drawn, per=metric.per)
    for v in (one, two)
  ]
  return estimates[0], estimates[1], int(known.sum())
