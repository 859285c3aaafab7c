"""Writes the neural renderer as files that run without this package.

    python -m sadtalker_jax.cli.export --bundle BUNDLE --output DIR

See `inference.neural.exported` for what the folder holds and how to run it.
"""

import argparse
from collections.abc import Sequence
import sys

from sadtalker_jax.cli import command, range_flags


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('export', __doc__)
  add = result.add_argument
  add('--bundle', required=True, help='a folder, or hf://owner/repo')
  add('--output', required=True, help='folder to make')
  add(
    '--batch_size',
    type=range_flags.whole(1, 4096),
    default=8,
    help='frames drawn together',
  )
  add('--dtype', default='float32', choices=['float32', 'bfloat16'])
  add(
    '--preprocess',
    default='crop',
    choices=['crop', 'full'],
    help='whether rows hold the crop (73 numbers, full) or not (70)',
  )
  add(
    '--platforms',
    nargs='+',
    default=[],
    choices=['cpu', 'cuda', 'rocm', 'tpu'],
    help='one, or several for a folder each; default: as here',
  )
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _export(flags), 'export')


def _export(flags: argparse.Namespace) -> int:
  """Writes the files."""
  import sadtalker_jax
  from sadtalker_jax.inference import options as options_lib
  from sadtalker_jax.inference import rendering
  from sadtalker_jax.inference.neural import exported, neural_renderer

  bundle = sadtalker_jax.load(flags.bundle)
  options = options_lib.Options(
    preprocess=flags.preprocess,
    size=bundle.size,
    batch_size=flags.batch_size,
  )
  renderer = neural_renderer.NeuralRenderer(
    bundle, rendering.Devices(flags.dtype)
  )
  renderer.check(options)
  folder = exported.save(
    lambda platform: renderer.params(options, platform),
    flags.output,
    size=options.size,
    batch_size=options.batch_size,
    row_size=neural_renderer.row_size(options),
    platforms=flags.platforms,
  )
  size = sum(path.stat().st_size for path in folder.rglob('*.*'))
  print(f'{folder}: {size / 1e6:.0f} MB')
  return 0


if __name__ == '__main__':
  sys.exit(main())
