"""Goes through folders of real clips; what is measured is written at once."""

from collections.abc import Iterator
import json
import pathlib
import re
from typing import Any

import numpy as np

from sadtalker_jax import errors, json_text
from sadtalker_jax.benchmarks import clip_files
from sadtalker_jax.benchmarks import folders as folders_lib
from sadtalker_jax.benchmarks.likeness import cuts, redriving, tables


def run(
  folders: list[str],
  *,
  seconds: float,
  size: int,
  talkers: str | None = None,
  rows_file: pathlib.Path | None = None,
  keep: pathlib.Path | None = None,
) -> Iterator[str]:
  """Lines: one for each clip, then tables, then what was left out.

  Args:
    folders: Folders of real clips of one talking face each.
    seconds: Length of a clip that is driven again.
    size: Side of its frames, pixels.
    talkers: Regular expression; clips with the same match are of one talker.
      None: each clip has a talker of its own.
    rows_file: File of rows as JSON, one a line, to which every clip is added;
      clips that it has are not measured again. None to write none.
    keep: Folder for the videos that are made; None to keep none.

  Raises:
    InputError: a folder has no videos, none of them can be measured, or the
      file is of another kind or of other choices.
  """
  paths = clip_files.of(folders)
  pattern = _pattern(talkers)
  choices = {'seconds': seconds, 'size': size}
  rows = _known(rows_file, choices)
  left_out = []
  if keep is not None:
    folders_lib.make(keep, '--keep')
  redriver = redriving.Redriver(size, keep)
  for path in paths:
    if any(row['clip'] == path.stem for row in rows):
      continue
    try:
      own = [_plain(row) for row in _rows(path, seconds, redriver)]
    except errors.InputError as error:
      left_out.append(f'- {path.name}: {error}')
      continue
    rows += [{**row, **choices} for row in own]
    _add(rows_file, rows[len(rows) - len(own) :])
    yield f'{path.name}: {", ".join(row["start"] for row in own)}'
  if not rows:
    raise errors.InputError(
      'expected clips of a talking face, found none: ' + '; '.join(left_out)
    )
  named = [{**row, 'talker': _talker(row['clip'], pattern)} for row in rows]
  yield from ['', *tables.all_of(named)]
  if left_out:
    yield from ['', 'Left out:', '', *left_out]


def _rows(
  path: pathlib.Path, seconds: float, redriver: redriving.Redriver
) -> Iterator[dict[str, Any]]:
  """A row for each cut of a clip."""
  clip = cuts.read(path, seconds)
  for start, first in cuts.starts(clip.points, seconds).items():
    yield {
      'clip': clip.name,
      'start': start,
      'at': first / cuts.FPS,
      **redriver.measured(clip.from_frame(first, seconds), start),
    }


def _pattern(text: str | None) -> re.Pattern[str] | None:
  try:
    return None if text is None else re.compile(text)
  except re.error as error:
    raise errors.InputError(
      f'--talkers: expected a regular expression, found {text!r}: {error}'
    ) from error


def _talker(clip: str, pattern: re.Pattern[str] | None) -> str:
  """Who talks in a clip: the part of its name that matches, or all of it."""
  match = pattern.search(clip) if pattern else None
  return match.group() if match else clip


def _known(
  path: pathlib.Path | None, choices: dict[str, float]
) -> list[dict[str, Any]]:
  """The rows of a file; none where there is no file."""
  if path is None or not path.exists():
    return []
  rows = []
  for number, line in enumerate(path.read_text().splitlines(), 1):
    row = json_text.parse(line)
    if not isinstance(row, dict) or 'clip' not in row:
      raise errors.InputError(
        f'{path}, line {number}: expected a row of likeness, found another '
        'kind of text'
      )
    found = {name: row.get(name) for name in choices}
    if found != choices:
      raise errors.InputError(
        f'{path}, line {number}: expected rows of {choices}, found {found}'
      )
    rows.append(row)
  return rows


def _add(path: pathlib.Path | None, rows: list[dict[str, Any]]) -> None:
  if path is None:
    return
  with path.open('a') as file:
    for row in rows:
      file.write(json.dumps(row) + '\n')


def _plain(value: Any) -> Any:
  """The same as JSON can hold it; what is not known is null."""
  if isinstance(value, dict):
    return {key: _plain(part) for key, part in value.items()}
  if isinstance(value, (float, np.floating)):
    return round(float(value), 5) if np.isfinite(value) else None
  return value
