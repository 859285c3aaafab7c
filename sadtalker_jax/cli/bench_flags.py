"""The flags of `cli.bench`."""

import argparse

from sadtalker_jax.benchmarks.accelerator import plan
from sadtalker_jax.benchmarks.described import devices
from sadtalker_jax.cli import command, range_flags
from sadtalker_jax.training import xla_presets

# Name, default batch size, help.
_KINDS = (
  ('render', 1, 'frames of the neural renderer'),
  ('motion', 32, 'ExpNet and PoseVAE, frames of sound'),
  ('rasterize', 1, 'triangles, pictures and gradients at 224'),
  ('grid_sample', 2, 'three uses of sampling'),
)

_BATCH = range_flags.whole(1, 4096)
_SECONDS = range_flags.positive(1e6)
_SIDE = range_flags.whole(64, 4096)


def parser(description: str | None) -> argparse.ArgumentParser:
  """The command line of `cli.bench`.

  Args:
    description: Text above the flags.
  """
  result = command.parser('bench', description)
  kinds = result.add_subparsers(required=True, dest='what', metavar='WHAT')
  for name, batch, text in _KINDS:
    kind = kinds.add_parser(
      name, help=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    kind.add_argument(
      '--batch',
      type=_BATCH,
      nargs='+',
      default=[batch],
      help='batch sizes, one line each',
    )
    kind.add_argument(
      '--repeats',
      type=range_flags.whole(1, 1_000_000),
      default=10,
      help='number of timed calls',
    )
    if name == 'render':
      kind.add_argument('--size', type=_SIDE, default=256, choices=[256, 512])
      kind.add_argument('--bundle', help='bundle of weights; else noise')
      kind.add_argument(
        '--dtype', default='float32', choices=['float32', 'bfloat16']
      )
  _accelerator(kinds.add_parser('accelerator', help='all about one card'))
  for name, add_flags, text in (
    ('feeding', _feeding, 'batches of training (from a checkout)'),
    ('compile', _compile, 'kernels and bytes on a device that is not here'),
    ('marking', _marking, 'copies that keep the invisible mark'),
    ('live', _live, 'streams: latency, frames a second, lips'),
    ('likeness', _likeness, 'how real and generated clips move and look'),
    ('footage', _footage, 'clips that say another recording'),
  ):
    add_flags(
      kinds.add_parser(
        name, help=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
      )
    )
  return result


def _live(kind: argparse.ArgumentParser) -> None:
  """Adds the flags of `live`."""
  add = kind.add_argument
  add(
    '--look_ahead',
    type=range_flags.real(0, 0.52),
    nargs='+',
    default=[0.08, 0.16],
    metavar='SECONDS',
    help='that frames wait, one stream each',
  )
  add('--seconds', type=_SECONDS, default=10, help='of sound in a stream')
  add('--size', type=_SIDE, default=256, help='side of frames, pixels')
  add(
    '--motion',
    choices=('phonetic', 'baseline'),
    default='phonetic',
    help='of the streams',
  )
  add(
    '--together',
    type=range_flags.whole(0, 64),
    default=0,
    metavar='N',
    help='also so many streams at once',
  )
  add(
    '--minutes',
    type=range_flags.real(0, 1440),
    default=0,
    help='also a stream of so many minutes, by motion alone',
  )


def _feeding(kind: argparse.ArgumentParser) -> None:
  """Adds the flags of `feeding`; `input_pipeline.bench` has the same."""
  add = kind.add_argument
  add('--folder', help='records; none: made-up ones')
  add('--stages', nargs='+', metavar='STAGE', help='these only; none: all')
  add('--seconds', type=_SECONDS, default=5.0, help='time of a measurement')
  add(
    '--threads',
    type=range_flags.whole(1, 4096),
    default=2,
    help='threads that make batches',
  )
  add(
    '--workers',
    type=range_flags.whole(0, 4096),
    default=0,
    help='processes that make batches',
  )
  add(
    '--wanted',
    type=range_flags.positive(),
    help='examples a second: how many cores?',
  )
  add(
    '--tflops',
    type=range_flags.positive(),
    help='of all cards of a host together: how many cores?',
  )


def _likeness(kind: argparse.ArgumentParser) -> None:
  """Adds the flags of `likeness`."""
  add = kind.add_argument
  add('folder', nargs='+', metavar='DIR', help='real clips with speech')
  add('--seconds', type=_SECONDS, default=3.0, help='length after a cut')
  add('--size', type=_SIDE, default=256, help='side of frames, pixels')
  add(
    '--talkers',
    metavar='REGEX',
    help='part of the names of clips that says who talks; else each clip is of '
    'a talker of its own',
  )
  add(
    '--rows',
    type=command.path,
    metavar='FILE',
    help='all numbers as JSON, a line for each clip and cut, added as soon as '
    'they are known; clips that are in it are not measured again',
  )
  add(
    '--keep',
    type=command.path,
    metavar='DIR',
    help='folder for the videos that are made; none: no files',
  )


def _footage(kind: argparse.ArgumentParser) -> None:
  """Adds the flags of `footage`."""
  add = kind.add_argument
  add('folder', metavar='DIR', help='folder of real clips with speech')
  add('--voice', required=True, metavar='FILE', help='another recording')
  add('--seconds', type=_SECONDS, default=4.0, help='length of each clip')
  add('--sheets', metavar='DIR', help='for pictures of mouths, old above new')


def _accelerator(kind: argparse.ArgumentParser) -> None:
  """Adds the flags of `accelerator`."""
  add = kind.add_argument
  add(
    '--out',
    type=command.path,
    metavar='DIR',
    help='folder of accelerator.json and accelerator.md',
  )
  add(
    '--budget',
    type=_SECONDS,
    default=480,
    metavar='SECONDS',
    help='time for everything; what it does not reach is skipped '
    '(default: 480)',
  )
  add(
    '--golden',
    type=command.path,
    metavar='FILE',
    help='arrays of a CPU to compare with; without it only what can be '
    'checked by itself is checked',
  )
  add(
    '--write_golden',
    type=command.path,
    metavar='FILE',
    help='have the CPU compute these arrays, write them (.npz), and end',
  )
  add(
    '--peer',
    type=command.path,
    metavar='CHECKOUT',
    help='checkout of github.com/OpenTalker/SadTalker whose PyTorch modules '
    'are timed, too; its code is run',
  )
  add(
    '--only',
    nargs='+',
    metavar='ITEM',
    choices=[item.name for item in plan.ITEMS],
    help='these items only: ' + ', '.join(item.name for item in plan.ITEMS),
  )
  add(
    '--small',
    action='store_true',
    help='narrow networks and small arrays, to try the command on any machine',
  )


def _compile(kind: argparse.ArgumentParser) -> None:
  """Adds the flags of `compile`."""
  add = kind.add_argument
  add(
    '--device',
    required=True,
    choices=sorted(devices.DEVICES),
    help='device to compile for; it need not be here, its plugin must',
  )
  add(
    '--program',
    nargs='+',
    default=['render'],
    metavar='NAME',
    help='render, or training steps by config and variant: renderer, '
    'mapping:512',
  )
  add(
    '--batch', type=_BATCH, nargs='+', default=[8], help='frames, or examples'
  )
  add(
    '--dtype',
    nargs='+',
    default=['bfloat16'],
    choices=['float32', 'bfloat16'],
    help='types of computation',
  )
  add('--size', type=_SIDE, default=256, choices=[256, 512], help='of frames')
  add(
    '--devices',
    type=range_flags.whole(1, 64),
    default=1,
    help='so many of them cut a training step (mesh.fsdp)',
  )
  add(
    '--xla_preset',
    default='none',
    choices=sorted(xla_presets.PRESETS),
    help='flags of XLA, as of train.py',
  )
  add(
    '--keep',
    type=command.path,
    metavar='DIR',
    help='folder for the texts of the compiled programs',
  )


def _marking(kind: argparse.ArgumentParser) -> None:
  """Adds the flags of `marking`."""
  add = kind.add_argument
  add('folder', metavar='DIR', help='folder of videos')
  add('--size', type=_SIDE, default=256, help='side, pixels')
  add(
    '--frames',
    type=range_flags.whole(1, 100_000),
    default=40,
    help='frames of each video',
  )
  add(
    '--keys',
    type=range_flags.whole(1, 10_000),
    default=20,
    help='wrong keys tried on each video',
  )
  add(
    '--only',
    default='',
    metavar='WORDS',
    help="copies with these words in their names, as 'H.264'",
  )
  add(
    '--unmarked',
    action='store_true',
    help='DIR has pictures and videos without a mark: is one found?',
  )
