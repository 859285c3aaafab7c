"""Makes records that training reads from a folder of videos.

    python -m sadtalker_jax.cli.prepare --input videos/ --output records/
    python -m sadtalker_jax.cli.prepare --synthesise 20 --output records/
    python -m sadtalker_jax.cli.prepare --inspect records/
    python -m sadtalker_jax.cli.prepare --verify records/

A run that was killed continues when the same command is given again. Everything
is described in docs/guides/data.md.
"""

import argparse
from collections.abc import Sequence
import functools
import os
import pathlib
import shlex
import sys
from typing import TYPE_CHECKING, Any

from absl import logging

from sadtalker_jax import compile_cache, errors
from sadtalker_jax.cli import command, prepare_flags
from sadtalker_jax.preparation import options as options_lib

if TYPE_CHECKING:
  from sadtalker_jax.preparation.run import finish, records, runner


def parser() -> argparse.ArgumentParser:
  """The command line."""
  return prepare_flags.parser(__doc__)


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(
    lambda: _work(flags), 'prepare', stopped='stopped; the same command goes on'
  )


def _work(flags: argparse.Namespace) -> int:
  """Runs the part of the program that the flags choose."""
  logging.set_verbosity(logging.WARNING)
  compile_cache.enable()  # for the workers, too
  if flags.verify is not None:
    return _verify(flags)
  if flags.inspect is not None:
    return _inspect(flags)
  if flags.output is None:
    raise errors.InputError('--output: expected a folder, found none')
  if flags.speech is not None and flags.synthesise is None:
    raise errors.InputError('--speech: expected --synthesise beside it')
  manifest = _draw(flags) if flags.synthesise is not None else _prepare(flags)
  _report(manifest, flags.output)
  return 0


def _draw(flags: argparse.Namespace) -> dict[str, Any]:
  """Makes records of clips that are drawn; returns the manifest."""
  import tqdm

  from sadtalker_jax.synthesis import clips as clips_lib

  return clips_lib.make(
    flags.synthesise,
    flags.seed,
    flags.output,
    prepare_flags.options(flags),
    speech=flags.speech,
    keep_parts=flags.keep_parts,
    progress=lambda drawn, count: tqdm.tqdm(drawn, total=count, unit='clip'),
  )


def _prepare(flags: argparse.Namespace) -> dict[str, Any]:
  """Makes records of videos; returns the manifest."""
  from sadtalker_jax.preparation import experts
  from sadtalker_jax.preparation.input import video_files
  from sadtalker_jax.preparation.run import output, records

  if flags.input is None:
    raise errors.InputError('--input: expected a folder or table, found none')
  found = video_files.find(flags.input, flags.annotations)
  options = prepare_flags.options(flags)
  fingerprint = experts.fingerprint(options.bundle)
  work = (_here if flags.runner is None else _by_beam)(flags, options)
  with output.OutputFolder(flags.output, options, fingerprint) as out:
    return records.make(found, out, *work, keep_parts=flags.keep_parts)


def _here(
  flags: argparse.Namespace, options: options_lib.PreparationOptions
) -> 'tuple[records.PrepareVideos, finish.WriteShards]':
  """The work by processes of this machine."""
  from sadtalker_jax.preparation.run import records, shard_files

  def write(
    shards: Sequence[Any], folder: pathlib.Path, part_folder: pathlib.Path
  ) -> Any:
    one = functools.partial(
      shard_files.write, folder=folder, part_folder=part_folder
    )
    return records.each(one, shards, flags.workers)

  return functools.partial(_run, options=options, flags=flags), write


def _by_beam(
  flags: argparse.Namespace, options: options_lib.PreparationOptions
) -> 'tuple[records.PrepareVideos, finish.WriteShards]':
  """The work by a runner of Apache Beam."""
  from sadtalker_jax.preparation.run import beam

  arguments = [f'--runner={flags.runner}', *shlex.split(flags.beam_flags)]

  def prepare(todo: 'Sequence[runner.VideoTask]', _: int) -> None:
    beam.run(todo, options, arguments)

  return prepare, functools.partial(beam.write_shards, arguments=arguments)


def _run(
  todo: 'Sequence[runner.VideoTask]',
  total: int,
  options: options_lib.PreparationOptions,
  flags: argparse.Namespace,
) -> None:
  """Prepares the videos that are not done, and shows a bar of all."""
  import tqdm

  from sadtalker_jax.preparation.run import runner

  done = total - len(todo)
  clips = rejected = 0
  # Bytes predict the time that is left better than the number of videos.
  sizes = {task: _size(task) for task in todo}
  with tqdm.tqdm(
    total=sum(sizes.values()), unit='B', unit_scale=True, disable=not todo
  ) as bar:
    bar.set_description(f'{done}/{total} videos')
    for item in runner.run(
      todo, options, workers=flags.workers, timeout_s=flags.timeout
    ):
      done += 1
      clips += len(item.summary.clips)
      rejected += len(item.summary.rejects)
      bar.update(sizes[item.task])
      bar.set_description(f'{done}/{total} videos')
      bar.set_postfix(clips=clips, rejected=rejected)


def _size(task: 'runner.VideoTask') -> int:
  """Bytes of a video, at least 1."""
  try:
    return max(os.path.getsize(task.source.path), 1)
  except OSError:
    return 1


def _inspect(flags: argparse.Namespace) -> int:
  """Writes a page on records, and prints the summary."""
  from sadtalker_jax.preparation.inspection import page as page_lib

  page, summary = page_lib.inspect(flags.inspect)
  print('\n'.join([*summary, str(page)]))
  return 0


def _verify(flags: argparse.Namespace) -> int:
  """Checks all records; the last line says what was checked."""
  from sadtalker_jax.preparation.inspection import shard_checks, verification
  from sadtalker_jax.preparation.run import records

  found = verification.verify(
    flags.verify,
    lambda shards: records.each(
      shard_checks.check_shard, shards, flags.workers
    ),
  )
  for fault in found.faults:
    print(fault)
  print(
    f'{flags.verify}: {found.clips} clips, {found.frames} frames and the files '
    f'beside them checked: {len(found.faults) or "no"} '
    f'fault{"s" * (len(found.faults) != 1)}'
  )
  return 1 if found.faults else 0


def _report(manifest: dict[str, Any], folder: pathlib.Path) -> None:
  """Prints what the records hold."""
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
    if manifest.get('ways'):
      print(
        f'{manifest["ways"]} and a new --output would keep most of those '
        'that are too short or too small'
      )


if __name__ == '__main__':
  sys.exit(main())
