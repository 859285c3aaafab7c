"""Many animations of one call: `sadtalker animate --manifest`."""

import argparse
from collections.abc import Callable
import pathlib
import time
from typing import TYPE_CHECKING

from sadtalker_jax import errors
from sadtalker_jax.cli import animate_elsewhere, command

if TYPE_CHECKING:
  from sadtalker_jax.inference import options as options_lib
  from sadtalker_jax.inference import pipeline


def run(
  flags: argparse.Namespace,
  options: 'options_lib.Options',
  animator: Callable[[], 'pipeline.Animator'],
) -> int:
  """Makes the videos of a manifest; 1 if any failed.

  Args:
    flags: Flags of the command line.
    options: Options of lines that do not have them.
    animator: Makes the animator, once the processes know of each other.
  """
  import jax

  from sadtalker_jax.inference.batch import elsewhere, manifest
  from sadtalker_jax.inference.batch import jobs as jobs_lib
  from sadtalker_jax.media import files

  if flags.runner is not None or elsewhere.is_elsewhere(flags.manifest):
    return animate_elsewhere.run(flags, options)
  started = time.monotonic()
  jobs = manifest.read(flags.manifest, options)
  if flags.coordinator_address or flags.num_processes:
    jax.distributed.initialize(
      flags.coordinator_address, flags.num_processes, flags.process_id
    )
  process, processes = jax.process_index(), jax.process_count()
  summary = pathlib.Path(flags.summary or f'{flags.manifest}.summary.json')
  if processes > 1:
    summary = summary.with_suffix(f'.{process}-of-{processes}.json')
  files.check_target(summary, overwrite=True)
  if files.is_same(flags.manifest, summary):
    raise errors.InputError(
      f'--summary: expected another file than --manifest, found {summary}'
    )

  results = jobs_lib.run_jobs(
    animator(),
    jobs[process::processes],
    batch_size=flags.batch_size,
    overwrite=flags.overwrite,
    report=lambda result: command.say(str(result)),
  )
  total = jobs_lib.BatchSummary(
    results, time.monotonic() - started, process, processes
  )
  total.write(summary)
  command.say(f'{summary}: {total}')
  return 1 if total.count('failed') else 0
