"""The flags of `cli.prepare`."""

import argparse
import pathlib
from typing import Any

from sadtalker_jax.cli import command, range_flags
from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.preparation.run import runner
from sadtalker_jax.stores import fetching


def options(flags: argparse.Namespace) -> options_lib.PreparationOptions:
  """The options that the flags choose."""
  names = options_lib.PreparationOptions().as_json()
  chosen = {name: getattr(flags, name) for name in names if name in flags}
  return options_lib.PreparationOptions(
    **{**chosen, 'annotated': flags.annotations is not None}
  )


def parser(description: str | None) -> argparse.ArgumentParser:
  """The command line of `cli.prepare`.

  Args:
    description: Text above the flags.
  """
  result = command.parser('prepare', description)
  add = result.add_argument
  add('--input', type=_local, help='folder of videos, or .tsv table')
  add('--output', type=_local, help='folder of the records')
  add(
    '--synthesise',
    type=range_flags.whole(1),
    metavar='N',
    help='draw N clips; needs no input',
  )
  add(
    '--seed',
    type=range_flags.whole(),
    default=0,
    help='random seed of drawn clips',
  )
  add(
    '--speech',
    type=_local,
    metavar='FOLDER',
    help='what drawn clips say: speech that `sadtalker lips --synthesise '
    'FOLDER` has made (default: the packaged recording)',
  )
  add(
    '--annotations',
    type=_local,
    help="folder of VoxCeleb's files, SPEAKER/VIDEO/UTTERANCE.txt",
  )
  add(
    '--inspect',
    type=_local,
    help='sum up the records of this folder and write a page to look at',
  )
  add('--verify', type=_local, help='check the records of this folder')
  _add_work(result)
  _add_records(result)
  return result


def _local(text: str) -> pathlib.Path:
  """A path of this machine; `s3://x` would be the folder `s3:`."""
  if fetching.is_remote(text):
    raise argparse.ArgumentTypeError(
      f'expected a path of this machine, found {text} (records can be copied '
      'to a store when they are made: docs/guides/scaling.md)'
    )
  return command.path(text)


def _add_work(result: argparse.ArgumentParser) -> None:
  """Flags of how the work is done, which change no record."""
  work = result.add_argument_group('work')
  work.add_argument(
    '--workers',
    type=range_flags.whole(0, 4096),
    default=len(runner.cores()),
    help='processes; 1 on an accelerator, 0: in this one, where nothing ends '
    'a video that hangs (default: one a core)',
  )
  work.add_argument(
    '--timeout',
    type=range_flags.positive(),
    default=900.0,
    help='seconds without progress until a video is given up',
  )
  work.add_argument(
    '--runner',
    help='runner of Apache Beam, instead of processes here: DirectRunner, '
    'FlinkRunner, DataflowRunner ...',
  )
  work.add_argument(
    '--beam_flags',
    default='',
    help="flags of the runner: --beam_flags='--flink_master=HOST:8081'",
  )
  work.add_argument(
    '--keep_parts',
    action='store_true',
    help='keep parts, so that videos can be added later; twice the room',
  )


def _add_records(result: argparse.ArgumentParser) -> None:
  """Flags of the options, which change the records."""
  default = options_lib.PreparationOptions()
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
        f'--{name}',
        type=_TYPES.get(kind, kind),
        default=value,
        help=text + shown,
      )


# Limits are those of `preparation.options`.
_TYPES: dict[Any, Any] = {
  int: range_flags.whole(-range_flags.MOST),
  float: range_flags.real(),
}
_CHOICES: tuple[tuple[str, Any, str], ...] = (
  ('size', int, 'side of the frames, 256 or 512'),
  ('bundle', str, 'converted networks: recon, syncnet_v2, wav2lip'),
  ('method', str, 'source of coefficients: auto, recon or fit'),
  ('teacher', bool, "lip-only expression of Wav2Lip, ExpNet's teacher"),
  ('min_face', int, 'pixels of the box around a face; default: size'),
  (
    'min_frames',
    int,
    'least of a clip; default: 64 with annotations, else 150',
  ),
  ('max_frames', int, 'most of a clip'),
  ('max_minutes', float, 'longest video'),
  ('margin', float, 'around the face, share of its longer side'),
  ('min_sharpness', float, 'least detail, see quality.sharpness'),
  ('max_yaw', float, 'largest turn to a side, degrees'),
  ('max_pitch', float, 'largest turn up or down, degrees'),
  ('max_error', float, 'largest error of the fit, percent of the eye distance'),
  ('require_speech', bool, 'only lips that move with speech'),
  ('allow_no_audio', bool, 'keep videos without a sound track'),
  ('max_offset', int, 'most frames between sound and lips'),
  ('min_confidence', float, 'least confidence of that offset'),
  ('validation', float, 'share of the speakers'),
  ('test', float, 'share of the speakers outside of VoxCeleb'),
  ('deduplicate', bool, 'leave out clips that occur twice'),
  ('shard_mb', int, 'megabytes of frames in a shard'),
)
