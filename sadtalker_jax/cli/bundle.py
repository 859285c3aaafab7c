"""Makes a bundle of finished training stages.

    sadtalker bundle --run runs/expnet@best --run runs/posevae@4000 \
      --base bundles/256 --output bundles/mine

A checkpoint is named behind an @: a step, or `best` for the best by
`best_metric` of validation; the newest by default. Folders may be those of a
store, such as s3://bucket/run.
"""

import argparse
from collections.abc import Sequence
import pathlib
import sys
import tempfile
from typing import Literal

from sadtalker_jax.cli import command, range_flags

_Which = int | Literal['best'] | None  # of `training.export_bundle`


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('bundle', __doc__)
  result.add_argument(
    '--run',
    action='append',
    required=True,
    type=command.named,
    metavar='FOLDER[@STEP]',
    help='folder of train.py; several times for several stages',
  )
  result.add_argument(
    '--output',
    required=True,
    type=command.named,
    help='bundle to make, or its place in a store',
  )
  result.add_argument(
    '--base',
    type=command.named,
    help='bundle whose other networks are taken over',
  )
  result.add_argument(
    '--networks',
    nargs='+',
    default=[],
    metavar='NAME',
    help='networks that are kept (default: all; a discriminator is of use for '
    'further training alone)',
  )
  result.add_argument(
    '--half',
    action='store_true',
    help='store numbers as float16, which halves the bundle',
  )
  result.add_argument(
    '--licence',
    metavar='TEXT',
    help='note on the terms, for whoever is passed the bundle on',
  )
  which = result.add_mutually_exclusive_group()
  which.add_argument(
    '--step',
    type=range_flags.whole(),
    help='step of the checkpoints, where no @ names one',
  )
  which.add_argument(
    '--best',
    action='store_true',
    help='the best checkpoints by validation, where no @ names one',
  )
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _bundle(flags), 'bundle')


def _bundle(flags: argparse.Namespace) -> int:
  """Makes the bundle."""
  from sadtalker_jax.checkpoints import download
  from sadtalker_jax.stores import fetching, mirroring
  from sadtalker_jax.training import export_bundle

  usual: _Which = 'best' if flags.best else flags.step
  runs = []
  for given in flags.run:
    folder, step = _checkpoint(given, usual)
    runs.append((mirroring.fetch_run(folder), step))
  base = None if flags.base is None else download.folder(flags.base)
  remote = fetching.is_remote(flags.output)
  with tempfile.TemporaryDirectory() as place:
    made = pathlib.Path(place, 'bundle') if remote else flags.output
    card = export_bundle.bundle(
      runs,
      pathlib.Path(made),
      base=base,
      half=flags.half,
      names=flags.networks,
      licence=flags.licence,
    )
    if remote:
      fetching.upload(pathlib.Path(made), flags.output)
  print(f'{flags.output}: {", ".join(sorted(card.networks))}')
  return 0


def _checkpoint(given: str, usual: _Which) -> tuple[str, _Which]:
  """Folder of a run, and which of its checkpoints is meant."""
  folder, _, step = given.rpartition('@')
  if folder and step == 'best':
    return folder, 'best'
  if folder and step.isdecimal():
    return folder, int(step)
  return given, usual


if __name__ == '__main__':
  sys.exit(main())
