"""Folders that benches write into."""

import pathlib

from sadtalker_jax import errors


def make(folder: pathlib.Path, flag: str) -> None:
  """Makes a folder, and those around it, unless it is there.

  Args:
    folder: The folder.
    flag: What named it, for the error.

  Raises:
    InputError: it cannot be made.
  """
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise errors.InputError(
      f'{flag}: expected a folder, found {folder}: {error.strerror}'
    ) from error
