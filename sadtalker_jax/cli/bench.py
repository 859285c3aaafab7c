"""Times the heavy parts on this machine and prints one JSON object a line.

    python -m sadtalker_jax.cli.bench render --size 256 --batch 1 4 8
    python -m sadtalker_jax.cli.bench motion
    python -m sadtalker_jax.cli.bench rasterize
    python -m sadtalker_jax.cli.bench grid_sample
    python -m sadtalker_jax.cli.bench marking DIR --size 256

A line says what ran where (device, dtype, batch, versions), the median and the
spread of the seconds over repeats, the arithmetic by XLA's own count (or that
of the traced products, where loops hide some from XLA), and what share that is
of the speed of a large matrix product measured in the same run.
Without --bundle the weights are noise: speed does not depend on them.

`marking` says which copies of the videos of a folder keep the invisible mark:
a line for each kind of copy, and one of cost and visibility.
"""

import argparse
from collections.abc import Iterator, Sequence
import json
import sys
from typing import Any

from sadtalker_jax.cli import command

# Name, default batch size, help.
_KINDS = (
  ('render', 1, 'frames of the neural renderer'),
  ('motion', 32, 'ExpNet and PoseVAE, frames of sound'),
  ('rasterize', 1, 'triangles, pictures and gradients at 224'),
  ('grid_sample', 2, 'three uses of sampling'),
)


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('bench', __doc__)
  kinds = result.add_subparsers(required=True, dest='what', metavar='WHAT')
  for name, batch, text in _KINDS:
    kind = kinds.add_parser(
      name, help=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    kind.add_argument(
      '--batch',
      type=int,
      nargs='+',
      default=[batch],
      help='batch sizes, one line each',
    )
    kind.add_argument(
      '--repeats', type=int, default=10, help='number of timed calls'
    )
    if name == 'render':
      kind.add_argument('--size', type=int, default=256, choices=[256, 512])
      kind.add_argument('--bundle', help='bundle of weights; else noise')
      kind.add_argument(
        '--dtype', default='float32', choices=['float32', 'bfloat16']
      )
  marking = kinds.add_parser(
    'marking',
    help='copies that keep the invisible mark',
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
  )
  marking.add_argument('folder', metavar='DIR', help='folder of videos')
  marking.add_argument('--size', type=int, default=256, help='side, pixels')
  marking.add_argument(
    '--frames', type=int, default=40, help='frames of each video'
  )
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _print(flags), 'bench')


def _print(flags: argparse.Namespace) -> int:
  for line in _lines(flags):
    print(json.dumps(line), flush=True)
  return 0


def _lines(flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
  """The lines of the benchmark that the flags name."""
  from sadtalker_jax.benchmarks import (
    grid_sample_speed,
    marking,
    motion_speed,
    rasterize_speed,
    render_speed,
  )

  if flags.what == 'marking':
    return marking.run(flags.folder, flags.size, flags.frames)
  if flags.what == 'render':
    return render_speed.run(
      flags.batch,
      flags.repeats,
      size=flags.size,
      dtype=flags.dtype,
      bundle=flags.bundle,
    )
  benchmark = {
    'motion': motion_speed.run,
    'rasterize': rasterize_speed.run,
    'grid_sample': grid_sample_speed.run,
  }[flags.what]
  return benchmark(flags.batch, flags.repeats)


if __name__ == '__main__':
  sys.exit(main())
