"""The folder of a run: everything in it, or nothing.

OUTPUT/metrics.json  metrics.md  index.html
OUTPUT/sheets/<i>.jpg            what was seen of clip i
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
  """A folder to fill that becomes `path` if the block ends well.

  Args:
    path: New, empty, or with `overwrite` one of an earlier run.
    overwrite: Whether that may be replaced.

  Raises:
    InputError: There is something else, or the folder cannot be made.
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
  """Raises InputError now if `replacing` would, before hours of work."""
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
  """Writes the tables and the page; moves strips and players there."""
  content_lib.write(folder, content)
  (folder / MARKDOWN).write_text(tables.markdown(content), encoding='utf-8')
  clips = []
  for name in (page.SHEETS, page.PLAYERS):
    (folder / name).mkdir()
  for i, (clip, entry) in enumerate(
    zip(outcome.clips, content['clips'], strict=True)
  ):
    shutil.move(clip.sheet, folder / page.SHEETS / f'{i}.jpg')
    players = {}
    for k, (system, film) in enumerate(clip.players.items()):
      players[system] = f'{page.PLAYERS}/{i}.{k}.mp4'
      shutil.move(film, folder / players[system])
    clips.append({**entry, 'players': players})
  whole = page.html_page({**content, 'clips': clips})
  (folder / page.PAGE).write_text(whole, encoding='utf-8')
