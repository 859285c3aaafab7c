"""Groups of jobs as an Apache Beam pipeline, for more than one machine.

Every worker has one animator and makes whole groups, whose frames share
batches. Files are at the same place for all workers: a network file system, or
an object store. Videos that are there are left alone, so a pipeline that failed
goes on when it is started again.

Needs the extra `beam`; nothing else imports it.
"""

from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.options import pipeline_options

from sadtalker_jax.inference.batch import elsewhere


class _Make(beam.DoFn):
  """One group; gives the number of its jobs."""

  def __init__(self, work: elsewhere.Work):
    self._work = work

  def setup(self) -> None:
    """Loads the networks, once a worker."""
    self._maker = elsewhere.Maker(self._work)

  def process(self, group: elsewhere.Group) -> Iterator[int]:
    """Makes the videos of a group."""
    yield len(self._maker.make(group))


def run(
  groups: Sequence[elsewhere.Group],
  work: elsewhere.Work,
  arguments: Sequence[str],
) -> None:
  """Makes all groups; returns when each has its note.

  Args:
    groups: Groups of a manifest.
    work: How they are made.
    arguments: Flags of Beam: --runner and those of the runner.
  """
  # Our modules are imported by workers, so nothing of main is pickled.
  flags = pipeline_options.PipelineOptions(
    list(arguments), save_main_session=False
  )
  with beam.Pipeline(options=flags) as pipeline:
    _ = (
      pipeline
      | 'Groups' >> beam.Create(list(groups))
      | 'Spread' >> beam.Reshuffle()
      | 'Make' >> beam.ParDo(_Make(work))
    )
