"""What a metric is, to the rest of the evaluation.

A `Measure` computes one or more metrics from a clip, so that networks run once.
Most give a number per clip, and the metric is the mean over the clips (`per`
says whether long clips weigh more). Those of sets give features [T, D] per
clip instead, and the metric is the Fréchet distance of all of them (`spread`).
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Literal, TypeAlias

import numpy as np

from sadtalker_jax.evaluation import clips
from sadtalker_jax.evaluation.measures import experts

# What is good: the most, the least, what the real clip has, or nought.
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
    name: In `metrics.json`.
    title: In tables, short.
    goal: What is good.
    text: What it is, with its unit.
    per: What the mean goes over.
    digits: Behind the point, in tables.
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
    metrics: What it gives.
    needs: Networks of the zoo.
    numbers: Name -> number of a system's clip; NaN where undefined.
    features: Of a system's clip [T, D], instead of numbers.
    of_real: Whether the real clips have these numbers, too.
    view: What is seen of a clip.
    missing: Why it can never be computed here; '' if it can.
  """

  metrics: tuple[Metric, ...]
  needs: tuple[str, ...] = ()
  numbers: Numbers | None = None
  features: Features | None = None
  of_real: bool = False
  view: str = SHARED
  missing: str = ''

  def not_computed(self, networks: experts.MetricNetworks) -> str:
    """Why it is not computed; '' if it is."""
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
    goal: Of the metric.
    values: [N] of a system's clips.
    real: [N] of the real clips; where the goal is 'real'.
  """
  if goal == 'higher':
    return -values
  if goal == 'lower':
    return values
  if goal == 'real' and real is not None:
    return np.abs(values - real)
  return np.abs(values)
