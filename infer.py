"""Makes a talking video of a portrait and a recording.

    python infer.py --source_image portrait.jpg --driven_audio speech.wav

Flags have the names of the published program. Without the two inputs, the
portrait and the recording that ship with the package are used. Bad input ends
with one line and exit code 2.
"""

import argparse
import datetime
import os
import pathlib
import sys
import time

# Flags of the published program that work differently here.
_REPLACED = {
  '--checkpoint_dir': 'converted weights are read by --bundle',
  '--old_version': 'converted weights are read by --bundle',
  '--background_enhancer': 'this version restores faces only (--enhancer)',
}


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = argparse.ArgumentParser(
    description='A portrait and a recording become a talking video.',
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
  )
  add = result.add_argument
  add('--driven_audio', help='recording, or video with sound', metavar='FILE')
  add('--source_image', help='picture, or video (first frame)', metavar='FILE')
  add('--ref_pose', help='video whose head motion is taken', metavar='FILE')
  add('--ref_eyeblink', help='video whose eyes are taken', metavar='FILE')
  add('--result_dir', default='./results', help='where <time>.mp4 is written')
  add('--output', help='file to write, instead of --result_dir', metavar='FILE')
  add('--overwrite', action='store_true', help='replace an existing --output')
  add(
    '--preprocess',
    default='crop',
    choices=['crop', 'extcrop', 'resize', 'full', 'extfull'],
    help='part of the picture that is animated; full modes paste it back',
  )
  add('--size', type=int, default=256, help='side of the crop: 256 or 512')
  add('--fps', type=float, default=25.0, help='frames per second')
  add('--seed', type=int, default=0, help='of head motion and blinks')
  add('--pose_style', type=int, default=0, help='manner of moving, 0 to 45')
  add('--expression_scale', type=float, default=1.0, help='strength of speech')
  add('--still', action='store_true', help="keep the picture's head pose")
  add('--no_blink', action='store_true', help='no random blinks')
  for axis in ('yaw', 'pitch', 'roll'):
    add(
      f'--input_{axis}',
      type=float,
      nargs='+',
      metavar='DEGREES',
      help=f'path of the {axis} over the clip',
    )
  add('--face_index', type=int, default=0, help='which face, 0 the largest')
  add(
    '--box',
    type=float,
    nargs=4,
    metavar=('X0', 'Y0', 'X1', 'Y1'),
    help='the face, instead of the detector',
  )
  add('--batch_size', type=int, default=8, help='frames rendered together')
  add(
    '--renderer',
    default='auto',
    choices=['auto', 'puppet', 'neural'],
    help='puppet needs no weights; auto is neural where the bundle has them',
  )
  add(
    '--bundle',
    default='default',
    help='networks and weights: a folder made by cli.convert, or '
    'hf://owner/repo',
  )
  add(
    '--dtype',
    default='float32',
    choices=['float32', 'bfloat16'],
    help="of the neural renderer's convolutions",
  )
  add('--enhancer', choices=['gfpgan'], help='restores faces, twice as large')
  add(
    '--release_chunks',
    action='store_true',
    help='head motion in chunks that do not join, as published',
  )
  add(
    '--release_crop',
    action='store_true',
    help='the crop of the published program, mistakes included',
  )
  add(
    '--face3dvis',
    action='store_true',
    help='also <video>_face3dvis.mp4: the 3-D face beside the photo',
  )
  add(
    '--bfm_folder',
    metavar='PATH',
    help='Basel Face Model, for --face3dvis of the neural renderer',
  )
  add(
    '--manifest',
    metavar='FILE',
    help='many jobs, one JSON object a line: image, audio, output, options',
  )
  add(
    '--summary',
    metavar='FILE',
    help='what became of the jobs; default <manifest>.summary.json',
  )
  for name, kind in (
    ('coordinator_address', str),
    ('num_processes', int),
    ('process_id', int),
  ):
    add(
      f'--{name}',
      type=kind,
      help='of jax.distributed; each process takes its share of a manifest',
    )
  add('--cpu', action='store_true', help='do not use an accelerator')
  add(
    '--verbose',
    action='store_true',
    help='also write the coefficients, <video>_track.npz',
  )
  for flag, reason in _REPLACED.items():
    add(flag, nargs='?', const=True, help=f'not available: {reason}')
  return result


def main(argv: list[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  if flags.cpu:
    os.environ['JAX_PLATFORMS'] = 'cpu'  # before jax starts
  import sadtalker_jax
  from sadtalker_jax import compile_cache

  compile_cache.enable()

  try:
    return _run_manifest(flags) if flags.manifest else _run(flags)
  except sadtalker_jax.InputError as error:
    print(f'infer.py: {error}', file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    print('infer.py: stopped, nothing was written', file=sys.stderr)
    return 130


def _check(flags: argparse.Namespace) -> None:
  """Refuses flags that do not go together."""
  import sadtalker_jax

  for flag, reason in _REPLACED.items():
    if getattr(flags, flag.removeprefix('--')) is not None:
      raise sadtalker_jax.InputError(f'{flag}: {reason}')
  alone = ('source_image', 'driven_audio', 'output', 'verbose')
  many = ('summary', 'coordinator_address', 'num_processes', 'process_id')
  for name in alone if flags.manifest else many:
    if getattr(flags, name) not in (None, False):
      other = 'without' if flags.manifest else 'with'
      raise sadtalker_jax.InputError(
        f'--{name}: expected {other} --manifest only'
      )


def _animator(flags: argparse.Namespace) -> 'sadtalker_jax.Animator':  # noqa: F821
  import sadtalker_jax

  return sadtalker_jax.Animator(
    sadtalker_jax.load(flags.bundle), dtype=flags.dtype
  )


def _run(flags: argparse.Namespace) -> int:
  import numpy
  import tqdm

  from sadtalker_jax.inference import bundle, geometry_video

  _check(flags)
  options = _options(flags)
  started = time.monotonic()
  output = _output(flags)
  image = flags.source_image or bundle.SAMPLE_PORTRAIT
  sound = flags.driven_audio or bundle.SAMPLE_SPEECH
  clip = _animator(flags).animate(image, sound, options)
  with tqdm.tqdm(total=clip.num_frames, unit='frame') as bar:
    path = clip.save(output, overwrite=flags.overwrite, progress=bar.update)
  if flags.verbose:
    track = path.with_name(f'{path.stem}_track.npz')
    numpy.savez_compressed(track, coefficients=clip.track, fps=float(clip.fps))
  if flags.face3dvis:
    print(f'{geometry_video.beside(path)}: the 3-D face')
  width, height = clip.size
  print(
    f'{path}: {clip.num_frames} frames, {width} x {height}, '
    f'{float(clip.fps):g} fps, {clip.num_frames / float(clip.fps):.2f} s, '
    f'made in {time.monotonic() - started:.1f} s'
  )
  return 0


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

  def report(result: jobs_lib.JobResult) -> None:
    note = result.error or f'{result.frames} frames, {result.seconds:.1f} s'
    print(f'line {result.line}: {result.status}: {result.output}: {note}')

  results = jobs_lib.run(
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
  print(f'{summary}: {total}')
  return 1 if total.count('failed') else 0


def _options(flags: argparse.Namespace) -> 'sadtalker_jax.Options':  # noqa: F821
  import sadtalker_jax

  def path(value: str | None) -> pathlib.Path | None:
    return None if value is None else pathlib.Path(value)

  def angles(value: list[float] | None) -> tuple[float, ...] | None:
    return None if value is None else tuple(value)

  return sadtalker_jax.Options(
    preprocess=flags.preprocess,
    size=flags.size,
    fps=flags.fps,
    seed=flags.seed,
    pose_style=flags.pose_style,
    expression_scale=flags.expression_scale,
    still=flags.still,
    blink=not flags.no_blink,
    input_yaw=angles(flags.input_yaw),
    input_pitch=angles(flags.input_pitch),
    input_roll=angles(flags.input_roll),
    ref_pose=path(flags.ref_pose),
    ref_eyeblink=path(flags.ref_eyeblink),
    face_index=flags.face_index,
    box=None if flags.box is None else tuple(flags.box),
    batch_size=flags.batch_size,
    renderer=flags.renderer,
    enhancer=flags.enhancer,
    release_chunks=flags.release_chunks,
    release_crop=flags.release_crop,
    face3dvis=flags.face3dvis,
    bfm_folder=path(flags.bfm_folder),
  )


def _output(flags: argparse.Namespace) -> pathlib.Path:
  """The file to write; its folder is made if only --result_dir names it."""
  import sadtalker_jax
  from sadtalker_jax.media import video

  if flags.output is not None:
    return video.check_target(flags.output, overwrite=flags.overwrite)
  folder = pathlib.Path(flags.result_dir)
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise sadtalker_jax.InputError(
      f'{folder}: expected a folder to write to, found {error.strerror}'
    ) from error
  stamp = datetime.datetime.now().strftime('%Y_%m_%d_%H.%M.%S')
  return video.check_target(folder / f'{stamp}.mp4', overwrite=False)


if __name__ == '__main__':
  sys.exit(main())
