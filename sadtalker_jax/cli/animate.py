"""Makes a talking video of a portrait and a recording.

    sadtalker animate --source_image portrait.jpg --driven_audio speech.wav

Flags have the names of the published program. Without the two inputs, the
portrait and the recording that ship with the package are used; clips that are
idle or follow a video have no recording unless one is given. Bad input ends
with one line and exit code 2.
"""

import argparse
from collections.abc import Iterator, Sequence
import contextlib
import datetime
import os
import pathlib
import time
from typing import TYPE_CHECKING

from sadtalker_jax import errors
from sadtalker_jax.cli import command, option_flags, range_flags

if TYPE_CHECKING:
  from sadtalker_jax.inference import animation, pipeline
  from sadtalker_jax.inference import options as options_lib

# Flags of the published program that work differently here.
_REPLACED = {
  '--checkpoint_dir': 'converted weights are read by --bundle',
  '--old_version': 'converted weights are read by --bundle',
  '--background_enhancer': 'this version restores faces only (--enhancer)',
}


# Flags of files that are read.
_INPUTS = (
  'source_image',
  'source_video',
  'driven_audio',
  'drive',
  'keyframes',
  'ref_pose',
  'ref_eyeblink',
)


class _Help(argparse.ArgumentDefaultsHelpFormatter):
  """Shows defaults where they are numbers or words."""

  def _get_help_string(self, action: argparse.Action) -> str | None:
    if action.default is None or isinstance(action.default, bool):
      return action.help
    return super()._get_help_string(action)


def parser(prog: str = 'sadtalker animate') -> argparse.ArgumentParser:
  """The command line."""
  result = command.Parser(
    prog=prog,
    description='A portrait and a recording become a talking video.',
    formatter_class=_Help,
  )
  inputs = result.add_argument_group('input and output')
  add = inputs.add_argument
  add('--source_image', help='Picture, or video (first frame).', metavar='FILE')
  add(
    '--source_video',
    help='Video whose person says the recording, instead of a picture.',
    metavar='FILE',
  )
  add('--driven_audio', help='Recording, or video with sound.', metavar='FILE')
  add('--output', help='File to write.', metavar='FILE')
  add(
    '--result_dir',
    default='./results',
    help='Folder of <time>.mp4, where there is no --output.',
  )
  add(
    '--sheet',
    help='A picture of 12 frames over the clip, instead of the video.',
    metavar='PNG',
  )
  add('--overwrite', action='store_true', help='Replace an existing --output.')
  add(
    '--bundle',
    default='default',
    help='Networks and weights: a folder made by `sadtalker convert` or '
    '`sadtalker bundle`, or owner/repo of the Hugging Face Hub.',
  )
  option_flags.add(result.add_argument_group('animation'))
  add = result.add_argument_group('many jobs').add_argument
  add(
    '--manifest',
    metavar='FILE',
    help='Many jobs, one JSON object a line: image, audio, output, options.',
  )
  add(
    '--summary',
    metavar='FILE',
    help='What became of the jobs; default <manifest>.summary.json.',
  )
  for name, kind, text in (
    ('coordinator_address', str, 'HOST:PORT of process 0 (jax.distributed).'),
    (
      'num_processes',
      range_flags.whole(1),
      'Processes that share the manifest.',
    ),
    ('process_id', range_flags.whole(), 'Number of this process, from 0.'),
  ):
    add(f'--{name}', type=kind, help=text)
  add = result.add_argument_group('machine').add_argument
  add(
    '--dtype',
    default='float32',
    choices=['float32', 'bfloat16'],
    help="Type of the neural renderer's convolutions.",
  )
  add('--cpu', action='store_true', help='Do not use an accelerator.')
  add(
    '--verbose',
    action='store_true',
    help='Also write the coefficients, <video>_track.npz.',
  )
  add = result.add_argument_group('of the published program').add_argument
  for flag, reason in _REPLACED.items():
    add(flag, nargs='?', const=True, help=f'Not available: {reason}.')
  return result


def main(
  argv: Sequence[str] | None = None, *, prog: str = 'sadtalker animate'
) -> int:
  """Runs the program; returns its exit code."""
  flags = parser(prog).parse_args(argv)
  if flags.cpu:
    os.environ['JAX_PLATFORMS'] = 'cpu'  # before jax starts
  work = _run if flags.manifest is None else _run_manifest
  return command.run(
    lambda: work(flags), prog, stopped='stopped, nothing was written'
  )


def _check(flags: argparse.Namespace) -> None:
  """Refuses flags that do not go together."""
  for flag, reason in _REPLACED.items():
    if getattr(flags, flag.removeprefix('--')) is not None:
      raise errors.InputError(f'{flag}: {reason}')
  if flags.sheet is not None:
    for name in ('output', 'verbose', 'face3dvis'):
      if getattr(flags, name):
        raise errors.InputError(f'--{name}: expected without --sheet')
  sources = ('source_image', 'source_video', 'driven_audio')
  alone = (*sources, 'output', 'verbose', 'sheet')
  for name in (*sources, 'manifest', 'summary', 'sheet', 'result_dir'):
    if getattr(flags, name) == '':  # of a shell's variable without a value
      raise errors.InputError(f"--{name}: expected a path, found ''")
  many = ('summary', 'coordinator_address', 'num_processes', 'process_id')
  has_manifest = flags.manifest is not None
  for name in alone if has_manifest else many:
    given = getattr(flags, name)
    if given is not None and given is not False:  # 0 is a number
      other = 'without' if has_manifest else 'with'
      raise errors.InputError(f'--{name}: expected {other} --manifest only')
  if flags.source_video is not None:
    if flags.source_image is not None:
      raise errors.InputError(
        'expected one of --source_image and --source_video, found both'
      )
    if flags.driven_audio is None:
      raise errors.InputError(
        '--driven_audio: expected with --source_video (the video itself, for '
        'its own sound), found none'
      )


def _options(flags: argparse.Namespace) -> 'options_lib.Options':
  """The options that the flags say."""
  from sadtalker_jax.inference import registry

  options = option_flags.read(flags)
  registry.check(options)
  return options


def _animator(flags: argparse.Namespace) -> 'pipeline.Animator':
  from sadtalker_jax import compile_cache
  from sadtalker_jax.inference import pipeline

  compile_cache.enable()
  return pipeline.Animator.from_pretrained(flags.bundle, dtype=flags.dtype)


def _run(flags: argparse.Namespace) -> int:
  """Makes one video."""
  _check(flags)
  options = _options(flags)
  started = time.monotonic()
  if flags.sheet is not None:
    _sheet(flags, options)
    return 0
  with _output(flags) as output:
    _check_others(flags, output)
    _animate(flags, options, output, started)
  return 0


def _clip(
  flags: argparse.Namespace, options: 'options_lib.Options'
) -> 'animation.Animation':
  """The clip of the inputs; those that ship stand in for missing ones."""
  from sadtalker_jax.inference import bundle

  sound = flags.driven_audio
  if sound is None and not (options.idle or options.drive or options.ref_pose):
    sound = bundle.SAMPLE_SPEECH
  if flags.source_video is not None:
    return _animator(flags).revoice(flags.source_video, sound, options)
  image = flags.source_image or bundle.SAMPLE_PORTRAIT
  return _animator(flags).animate(image, sound, options)


def _sheet(flags: argparse.Namespace, options: 'options_lib.Options') -> None:
  """Makes the sheet and says so."""
  from sadtalker_jax.media import files, image

  target = files.check_target(flags.sheet, overwrite=flags.overwrite)
  _check_inputs(flags, '--sheet', target)
  clip = _clip(flags, options)
  image.save_png(target, clip.sheet(), overwrite=flags.overwrite)
  command.say(f'{target}: a sheet of {clip.num_frames} frames')


def _animate(
  flags: argparse.Namespace,
  options: 'options_lib.Options',
  output: pathlib.Path,
  started: float,
) -> None:
  """Makes the files and says so."""
  import numpy

  from sadtalker_jax.inference import geometry_video
  from sadtalker_jax.media import files

  clip = _clip(flags, options)
  with command.Progress(clip.num_frames) as bar:
    path = clip.save(output, overwrite=flags.overwrite, progress=bar.update)
  if flags.verbose:
    with (
      files.replacing(_track(path), overwrite=flags.overwrite) as part,
      open(part, 'wb') as file,
    ):
      numpy.savez_compressed(file, coefficients=clip.track, fps=float(clip.fps))
  if flags.face3dvis:
    command.say(f'{geometry_video.beside(path)}: the 3-D face')
  width, height = clip.size
  command.say(
    f'{path}: {clip.num_frames} frames, {width} x {height}, '
    f'{float(clip.fps):g} fps, {clip.num_frames / float(clip.fps):.2f} s, '
    f'made in {time.monotonic() - started:.1f} s'
  )


def _track(path: pathlib.Path) -> pathlib.Path:
  """The file of coefficients beside a video."""
  return path.with_name(f'{path.stem}_track.npz')


def _check_others(flags: argparse.Namespace, output: pathlib.Path) -> None:
  """Refuses files beside the video that cannot be written, and its inputs."""
  from sadtalker_jax.inference import geometry_video
  from sadtalker_jax.media import files, video

  if flags.verbose:
    files.check_target(_track(output), overwrite=flags.overwrite)
  if flags.face3dvis:
    beside = geometry_video.beside(output)
    video.check_target(beside, overwrite=flags.overwrite)
  _check_inputs(flags, '--output', output)


def _check_inputs(
  flags: argparse.Namespace, flag: str, output: pathlib.Path
) -> None:
  """Refuses a file to write that is one of those to read."""
  from sadtalker_jax.media import files

  for name in _INPUTS:
    given = getattr(flags, name)
    if given is not None and files.is_same(given, output):
      raise errors.InputError(
        f'{flag}: expected another file than --{name}, found {output}'
      )


def _run_manifest(flags: argparse.Namespace) -> int:
  """Makes the videos of a manifest; 1 if any failed."""
  import jax

  from sadtalker_jax.inference.batch import jobs as jobs_lib
  from sadtalker_jax.inference.batch import manifest
  from sadtalker_jax.media import files

  _check(flags)
  started = time.monotonic()
  jobs = manifest.read(flags.manifest, _options(flags))
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

  def report(result: jobs_lib.JobResult) -> None:
    note = result.error or f'{result.frames} frames, {result.seconds:.1f} s'
    command.say(f'line {result.line}: {result.status}: {result.output}: {note}')

  results = jobs_lib.run_jobs(
    _animator(flags),
    jobs[process::processes],
    batch_size=flags.batch_size,
    overwrite=flags.overwrite,
    report=report,
  )
  total = jobs_lib.BatchSummary(
    results, time.monotonic() - started, process, processes
  )
  total.write(summary)
  command.say(f'{summary}: {total}')
  return 1 if total.count('failed') else 0


@contextlib.contextmanager
def _output(flags: argparse.Namespace) -> Iterator[pathlib.Path]:
  """The file to write; its folder is made if only --result_dir names it."""
  from sadtalker_jax.media import files, video

  if flags.output is not None:
    yield video.check_target(flags.output, overwrite=flags.overwrite)
    return
  folder = pathlib.Path(flags.result_dir)
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise errors.InputError(
      f'{folder}: expected a folder to write to, found {error.strerror}'
    ) from error
  stamp = datetime.datetime.now().strftime('%Y_%m_%d_%H.%M.%S')
  with files.reserved(folder, stamp, '.mp4') as path:
    yield video.check_target(path, overwrite=False)


if __name__ == '__main__':
  raise SystemExit(main())
