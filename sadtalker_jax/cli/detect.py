"""Looks for the invisible mark of this program in pictures and videos.

    sadtalker detect talking.mp4 screenshot.png

The mark is found in copies, too: re-encoded, scaled, cropped a little, single
frames. Exit code 0: every file has one; 1: a file has none; 2: a file cannot be
read. No mark proves nothing: it can be removed, and other programs make
pictures without it.
"""

import argparse
from collections.abc import Sequence
import json
import sys
from typing import TYPE_CHECKING

from sadtalker_jax import errors
from sadtalker_jax.cli import command

if TYPE_CHECKING:
  from sadtalker_jax.marking import detection

_NOTHING = 1


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('detect', __doc__)
  result.add_argument('files', nargs='+', metavar='FILE')
  result.add_argument(
    '--json', action='store_true', help='print one JSON object a file'
  )
  result.add_argument(
    '--key', metavar='FILE', help='key of the mark, if it is not the public one'
  )
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _run(flags), 'detect')


def _run(flags: argparse.Namespace) -> int:
  import tqdm

  from sadtalker_jax.marking import files, payloads

  payloads.read_key(flags.key)  # a faulty key is not the fault of a file
  code = 0
  for path in tqdm.tqdm(
    flags.files, unit='file', disable=len(flags.files) < 2 or None
  ):
    try:
      finding = files.detect(path, key=flags.key)
    except errors.InputError as error:
      with tqdm.tqdm.external_write_mode():
        print(f'detect: {error}', file=sys.stderr)
      code = command.BAD_INPUT
      continue
    with tqdm.tqdm.external_write_mode():
      print(_as_json(path, finding) if flags.json else _line(path, finding))
    if not finding:
      code = max(code, _NOTHING)
  return code


def _line(path: str, finding: 'detection.Finding') -> str:
  if finding.payload:
    payload = finding.payload
    return (
      f'{path}: marked: job {payload.job_id}, model {payload.model}, '
      f'score {finding.score:.1f} ({finding.place})'
    )
  if finding:
    return (
      f'{path}: marked, but what the mark says cannot be read: '
      f'score {finding.score:.1f} ({finding.place})'
    )
  return (
    f'{path}: no mark found, which proves nothing '
    f'(score {finding.score:.1f}, marks without payload have 7 or more)'
  )


def _as_json(path: str, finding: 'detection.Finding') -> str:
  payload = finding.payload
  return json.dumps(
    {
      'file': path,
      'found': finding.kind,
      'score': round(finding.score, 2),
      'place': finding.place if finding else None,
      'version': payload.version if payload else None,
      'model': payload.model if payload else None,
      'job': payload.job_id if payload else None,
    }
  )


if __name__ == '__main__':
  sys.exit(main())
