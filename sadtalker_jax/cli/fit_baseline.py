"""Fits the weights of the `baseline` lips to measurements of real speakers.

    python -m sadtalker_jax.cli.fit_baseline --clips FOLDER \
        [--unaligned FOLDER_OR_FILE ...] [--phones FILE ...] \
        [--speech FILE ...] [--landmarks FOLDER] --output baseline.npz

`--clips`: videos of one talking face whose sound fits the picture.
`--unaligned`: more of them, whose sound may be shifted; the shift is estimated.
`--phones`: phone times in the JSON of pocketsphinx, each beside a wav of the
same stem. `--speech`: English recordings whose phones pocketsphinx finds
(`pip install pocketsphinx`, needed for nothing else). Lips of phones come from
a table. `--landmarks`: a folder with `<stem>.npz` (points [T, 478, 3], fps), so
that videos need no tracking again.

The weights that ship: GRID clips; WDA_AlexandriaOcasioCortez_000 and
video-retalking 1 and 2 unaligned; phones of LibriVox 0880 and 0890; speech
RD_Radio31_000, RD_Radio34_002, WDA_BenCardin1_000 and eng. Their numbers, not
their pixels or sound, are in the file. Takes some minutes.

Prints the correlation of measured and produced opening for every clip, with
the weights fitted without its talker.
"""

import argparse
from collections.abc import Sequence
import sys

from sadtalker_jax.cli import command


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('fit_baseline', __doc__)
  add = result.add_argument
  add('--clips', type=command.path, nargs='+', required=True, metavar='PATH')
  for flag in ('--unaligned', '--phones', '--speech'):
    add(flag, type=command.path, nargs='*', default=[], metavar='PATH')
  add('--landmarks', type=command.path, metavar='FOLDER')
  add('--output', type=command.path, required=True, metavar='FILE')
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _fit(flags), 'fit_baseline')


def _fit(flags: argparse.Namespace) -> int:
  """Fits the weights and prints how well they follow the lips."""
  from sadtalker_jax.baseline_fitting import fitting

  report = fitting.run(
    flags.output,
    flags.clips,
    unaligned=flags.unaligned,
    phones=flags.phones,
    speech=flags.speech,
    landmarks=flags.landmarks,
  )
  print(report)
  return 0


if __name__ == '__main__':
  sys.exit(main())
