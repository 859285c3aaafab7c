"""Makes a bundle of finished training stages.

    python -m sadtalker_jax.cli.bundle --run runs/expnet --run runs/posevae \
      --base bundles/256 --output bundles/mine
"""

import argparse
import pathlib
import sys

from sadtalker_jax import errors
from sadtalker_jax.training import export_bundle


def parser() -> argparse.ArgumentParser:
  """The flags."""
  result = argparse.ArgumentParser(
    prog='python -m sadtalker_jax.cli.bundle', description=__doc__
  )
  result.formatter_class = argparse.RawDescriptionHelpFormatter
  result.add_argument(
    '--run',
    action='append',
    required=True,
    type=pathlib.Path,
    help='folder of train.py; several times for several stages',
  )
  result.add_argument(
    '--output', required=True, type=pathlib.Path, help='bundle to make'
  )
  result.add_argument(
    '--base',
    type=pathlib.Path,
    help='bundle whose other networks are taken over',
  )
  result.add_argument(
    '--step', type=int, help='of the checkpoints; the newest by default'
  )
  return result


def main(argv: list[str] | None = None) -> int:
  """Makes the bundle; 2 if something does not fit."""
  flags = parser().parse_args(argv)
  try:
    card = export_bundle.bundle(
      flags.run, flags.output, base=flags.base, step=flags.step
    )
  except errors.InputError as error:
    print(f'bundle: {error}', file=sys.stderr)
    return 2
  print(f'{flags.output}: {", ".join(sorted(card.networks))}')
  return 0


if __name__ == '__main__':
  sys.exit(main())
