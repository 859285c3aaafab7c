"""Which checkpoints of a run are kept, beside the newest."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from orbax.checkpoint import checkpoint_managers as policies


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
