"""Which checkpoints of a run are kept, beside the newest.

A best metric is a name such as `eval/l1`, of which the lowest is best; with a
minus in front the highest is. Of several, with commas between, the first that
was measured counts.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
from typing import Any

from orbax.checkpoint import checkpoint_managers as policies

from sadtalker_jax import errors


def figure(metric: str, measured: Mapping[str, float]) -> float | None:
  """What a best metric comes to, the lower the better; None: not measured."""
  for name in metric.split(','):
    value = measured.get(name.removeprefix('-'))
    if value is not None:
      return -float(value) if name.startswith('-') else float(value)
  return None


def check(metric: str, names: Iterable[str]) -> None:
  """Raises where nothing of a best metric is measured.

  Args:
    metric: The best metric; empty: none is wanted.
    names: Names of what validation measures.

  Raises:
    InputError: None of its names is there.
  """
  there = sorted(names)
  if metric and figure(metric, dict.fromkeys(there, 0.0)) is None:
    raise errors.InputError(
      f'best_metric: expected one of {" ".join(there)} (with a minus in front '
      f'the highest is best), or nothing, found {metric!r}'
    )


@dataclasses.dataclass(frozen=True)
class Best(policies.PreservationPolicy):
  """Keeps the checkpoints with the lowest figures, also those of before.

  Attributes:
    figures: Figures by step.
    number: Number of checkpoints that are kept.
  """

  figures: Mapping[int, float]
  number: int

  def should_preserve(
    self, checkpoints: Sequence[Any], *, context: Any
  ) -> Sequence[bool]:
    """Whether each checkpoint is kept."""
    del context
    steps = [c.step for c in checkpoints if c.step in self.figures]
    best = sorted(steps, key=lambda s: (self.figures[s], s))[: self.number]
    return [c.step in best for c in checkpoints]
