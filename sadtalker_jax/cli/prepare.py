"""Makes records that training reads from a folder of videos.

    python -m sadtalker_jax.cli.prepare --input videos/ --output records/
    python -m sadtalker_jax.cli.prepare --synthesise 20 --output records/
    python -m sadtalker_jax.cli.prepare --inspect records/
    python -m sadtalker_jax.cli.prepare --verify records/

A run that was killed goes on where it was when the same command is given
again. Everything is described in docs/guides/data.md.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent import futures
import functools
import importlib
import multiprocessing
import os
import pathlib
import shlex
import sys
import types
from typing import Any

from absl import logging
import tqdm

from sadtalker_jax import compile_cache, errors
from sadtalker_jax.cli import prepare_flags
from sadtalker_jax.preparation import experts
from sadtalker_jax.preparation.input import video_files
from sadtalker_jax.preparation.inspection import page as page_lib
from sadtalker_jax.preparation.inspection import verification
from sadtalker_jax.preparation.run import (
  finish,
  output,
  runner,
  shard_files,
  splits,
)


def main(argv: list[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = prepare_flags.parser(__doc__).parse_args(argv)
  logging.set_verbosity(logging.WARNING)
  compile_cache.enable()  # for the workers, too
  try:
    return flags_to_work(flags)
  except errors.InputError as error:
    print(f'prepare: {error}', file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    print('prepare: stopped; the same command goes on', file=sys.stderr)
    return 130


def flags_to_work(flags: argparse.Namespace) -> int:
  """Does what the flags ask for."""
  if flags.verify is not None:
    return _verify(flags)
  if flags.inspect is not None:
    page, summary = page_lib.inspect(flags.inspect)
    print('\n'.join([*summary, str(page)]))
    return 0
  if flags.output is None:
    raise errors.InputError('--output: expected a folder, found none')
  if flags.synthesise is not None:
    return _synthesise(flags)
  if flags.input is None:
    raise errors.InputError('--input: expected a folder or table, found none')
  found = video_files.find(flags.input, flags.annotations)
  options = prepare_flags.options(flags)
  fingerprint = experts.fingerprint(options.bundle)
  with output.OutputFolder(flags.output, options, fingerprint) as out:
    manifest = _prepare(found, out, flags)
  _report(manifest, flags.output)
  return 0


def _synthesise(flags: argparse.Namespace) -> int:
  """Makes records of clips that are drawn."""
  from sadtalker_jax.synthesis import (
    clips as clips_lib,  # loads the inference side
  )

  manifest = clips_lib.make(
    flags.synthesise,
    flags.seed,
    flags.output,
    prepare_flags.options(flags),
    keep_parts=flags.keep_parts,
    progress=lambda drawn, count: tqdm.tqdm(drawn, total=count, unit='clip'),
  )
  _report(manifest, flags.output)
  return 0


def _prepare(
  found: list[video_files.VideoSource],
  out: output.OutputFolder,
  flags: argparse.Namespace,
) -> dict[str, Any]:
  """The manifest of the records, made if they are not there."""
  keys = {source.key(out.digest): source for source in found}
  manifest = finish.finished(keys, out)
  if manifest is not None:
    return manifest
  todo = [
    runner.VideoTask(source, out.part(key))
    for key, source in keys.items()
    if not out.part(key).exists()
  ]
  write_shards: finish.WriteShards
  if flags.runner is None:
    _run(todo, len(keys), out, flags)
    write_shards = functools.partial(_write_shards, workers=flags.workers)
  else:
    pipeline = _beam()
    arguments = [f'--runner={flags.runner}', *shlex.split(flags.beam_flags)]
    pipeline.run(todo, out.options, arguments)
    write_shards = functools.partial(pipeline.write_shards, arguments=arguments)
  return finish.finish(
    list(keys), out, write_shards, keep_parts=flags.keep_parts
  )


def _write_shards(
  shards: Sequence[splits.Shard],
  folder: pathlib.Path,
  part_folder: pathlib.Path,
  workers: int,
) -> Iterator[shard_files.Written]:
  """Writes shards in processes of their own, if there are several."""
  if workers <= 1 or len(shards) == 1:
    yield from finish.in_process(shards, folder, part_folder)
    return
  write = functools.partial(
    shard_files.write, folder=folder, part_folder=part_folder
  )
  with _pool(workers) as pool:
    yield from pool.map(write, shards)


def _pool(workers: int) -> futures.ProcessPoolExecutor:
  context = multiprocessing.get_context('spawn')
  return futures.ProcessPoolExecutor(workers, context)


def _beam() -> types.ModuleType:
  """The module of the pipeline.

  Raises:
    InputError: Apache Beam is not installed.
  """
  try:
    return importlib.import_module('sadtalker_jax.preparation.run.beam')
  except ModuleNotFoundError as error:
    raise errors.InputError(
      "--runner: expected Apache Beam (pip install -e '.[beam]'), found none"
    ) from error


def _run(
  todo: list[runner.VideoTask],
  total: int,
  out: output.OutputFolder,
  flags: argparse.Namespace,
) -> None:
  """Prepares the videos that are not done, with a bar that knows the rest."""
  done = total - len(todo)
  clips = rejected = 0
  # Bytes tell more of the time that is left than the number of videos.
  sizes = {task: _size(task) for task in todo}
  with tqdm.tqdm(
    total=sum(sizes.values()), unit='B', unit_scale=True, disable=not todo
  ) as bar:
    bar.set_description(f'{done}/{total} videos')
    for item in runner.run(
      todo, out.options, workers=flags.workers, timeout_s=flags.timeout
    ):
      done += 1
      clips += len(item.summary.clips)
      rejected += len(item.summary.rejects)
      bar.update(sizes[item.task])
      bar.set_description(f'{done}/{total} videos')
      bar.set_postfix(clips=clips, rejected=rejected)


def _size(task: runner.VideoTask) -> int:
  try:
    return max(os.path.getsize(task.source.path), 1)
  except OSError:
    return 1


def _verify(flags: argparse.Namespace) -> int:
  """Checks all records; the last line says what was checked."""

  def check(
    shards: Sequence[verification.ShardId],
  ) -> Iterator[verification.Check]:
    if flags.workers <= 1 or len(shards) == 1:
      yield from verification.in_process(shards)
      return
    with _pool(flags.workers) as pool:
      yield from pool.map(verification.check_shard, shards)

  found = verification.verify(flags.verify, check)
  for fault in found.faults:
    print(fault)
  print(
    f'{flags.verify}: {found.clips} clips, {found.frames} frames and the files '
    f'beside them checked: {len(found.faults) or "no"} '
    f'fault{"s" * (len(found.faults) != 1)}'
  )
  return 1 if found.faults else 0


def _report(manifest: dict[str, Any], folder: pathlib.Path) -> None:
  splits = manifest['splits']
  clips = sum(split['clips'] for split in splits.values())
  hours = sum(split['hours'] for split in splits.values())
  print(
    f'{folder}: {clips} clips, {hours:.3f} hours, '
    f'{len(manifest["speakers"])} speakers from {manifest["videos"]} videos; '
    + ', '.join(f'{name} {s["clips"]}' for name, s in splits.items())
  )
  rejects = manifest['rejects']
  if rejects:
    shown = ', '.join(f'{reason} {n}' for reason, n in rejects.items())
    print(f'left out (rejects.tsv): {shown}')


if __name__ == '__main__':
  sys.exit(main())
