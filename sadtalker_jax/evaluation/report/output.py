"""The folder of a report, which is written whole or not at all.

OUTPUT/metrics.json  metrics.md  index.html
OUTPUT/sheets/<i>.jpg            crops of clip i
OUTPUT/traces/<i>.jpg            paths of its landmarks
OUTPUT/players/<i>.<k>.mp4       the crops of video k of it, with sound
"""

from collections.abc import Iterator, Mapping
import contextlib
import os
import pathlib
import secrets
import shutil
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles
from sadtalker_jax.evaluation import runner
from sadtalker_jax.evaluation.report import content as content_lib
from sadtalker_jax.evaluation.report import page, tables

MARKDOWN = 'metrics.md'


@contextlib.contextmanager
def replacing(path: pathlib.Path, *, overwrite: bool) -> Iterator[pathlib.Path]:
  """A folder to fill that is renamed to `path` if the block ends well.

  Args:
    path: Folder that is new or empty, or an earlier report with `overwrite`.
    overwrite: Whether an earlier report may be replaced.

  Raises:
    InputError: The folder holds other things, or cannot be made.
  """
  if not overwrite or not (path / content_lib.JSON).is_file():
    with bundles.writing(path) as folder:
      yield folder
    return
  mark = secrets.token_hex(4)
  fresh = path.with_name(f'.{path.name}.{mark}.new')
  with bundles.writing(fresh) as folder:
    yield folder
  aside = path.with_name(f'.{path.name}.{mark}.old')
  os.rename(path, aside)
  os.rename(fresh, path)
  shutil.rmtree(aside)


def check(path: pathlib.Path, *, overwrite: bool) -> None:
  """Checks a folder before hours of work; see `replacing`.

  Args:
    path: Folder of the report.
    overwrite: Whether an earlier report may be replaced.

  Raises:
    InputError: `replacing` would refuse the folder.
  """
  if overwrite and (path / content_lib.JSON).is_file():
    return
  if path.exists() and (not path.is_dir() or any(path.iterdir())):
    raise errors.InputError(
      f'{path}: expected a new or an empty folder, found something there '
      '(--overwrite replaces an earlier evaluation)'
    )


def fill(
  folder: pathlib.Path, outcome: runner.Outcome, content: Mapping[str, Any]
) -> None:
  """Writes tables and page of a report; moves its pictures and films there.

  Args:
    folder: Folder of the report.
    outcome: Results of `runner.run`.
    content: Content of `metrics.json`.
  """
  content_lib.write(folder, content)
  _write(folder / MARKDOWN, tables.markdown(content))
  clips = []
  for name in (page.SHEETS, page.TRACES, page.PLAYERS):
    (folder / name).mkdir()
  for i, (clip, entry) in enumerate(
    zip(outcome.clips, content['clips'], strict=True)
  ):
    shutil.move(clip.sheet, folder / page.SHEETS / f'{i}.jpg')
    shutil.move(clip.trace, folder / page.TRACES / f'{i}.jpg')
    players = {}
    for k, (system, film) in enumerate(clip.players.items()):
      players[system] = f'{page.PLAYERS}/{i}.{k}.mp4'
      shutil.move(film, folder / players[system])
    clips.append({**entry, 'players': players})
  whole = page.html_page({**content, 'clips': clips})
  _write(folder / page.PAGE, whole)


def _write(path: pathlib.Path, text: str) -> None:
  """Writes text; names of files in it that are none are escaped."""
  path.write_text(text, encoding='utf-8', errors='backslashreplace')
