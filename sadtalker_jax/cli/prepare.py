"""Makes records that training reads from a folder of videos.

    python -m sadtalker_jax.cli.prepare --input videos/ --output records/
    python -m sadtalker_jax.cli.prepare --synthesise 20 --output records/
    python -m sadtalker_jax.cli.prepare --inspect records/
    python -m sadtalker_jax.cli.prepare --verify records/

A run that was killed goes on where it was when the same command is given
again. Everything is described in docs/data.md.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent import futures
import multiprocessing
import os
import pathlib
import sys
from typing import Any

from absl import logging
import tqdm

from sadtalker_jax import errors
from sadtalker_jax.preparation import (
  experts,
  finish,
  inspection,
  output,
  runner,
  sources,
  verification,
)
from sadtalker_jax.preparation import options as options_lib


def main(argv: list[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = _parser().parse_args(argv)
  logging.set_verbosity(logging.WARNING)
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
    page, summary = inspection.inspect(flags.inspect)
    print('\n'.join([*summary, str(page)]))
    return 0
  if flags.output is None:
    raise errors.InputError('--output: expected a folder, found none')
  if flags.synthesise is not None:
    return _synthesise(flags)
  if flags.input is None:
    raise errors.InputError('--input: expected a folder or table, found none')
  found = sources.find(flags.input, flags.annotations)
  options = _options(flags)
  fingerprint = experts.fingerprint(options.bundle)
  with output.Output(flags.output, options, fingerprint) as out:
    manifest = _prepare(found, out, flags)
  _report(manifest, flags.output)
  return 0


def _synthesise(flags: argparse.Namespace) -> int:
  """Makes records of clips that are drawn."""
  from sadtalker_jax.cli import synthesise  # loads the inference side

  manifest = synthesise.make(
    flags.synthesise,
    flags.seed,
    flags.output,
    _options(flags),
    keep_parts=flags.keep_parts,
    progress=lambda drawn, count: tqdm.tqdm(drawn, total=count, unit='clip'),
  )
  _report(manifest, flags.output)
  return 0


def _prepare(
  found: list[sources.Source], out: output.Output, flags: argparse.Namespace
) -> dict[str, Any]:
  """The manifest of the records, made if they are not there."""
  keys = {source.key(out.digest): source for source in found}
  manifest = finish.finished(keys, out)
  if manifest is not None:
    return manifest
  todo = [
    runner.Task(source, out.part(key))
    for key, source in keys.items()
    if not out.part(key).exists()
  ]
  _run(todo, len(keys), out, flags)
  return finish.finish(list(keys), out, keep_parts=flags.keep_parts)


def _run(
  todo: list[runner.Task],
  total: int,
  out: output.Output,
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


def _size(task: runner.Task) -> int:
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
    context = multiprocessing.get_context('spawn')
    with futures.ProcessPoolExecutor(flags.workers, context) as pool:
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


def _options(flags: argparse.Namespace) -> options_lib.Options:
  names = options_lib.Options().as_json()
  chosen = {name: getattr(flags, name) for name in names if name in flags}
  return options_lib.Options(
    **{**chosen, 'annotated': flags.annotations is not None}
  )


def _parser() -> argparse.ArgumentParser:
  result = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  default = options_lib.Options()
  add = result.add_argument
  add('--input', type=pathlib.Path, help='folder of videos, or .tsv table')
  add('--output', type=pathlib.Path, help='folder of the records')
  add('--synthesise', type=int, metavar='N', help='draw N clips; no input')
  add('--seed', type=int, default=0, help='of the drawn clips')
  add(
    '--annotations',
    type=pathlib.Path,
    help="VoxCeleb's text files, SPEAKER/VIDEO/UTTERANCE.txt",
  )
  add(
    '--inspect',
    type=pathlib.Path,
    help='sum up the records of this folder and write a page to look at',
  )
  add('--verify', type=pathlib.Path, help='check the records of this folder')
  work = result.add_argument_group('work')
  work.add_argument(
    '--workers',
    type=int,
    default=len(os.sched_getaffinity(0)),
    help='processes; 1 on an accelerator (default: one a core)',
  )
  work.add_argument(
    '--timeout',
    type=float,
    default=900.0,
    help='seconds without progress until a video is given up',
  )
  work.add_argument(
    '--keep_parts',
    action='store_true',
    help='so that videos can be added later; twice the room',
  )
  records = result.add_argument_group('records')
  for name, kind, text in _CHOICES:
    value = getattr(default, name)
    shown = '' if value is None else f' (default: {value})'
    if kind is bool:
      records.add_argument(
        f'--{name}',
        default=value,
        help=text + shown,
        action=argparse.BooleanOptionalAction,
      )
    else:
      records.add_argument(
        f'--{name}', type=kind, default=value, help=text + shown
      )
  return result


_CHOICES: tuple[tuple[str, Any, str], ...] = (
  ('size', int, 'side of the frames, 256 or 512'),
  ('bundle', str, 'converted networks: recon, syncnet_v2, wav2lip'),
  ('method', str, 'of the coefficients: auto, recon or fit'),
  ('teacher', bool, "lip-only expression of Wav2Lip, ExpNet's teacher"),
  ('min_face', int, 'pixels of the box around a face; default: size'),
  ('min_frames', int, 'of a clip; default: 64 with annotations, else 150'),
  ('max_frames', int, 'of a clip'),
  ('max_minutes', float, 'of a video'),
  ('margin', float, 'around the face'),
  ('min_sharpness', float, 'see quality.sharpness'),
  ('max_yaw', float, 'degrees'),
  ('max_pitch', float, 'degrees'),
  ('max_error', float, 'of the fit, percent of the eye distance'),
  ('require_speech', bool, 'only lips that move with speech'),
  ('allow_no_audio', bool, 'keep videos without a sound track'),
  ('max_offset', int, 'frames between sound and lips'),
  ('min_confidence', float, 'of that offset'),
  ('validation', float, 'share of the speakers'),
  ('test', float, 'share of the speakers that are not of VoxCeleb'),
  ('deduplicate', bool, 'leave out clips that occur twice'),
  ('shard_mb', int, 'megabytes of frames in a shard'),
)


if __name__ == '__main__':
  sys.exit(main())
