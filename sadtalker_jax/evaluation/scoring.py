"""From pairs of videos to a report in a folder."""

from collections.abc import Callable, Sequence
import dataclasses
import pathlib
import tempfile
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.evaluation import pairing, runner
from sadtalker_jax.evaluation import protocol as protocol_lib
from sadtalker_jax.evaluation.measures import experts
from sadtalker_jax.evaluation.report import content as content_lib
from sadtalker_jax.evaluation.report import output
from sadtalker_jax.evaluation.statistics import bootstrap

_MOST_RESAMPLES = 100_000  # by clips, in memory


@dataclasses.dataclass(frozen=True)
class ScoringOptions:
  """Choices of a report.

  Attributes:
    metrics: Names of the metrics to compute; all if empty.
    players: Whether films of the crops are written.
    resamples: Number of resamples of the bootstrap.
    seed: Random seed for the bootstrap.

  Raises:
    InputError: A metric is unknown, or a number is out of its range.
  """

  metrics: Sequence[str] = ()
  players: bool = True
  resamples: int = bootstrap.RESAMPLES
  seed: int = 0

  def __post_init__(self) -> None:
    """Checks every value."""
    if not 1 <= self.resamples <= _MOST_RESAMPLES or self.seed < 0:
      raise errors.InputError(
        f'expected resamples from 1 to {_MOST_RESAMPLES} and a seed from 0, '
        f'found {self.resamples} and {self.seed}'
      )
    runner.active(self.metrics)


def score(
  pairs: Sequence[pairing.VideoPair],
  systems: Sequence[str],
  protocol: protocol_lib.Protocol,
  networks: experts.MetricNetworks,
  folder: pathlib.Path,
  options: ScoringOptions,
  *,
  overwrite: bool = False,
  left_out: Sequence[pairing.LeftOut] = (),
  report: Callable[[str, str], None] | None = None,
) -> dict[str, Any]:
  """Measures pairs and writes the report.

  Args:
    pairs: Clips.
    systems: Names of the systems whose videos the clips have.
    protocol: Rules of the test.
    networks: Expert networks.
    folder: Folder of the report; it appears when everything is in it.
    options: Choices of the report.
    overwrite: Whether an earlier report may be replaced.
    left_out: Clips that were left out before.
    report: Function called with a clip's name and what became of it.

  Returns:
    The content of `metrics.json`.

  Raises:
    InputError: The folder holds other things, or cannot be made.
  """
  with output.replacing(folder, overwrite=overwrite) as place:
    with tempfile.TemporaryDirectory(dir=place.parent) as work:
      outcome = runner.run(
        pairs,
        systems,
        protocol,
        networks,
        pathlib.Path(work),
        only=options.metrics,
        players=options.players,
        report=report,
      )
      outcome.left_out[:0] = left_out
      content = content_lib.build(
        outcome,
        protocol,
        networks,
        only=options.metrics,
        resamples=options.resamples,
        seed=options.seed,
      )
      content = {**content, 'bundle': networks.bundle}
      output.fill(place, outcome, content)
  return content
