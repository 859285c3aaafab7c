"""The same work as an Apache Beam pipeline, for more than one machine.

Videos are a collection; every worker loads the networks once and runs the
function of the local pool (`video_job.prepare`). Parts go to the output folder,
so it and the videos must be at the same path on all workers (a network file
system, or a bucket that is mounted). Videos whose parts are there are left
alone, so a pipeline that failed continues when it is started again. Writing the
shards is a second pipeline, one element a shard.

Beam tries an element that crashes its worker again and then fails the pipeline;
the local pool records the crash and continues. Start the local pool on the same
output to get past such a video.

Needs the extra `beam`; nothing else imports it.
"""

from collections.abc import Iterator, Sequence
import pathlib

import apache_beam as beam
from apache_beam.options import pipeline_options

from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.preparation.run import runner, shard_files, splits


class _Prepare(beam.DoFn):
  """One video to its part; gives the number of its clips and rejects."""

  def __init__(self, options: options_lib.PreparationOptions):
    self._options = options

  def setup(self) -> None:
    """Loads the networks, once a worker."""
    from sadtalker_jax.preparation import experts

    self._experts = experts.load(self._options)

  def process(self, task: runner.VideoTask) -> Iterator[tuple[int, int]]:
    """Prepares a video unless its part is there."""
    from sadtalker_jax.preparation import parts
    from sadtalker_jax.preparation.run import video_job

    if task.target.exists():
      summary = parts.read_summary(task.target)
    else:
      summary = video_job.prepare(
        task.source, self._options, self._experts, task.target
      )
    yield len(summary.clips), len(summary.rejects)


def run(
  tasks: Sequence[runner.VideoTask],
  options: options_lib.PreparationOptions,
  arguments: Sequence[str],
) -> None:
  """Prepares videos; returns when all parts are there.

  Args:
    tasks: Videos.
    options: Options of the preparation.
    arguments: Flags of Beam: --runner and those of the runner.
  """
  if not tasks:
    return
  with beam.Pipeline(options=_flags(arguments)) as pipeline:
    _ = (
      pipeline
      | 'Videos' >> beam.Create(list(tasks))
      | 'Spread' >> beam.Reshuffle()
      | 'Prepare' >> beam.ParDo(_Prepare(options))
    )


def write_shards(
  shards: Sequence[splits.Shard],
  folder: pathlib.Path,
  part_folder: pathlib.Path,
  arguments: Sequence[str],
) -> Iterator[shard_files.Written]:
  """Writes all shards, one element each; `finish.WriteShards` with flags.

  Facts of the shards are handed over in small files beside them, since a
  pipeline returns nothing to the program that started it.

  Args:
    shards: Shards to write.
    folder: Folder of the records.
    part_folder: Folder of the parts.
    arguments: Flags of Beam: --runner and those of the runner.
  """
  with beam.Pipeline(options=_flags(arguments)) as pipeline:
    _ = (
      pipeline
      | 'Shards' >> beam.Create(list(shards))
      | 'Spread' >> beam.Reshuffle()
      | 'Write'
      >> beam.Map(shard_files.write_and_note, str(folder), str(part_folder))
    )
  for shard in shards:
    yield shard_files.read_note(shard, folder)


def _flags(arguments: Sequence[str]) -> pipeline_options.PipelineOptions:
  # Our modules are imported by workers, so nothing of main is pickled.
  return pipeline_options.PipelineOptions(
    list(arguments), save_main_session=False
  )
