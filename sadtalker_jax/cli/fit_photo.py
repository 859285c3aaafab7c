"""Fits the packaged head to photos: by landmarks, then by colours.

    python -m sadtalker_jax.cli.fit_photo --output FOLDER photo.jpg ...

Writes for every photo FOLDER/<name>_fit.npz (coefficients [257], albedo
[V, 3], trans [5], the alignment of the picture) and <name>_fit.png: the aligned
photo, the fit to landmarks, the photometric fit, and the geometry of both.
Prints for both fits the mean colour distance over the skin that both show, in
[0, sqrt(3)], and the mean landmark error in percent of the inter-ocular
distance.

The fit to landmarks keeps identity, expression and pose; its light, and with
--albedo its colours, go through the same descent, so that geometry alone makes
the difference.
"""

import argparse
from collections.abc import Sequence
import sys

from sadtalker_jax import errors
from sadtalker_jax.cli import command, range_flags


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('fit_photo', __doc__)
  add = result.add_argument
  add('photos', nargs='+', type=command.path, help='picture files')
  add('--output', required=True, type=command.path, help='folder to write to')
  add(
    '--size',
    type=range_flags.whole(16, 4096),
    default=160,
    help='side of the aligned photo, pixels (default 160)',
  )
  add(
    '--steps',
    type=range_flags.whole(1, 100_000),
    default=200,
    help='steps of gradient descent (default 200)',
  )
  add('--albedo', action='store_true', help='a colour for every vertex')
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _fit(flags), 'fit_photo')


def _fit(flags: argparse.Namespace) -> int:
  """Fits photos and prints how much better the second fit is."""
  from sadtalker_jax.inference import bundle as bundle_lib
  from sadtalker_jax.photo_fitting import photo_fit

  try:
    flags.output.mkdir(parents=True, exist_ok=True)
    bundle = bundle_lib.load()
    for path in flags.photos:
      photo = photo_fit.read(path, bundle, flags.size)
      first, second, distance = photo_fit.fit_both(
        photo, bundle.model, albedo=flags.albedo, steps=flags.steps
      )
      stem = flags.output / f'{path.stem}_fit'
      photo_fit.save(stem, photo, (first, second), bundle.model)
      print(
        f'{path.name}: colour distance {distance[0]:.4f} -> {distance[1]:.4f} '
        f'({100 * (distance[1] / distance[0] - 1):+.0f} %), landmarks '
        f'{first.error:.2f} -> {second.error:.2f} %'
      )
  except OSError as error:
    raise errors.InputError(str(error)) from error
  return 0


if __name__ == '__main__':
  sys.exit(main())
