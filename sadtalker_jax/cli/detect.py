"""Says what pictures and videos tell of their making.

    sadtalker detect talking.mp4 screenshot.png

Three things are looked for: the invisible mark of this program, words in the
file that say how it was made, and who signed it. The mark is found in copies,
too: re-encoded, scaled, cropped a little, single frames.

Exit code 0: every file has one of them; 1: a file has none; 2: a file cannot be
read. Nothing found proves nothing: all of it can be removed, and other programs
make pictures without it.
"""

import argparse
from collections.abc import Sequence
import dataclasses
import json
import sys
from typing import TYPE_CHECKING

from sadtalker_jax import errors
from sadtalker_jax.cli import command

if TYPE_CHECKING:
  from sadtalker_jax.marking import detection, signatures, statements
  from sadtalker_jax.marking import files as files_lib

_NOTHING = 1
_EXTRA = "pip install 'sadtalker-jax[provenance]'"


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
  result.add_argument(
    '--anchors',
    metavar='FILE',
    help='certificates in PEM whose signatures are trusted',
  )
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _run(flags), 'detect')


def _run(flags: argparse.Namespace) -> int:
  import tqdm

  from sadtalker_jax.marking import files, payloads, signatures

  payloads.read_key(flags.key)  # a faulty key is not the fault of a file
  signatures.read_anchors(flags.anchors)
  code = 0
  for path in tqdm.tqdm(
    flags.files, unit='file', disable=len(flags.files) < 2 or None
  ):
    try:
      report = files.detect(path, key=flags.key, anchors=flags.anchors)
    except errors.InputError as error:
      with tqdm.tqdm.external_write_mode():
        print(f'detect: {error}', file=sys.stderr)
      code = command.BAD_INPUT
      continue
    with tqdm.tqdm.external_write_mode():
      print(_as_json(path, report) if flags.json else _line(path, report))
    if not report:
      code = max(code, _NOTHING)
  return code


def _line(path: str, report: 'files_lib.Report') -> str:
  """What was found, in one line."""
  parts = [_mark(report.mark)]
  if report.statement is not None:
    parts.append(f'the file says: {_words(report.statement)}')
  parts.append(_signature(report.signature))
  if not report:
    parts.append('which proves nothing')
  return f'{path}: {"; ".join(parts)}'


def _mark(finding: 'detection.Finding') -> str:
  where = f'score {finding.score:.1f} ({finding.place})'
  if finding.payload:
    payload = finding.payload
    return f'marked: job {payload.job_id}, model {payload.model}, {where}'
  if finding:
    return f'marked, but what the mark says cannot be read: {where}'
  return (
    f'no mark found (score {finding.score:.1f}, marks without payload have 7 '
    'or more)'
  )


def _words(statement: 'statements.Statement') -> str:
  if statement.software is None:
    return str(statement.source_type)
  return (
    f'{statement.source_type}, {statement.software} {statement.version}, '
    f'model {statement.model}, job {statement.job}, {statement.time}'
  )


def _signature(signature: 'signatures.Signature') -> str:
  if signature.state == 'none':
    return 'not signed'
  if signature.state == 'unread':
    return f'signed, which is read with {_EXTRA}'
  if signature.state == 'invalid':
    return 'SIGNATURE INVALID: the file is not as it was signed'
  words = 'signed'
  if signature.generated:
    words += ' as generated'
  if signature.ingredients:
    words += f' (with {signature.ingredients} signed inputs)'
  if signature.state == 'trusted':
    return f'{words} by {signature.signer}'
  return f"{words}, unchanged; signer unknown ('{signature.signer}')"


def _as_json(path: str, report: 'files_lib.Report') -> str:
  finding, payload = report.mark, report.payload
  said = report.statement
  return json.dumps(
    {
      'file': path,
      'found': finding.kind,
      'score': round(finding.score, 2),
      'place': finding.place if finding else None,
      'version': payload.version if payload else None,
      'model': payload.model if payload else None,
      'job': payload.job_id if payload else None,
      'statement': dataclasses.asdict(said) if said else None,
      'signature': dataclasses.asdict(report.signature),
    }
  )


if __name__ == '__main__':
  sys.exit(main())
