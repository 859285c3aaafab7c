"""Names for new files, each given to one process at a time."""

from collections.abc import Iterator
import contextlib
import itertools
import os
import pathlib

from sadtalker_jax.media import hidden_files


@contextlib.contextmanager
def reserved(
  folder: pathlib.Path, stem: str, suffix: str
) -> Iterator[pathlib.Path]:
  """A name for a new file that no other process will be given meanwhile.

  Args:
    folder: Folder that exists.
    stem: Begin of the name; `_2`, `_3` and so on follow where it is taken.
    suffix: End of the name, with its dot.

  Raises:
    InputError: the folder cannot be written to.
  """
  _remove_unfinished(folder, suffix)
  for number in itertools.count(1):
    name = stem if number == 1 else f'{stem}_{number}'
    target = folder / f'{name}{suffix}'
    mark = folder / f'.{name}.reserved'
    lock = None
    try:
      if os.path.lexists(target):
        continue
      with contextlib.suppress(FileExistsError):
        lock = hidden_files.make(mark, folder)
      # Another process may have finished since the first look.
      if lock is not None and not os.path.lexists(target):
        try:
          yield target
        finally:  # no other run will have this name
          hidden_files.remove_drawn(target)
        return
    finally:
      if lock is not None:
        mark.unlink(missing_ok=True)
        os.close(lock)


def _remove_unfinished(folder: pathlib.Path, suffix: str) -> None:
  """Removes what killed processes left of files with reserved names."""
  with contextlib.suppress(OSError):
    for mark in folder.glob('.*.reserved'):
      if mark.stat().st_size:
        continue  # none of ours
      lock = hidden_files.take_over(mark)
      if lock is None:
        continue
      name = mark.name.removeprefix('.').removesuffix('.reserved')
      hidden_files.remove_parts(folder / f'{name}{suffix}')
      hidden_files.remove_drawn(folder / f'{name}{suffix}')
      with contextlib.suppress(OSError):
        mark.unlink()
      os.close(lock)
