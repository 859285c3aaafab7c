"""What a metric is, to the rest of the evaluation.

A `Measure` computes one or more metrics from a clip, so that networks run once.
Most give a number per clip, and the metric is the mean over the clips (`per`
says whether long clips weigh more). Metrics of sets give features [T, D] per
clip instead, and the metric is the Fréchet distance of all of them (`spread`).
`registry.register` adds a measure to those of the evaluation.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Literal, TypeAlias

import numpy as np

from sadtalker_jax.evaluation import clips
from sadtalker_jax.evaluation.measures import experts

# The best value: the highest, the lowest, that of the real clip, or zero.
Goal: TypeAlias = Literal['higher', 'lower', 'real', 'zero']
SHARED = 'shared crop'

Numbers: TypeAlias = Callable[
  [clips.ScoredClip, str, experts.MetricNetworks], Mapping[str, float]
]
Features: TypeAlias = Callable[
  [clips.ScoredClip, str, experts.MetricNetworks], np.ndarray
]


@dataclasses.dataclass(frozen=True)
class Metric:
  """One number of the table.

  Attributes:
    name: Key in `metrics.json`.
    title: Short title, for tables.
    goal: Best value.
    text: Definition, with the unit.
    per: Whether the mean weighs clips alike, or by their frames.
    digits: Digits behind the point, in tables.
  """

  name: str
  title: str
  goal: Goal
  text: str
  per: Literal['clip', 'frame'] = 'clip'
  digits: int = 3


@dataclasses.dataclass(frozen=True)
class Measure:
  """Metrics that are computed together.

  Attributes:
    metrics: Metrics that are computed; one if they are of `features`.
    needs: Names of the networks of the zoo that are needed.
    numbers: Function of (clip, system, networks) that gives a number of the
      system's clip by metric; NaN where undefined.
    features: Function of the same that gives features [T, D], instead of
      `numbers`.
    of_real: Whether the real clips have these numbers, too.
    view: Description of what is seen of a clip.
    missing: Reason why it can never be computed here; '' if it can.
  """

  metrics: tuple[Metric, ...]
  needs: tuple[str, ...] = ()
  numbers: Numbers | None = None
  features: Features | None = None
  of_real: bool = False
  view: str = SHARED
  missing: str = ''

  @property
  def name(self) -> str:
    """Name of the measure in files and times: that of its first metric."""
    return next(iter(self.metrics)).name

  def not_computed(self, networks: experts.MetricNetworks) -> str:
    """The reason why it is not computed; '' if it is."""
    if self.missing:
      return self.missing
    lacking = [name for name in self.needs if not networks.has(name)]
    if not lacking:
      return ''
    return f'needs the weights of {", ".join(lacking)} (--bundle)'


def badness(
  goal: Goal, values: np.ndarray, real: np.ndarray | None
) -> np.ndarray:
  """How far from good numbers are; less is better.

  Args:
    goal: Goal of the metric.
    values: [N] numbers of a system's clips.
    real: [N] numbers of the real clips, needed where the goal is 'real'.
  """
  if goal == 'higher':
    return -values
  if goal == 'lower':
    return values
  if goal == 'real' and real is not None:
    return np.abs(values - real)
  return np.abs(values)
