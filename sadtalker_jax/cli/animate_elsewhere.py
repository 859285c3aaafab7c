"""Manifests whose files lie in object stores, or that many machines share."""

import argparse
import pathlib
import shlex
import shutil
import tempfile
import time
from typing import TYPE_CHECKING

from sadtalker_jax import errors
from sadtalker_jax.cli import command

if TYPE_CHECKING:
  from sadtalker_jax.inference import options as options_lib
  from sadtalker_jax.inference.batch import jobs as jobs_lib


def run(flags: argparse.Namespace, options: 'options_lib.Options') -> int:
  """Makes the videos of a manifest; 1 if any failed.

  Args:
    flags: Flags of the command line.
    options: Options of lines that do not have them.
  """
  from sadtalker_jax.inference.batch import elsewhere
  from sadtalker_jax.inference.batch import jobs as jobs_lib
  from sadtalker_jax.stores import fetching

  if flags.runner is not None:  # before any work: perhaps it is not installed
    from sadtalker_jax.inference.batch import beam
  started = time.monotonic()
  groups = elsewhere.read(flags.manifest, options)
  processes, process = flags.num_processes or 1, flags.process_id or 0
  groups = groups[process::processes]
  summary = flags.summary or f'{flags.manifest}.summary.json'
  if processes > 1:
    summary = f'{summary}.{process}-of-{processes}.json'
  _check_summary(flags.manifest, summary)
  notes = f'{summary}.notes'
  work = elsewhere.Work(
    flags.bundle,
    flags.dtype,
    options,
    flags.batch_size,
    flags.overwrite,
    notes if fetching.is_remote(notes) else str(pathlib.Path(notes).absolute()),
  )
  if flags.runner is None:
    maker = elsewhere.Maker(work)
    for group in groups:
      maker.make(group)
  else:
    more = shlex.split(flags.beam_flags or '')
    beam.run(groups, work, [f'--runner={flags.runner}', *more])
  results = list(elsewhere.results_of(groups, work.notes))
  for result in results:
    command.say(str(result))
  total = jobs_lib.BatchSummary(
    results, time.monotonic() - started, process, processes
  )
  _write(total, summary, work.notes)
  command.say(f'{summary}: {total}')
  return 1 if total.count('failed') else 0


def _check_summary(manifest: str, summary: str) -> None:
  """Refuses a summary that cannot be written, before any work."""
  from sadtalker_jax.media import files
  from sadtalker_jax.stores import fetching

  is_local = not fetching.is_remote(summary)
  if is_local:
    files.check_target(summary, overwrite=True)
  if summary == manifest or (is_local and files.is_same(manifest, summary)):
    raise errors.InputError(
      f'--summary: expected another file than --manifest, found {summary}'
    )


def _write(total: 'jobs_lib.BatchSummary', summary: str, notes: str) -> None:
  """Writes the summary, and removes what it was made of."""
  from sadtalker_jax.stores import fetching, single_files

  if not fetching.is_remote(summary):
    total.write(summary)
    shutil.rmtree(notes, ignore_errors=True)
    return
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'summary.json')
    total.write(path)
    single_files.put(path, summary)
  with fetching.reachable(notes):
    store, path_of_notes = fetching.system(notes)
    store.rm(path_of_notes, recursive=True)
