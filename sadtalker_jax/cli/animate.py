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

from absl import logging

from sadtalker_jax import errors
from sadtalker_jax.cli import (
  animate_flags,
  animate_manifest,
  command,
  option_flags,
)

if TYPE_CHECKING:
  from sadtalker_jax.inference import animation, pipeline
  from sadtalker_jax.inference import options as options_lib

# Flags of files that are read.
_INPUTS = (
  'source_image',
  'source_video',
  'driven_audio',
  'voice',
  'drive',
  'keyframes',
  'ref_pose',
  'ref_eyeblink',
)


def parser(prog: str = 'sadtalker animate') -> argparse.ArgumentParser:
  """The command line."""
  return animate_flags.parser(prog)


def main(
  argv: Sequence[str] | None = None, *, prog: str = 'sadtalker animate'
) -> int:
  """Runs the program; returns its exit code."""
  flags = parser(prog).parse_args(argv)
  if flags.verbose:
    logging.set_verbosity(logging.INFO)
  if flags.cpu:
    os.environ['JAX_PLATFORMS'] = 'cpu'  # before jax starts
  return command.run(
    lambda: _run(flags), prog, stopped='stopped, nothing was written'
  )


def _options(flags: argparse.Namespace) -> 'options_lib.Options':
  """The options that the flags say."""
  from sadtalker_jax.inference import registry

  if flags.background and os.path.isfile(flags.background):
    # Of one flag it is clear what is meant.
    flags.background_image, flags.background = flags.background, None
  options = option_flags.read(flags)
  registry.check(options)
  return options


def _animator(flags: argparse.Namespace) -> 'pipeline.Animator':
  from sadtalker_jax import compile_cache
  from sadtalker_jax.inference import pipeline

  compile_cache.enable()
  return pipeline.Animator.from_pretrained(flags.bundle, dtype=flags.dtype)


def _run(flags: argparse.Namespace) -> int:
  """Makes what the flags ask for; 1 if a job of a manifest failed."""
  animate_flags.check(flags)
  options = _options(flags)
  if flags.manifest is not None:
    return animate_manifest.run(flags, options, lambda: _animator(flags))
  started = time.monotonic()
  if flags.list_faces is not None:
    _list_faces(flags)
    return 0
  if flags.sheet is not None:
    _sheet(flags, options)
    return 0
  suffix = options.encoding.suffix
  with _output(flags, suffix) as output:
    _check_others(flags, output)
    _animate(flags, options, output, started)
  return 0


def _clip(
  flags: argparse.Namespace, options: 'options_lib.Options'
) -> 'animation.Animation':
  """The clip of the inputs; those that ship stand in for missing ones."""
  from sadtalker_jax.inference import bundle

  sound = flags.driven_audio
  if flags.text is not None:
    from sadtalker_jax.media import spoken

    sound = spoken.say(flags.text, flags.voice or spoken.VOICE)
  others = options.idle, options.drive, options.ref_pose, options.speakers
  if sound is None and not any(others):
    sound = bundle.SAMPLE_SPEECH
  if flags.source_video is not None:
    return _animator(flags).revoice(flags.source_video, sound, options)
  image = flags.source_image or bundle.SAMPLE_PORTRAIT
  return _animator(flags).animate(image, sound, options)


def _list_faces(flags: argparse.Namespace) -> None:
  """Makes the picture with numbered faces and says so."""
  from sadtalker_jax.inference import bundle, face_list, inputs
  from sadtalker_jax.inference.footage import people_sheet
  from sadtalker_jax.media import files, image

  target = files.check_target(flags.list_faces, overwrite=flags.overwrite)
  _check_inputs(flags, '--list_faces', target)
  if flags.source_video is not None:
    shown = people_sheet.drawn(flags.source_video, bundle.load(), flags.fps)
  else:
    picture = inputs.picture(flags.source_image or bundle.SAMPLE_PORTRAIT)
    shown = face_list.numbered(picture, bundle.load())
  image.save_png(target, shown, overwrite=flags.overwrite)
  command.say(f'{target}: the faces and their numbers')


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
  from sadtalker_jax.media import files

  if flags.verbose:
    files.check_target(_track(output), overwrite=flags.overwrite)
  if flags.face3dvis:
    beside = geometry_video.beside(output)
    files.check_target(beside, overwrite=flags.overwrite)
  _check_inputs(flags, '--output', output)


def _check_inputs(
  flags: argparse.Namespace, flag: str, output: pathlib.Path
) -> None:
  """Refuses a file to write that is one of those to read."""
  from sadtalker_jax.media import files

  given_files = [(name, getattr(flags, name)) for name in _INPUTS]
  for pair in flags.speakers or ():
    given_files.append(('speaker', pair.partition('=')[2] or None))
  for name, given in given_files:
    if given is not None and files.is_same(given, output):
      raise errors.InputError(
        f'{flag}: expected another file than --{name}, found {output}'
      )


@contextlib.contextmanager
def _output(flags: argparse.Namespace, suffix: str) -> Iterator[pathlib.Path]:
  """The file to write; its folder is made if only --result_dir names it."""
  from sadtalker_jax.media import reserved_names, video

  if flags.output is not None:
    yield video.check_target(
      flags.output, overwrite=flags.overwrite, suffix=suffix
    )
    return
  with _folder(pathlib.Path(flags.result_dir)) as folder:
    stamp = datetime.datetime.now().strftime('%Y_%m_%d_%H.%M.%S')
    with reserved_names.reserved(folder, stamp, suffix) as path:
      yield video.check_target(path, overwrite=False, suffix=suffix)


@contextlib.contextmanager
def _folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """A folder that exists; a new one is removed again if nothing came of it."""
  try:
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
  except (OSError, ValueError) as error:  # ValueError: a NUL character
    reason = getattr(error, 'strerror', None) or str(error)
    raise errors.InputError(
      f'{errors.named(folder)}: expected a folder to write to, found {reason}'
    ) from error
  try:
    yield folder
  except BaseException:
    if is_new:
      with contextlib.suppress(OSError):  # another run may have written into it
        folder.rmdir()
    raise


if __name__ == '__main__':
  raise SystemExit(main())
