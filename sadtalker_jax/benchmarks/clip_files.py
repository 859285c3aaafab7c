"""Videos that benches are given."""

import pathlib

from sadtalker_jax import errors

_SUFFIXES = frozenset(['.mp4', '.mpg', '.mkv', '.mov', '.webm', '.avi'])


def of(folders: list[str]) -> list[pathlib.Path]:
  """The videos of folders, by name.

  Raises:
    InputError: a folder has none.
  """
  found = []
  for folder in folders:
    here = sorted(
      path
      for path in pathlib.Path(folder).glob('*')
      if path.suffix.lower() in _SUFFIXES
    )
    if not here:
      raise errors.InputError(f'{folder}: expected videos, found none')
    found += here
  return found
