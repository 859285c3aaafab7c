"""Flags of `sadtalker animate`, and which of them go together."""

import argparse

from sadtalker_jax import errors
from sadtalker_jax.cli import command, option_flags, range_flags

# Flags of the published program that work differently here.
_REPLACED = {
  '--checkpoint_dir': 'converted weights are read by --bundle',
  '--old_version': 'converted weights are read by --bundle',
}


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
  add('--text', help='Words to say instead of a recording (extra speech).')
  add(
    '--voice',
    metavar='FILE',
    help='Voice of Piper that says them, a .onnx file; by default '
    'en_US-joe-medium.',
  )
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
  add(
    '--list_faces',
    help='The faces of the picture, or of the people of the video, numbered; '
    'instead of the result.',
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
  add(
    '--runner',
    metavar='NAME',
    help='Runner of Apache Beam, for many machines: DirectRunner, FlinkRunner, '
    'DataflowRunner ... (extra beam).',
  )
  add(
    '--beam_flags',
    metavar='FLAGS',
    help="Flags of the runner: --beam_flags='--flink_master=HOST:8081'.",
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
    help='Also write the coefficients, <video>_track.npz, and say what a '
    'portrait does not allow.',
  )
  add = result.add_argument_group('of the published program').add_argument
  for flag, reason in _REPLACED.items():
    add(flag, nargs='?', const=True, help=f'Not available: {reason}.')
  return result


def check(flags: argparse.Namespace) -> None:
  """Refuses flags that do not go together."""
  for flag, reason in _REPLACED.items():
    if getattr(flags, flag.removeprefix('--')) is not None:
      raise errors.InputError(f'{flag}: {reason}')
  for picture in ('sheet', 'list_faces'):
    for name in ('output', 'verbose', 'face3dvis'):
      if getattr(flags, picture) is not None and getattr(flags, name):
        raise errors.InputError(f'--{name}: expected without --{picture}')
  sources = ('source_image', 'source_video', 'driven_audio', 'voice')
  pictures = 'sheet', 'list_faces'
  alone = (*sources, 'text', 'output', 'verbose', *pictures)
  for name in (*sources, 'manifest', 'summary', 'result_dir', *pictures):
    if getattr(flags, name) == '':  # of a shell's variable without a value
      raise errors.InputError(f"--{name}: expected a path, found ''")
  processes = ('coordinator_address', 'num_processes', 'process_id')
  many = ('summary', 'runner', 'beam_flags', *processes)
  has_manifest = flags.manifest is not None
  for name in alone if has_manifest else many:
    given = getattr(flags, name)
    if given is not None and given is not False:  # 0 is a number
      other = 'without' if has_manifest else 'with'
      raise errors.InputError(f'--{name}: expected {other} --manifest only')
  if flags.voice is not None and flags.text is None:
    raise errors.InputError('--voice: expected with --text only')
  if flags.text is not None and flags.driven_audio is not None:
    raise errors.InputError(
      'expected one of --driven_audio and --text, found both'
    )
  if flags.beam_flags is not None and flags.runner is None:
    raise errors.InputError('--beam_flags: expected with --runner only')
  if flags.runner is not None:
    for name in processes:
      if getattr(flags, name) is not None:
        raise errors.InputError(f'--{name}: expected without --runner')
  if flags.source_video is not None:
    if flags.source_image is not None:
      raise errors.InputError(
        'expected one of --source_image and --source_video, found both'
      )
    voices = flags.driven_audio, flags.text, flags.speakers, flags.list_faces
    if all(voice is None for voice in voices):
      raise errors.InputError(
        '--driven_audio: expected with --source_video (the video itself, for '
        'its own sound), found none'
      )
