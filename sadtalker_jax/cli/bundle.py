"""Makes a bundle of finished training stages.

    python -m sadtalker_jax.cli.bundle --run runs/expnet --run runs/posevae \
      --base bundles/256 --output bundles/mine
"""

import argparse
from collections.abc import Sequence
import sys

from sadtalker_jax.cli import command


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('bundle', __doc__)
  result.add_argument(
    '--run',
    action='append',
    required=True,
    type=command.path,
    help='folder of train.py; several times for several stages',
  )
  result.add_argument(
    '--output', required=True, type=command.path, help='bundle to make'
  )
  result.add_argument(
    '--base',
    type=command.path,
    help='bundle whose other networks are taken over',
  )
  result.add_argument(
    '--step',
    type=int,
    help='step of the checkpoints; the newest by default',
  )
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _bundle(flags), 'bundle')


def _bundle(flags: argparse.Namespace) -> int:
  """Makes the bundle."""
  from sadtalker_jax.training import export_bundle

  card = export_bundle.bundle(
    flags.run, flags.output, base=flags.base, step=flags.step
  )
  print(f'{flags.output}: {", ".join(sorted(card.networks))}')
  return 0


if __name__ == '__main__':
  sys.exit(main())
