"""Files to read and to write: checks, and all-or-nothing writing.

Files to be read or written are checked before any work starts; a fault is an
`InputError` of one line. A file is written under a hidden name beside its final
one and renamed when complete, so that half a file never has the final name.
What a killed process leaves is removed by the next one that writes that name.
"""

from collections.abc import Iterator
import contextlib
import os
import pathlib
from typing import TypeAlias

from sadtalker_jax import errors
from sadtalker_jax.media import hidden_files

Path: TypeAlias = str | os.PathLike[str]

_MOST_BYTES = 255  # of a file's name, on all usual file systems


def check_source(path: str | os.PathLike[str], kind: str) -> pathlib.Path:
  """The path of a file that can be read.

  Args:
    path: name that the user gave.
    kind: description of the expected file for the message: 'an audio file'.

  Raises:
    InputError: the file is missing, not a regular file, empty or unreadable.
  """
  source = pathlib.Path(path)
  try:
    found = None
    if not source.exists():
      found = 'no such file'
    elif source.is_dir():
      found = 'a directory'
    elif not source.is_file():
      found = 'no regular file'
    elif source.stat().st_size == 0:
      found = 'an empty file'
    elif not os.access(source, os.R_OK):
      found = 'a file without permission to read'
  except OSError as error:  # a name too long, a folder closed to us
    found = error.strerror or str(error)
  except ValueError as error:  # a NUL character in the name
    found = str(error)
  if found:
    raise errors.InputError(
      f'{errors.named(path)}: expected {kind}, found {found}'
    )
  return source


def check_target(
  path: str | os.PathLike[str], *, overwrite: bool
) -> pathlib.Path:
  """The path of a file that can be written, tested by writing beside it.

  Args:
    path: name that the user gave.
    overwrite: whether an existing file may be replaced.

  Raises:
    InputError: the folder is missing or cannot be written to, the path is a
      directory, or the file exists and `overwrite` is false.
  """
  with _part(pathlib.Path(path), overwrite) as (target, part):
    part.unlink()
  return target


@contextlib.contextmanager
def replacing(
  path: str | os.PathLike[str], *, overwrite: bool
) -> Iterator[pathlib.Path]:
  """A temporary path that becomes `path` when the block ends without error.

  On any exception, KeyboardInterrupt included, the temporary file is removed
  and `path` stays as it was. Only a killed process can leave the hidden file
  `.<name>.<random>.part`, until another one writes that name.

  Args:
    path: name of the finished file.
    overwrite: whether an existing file may be replaced.

  Raises:
    InputError: as `check_target`.
  """
  with _part(pathlib.Path(path), overwrite) as (target, part):
    yield part
    _check_free(target, overwrite)  # may have appeared in the meantime
    _give_name(part, target, overwrite)


@contextlib.contextmanager
def _part(
  target: pathlib.Path, overwrite: bool
) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
  """A file's name and its hidden file, which is removed on any exception."""
  _check_name(target)
  hidden_files.remove_parts(target)
  _check_free(target, overwrite)
  part = hidden_files.part_of(target)
  lock = None
  try:  # a signal may come as soon as the file is there
    lock = hidden_files.make(part, target)
    yield target, part
  except BaseException:
    with contextlib.suppress(OSError):  # none, in a folder that is none
      part.unlink()
    raise
  finally:
    if lock is not None:
      os.close(lock)


def name_fault(name: str | os.PathLike[str]) -> str | None:
  """What is wrong with a path as such, whatever there is; None if nothing."""
  try:
    if b'\0' in os.fsencode(name):
      return 'a NUL character'
  except UnicodeEncodeError:
    return 'half a character (a surrogate)'
  return None


def is_same(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
  """Whether two names are those of one file that exists."""
  try:
    return os.path.samefile(one, other)
  except (OSError, ValueError):
    return False


def _give_name(
  part: pathlib.Path, target: pathlib.Path, overwrite: bool
) -> None:
  """Renames the finished file; never over one that has just appeared."""
  if overwrite:
    os.replace(part, target)
    return
  try:
    os.link(part, target)
  except FileExistsError:
    _check_free(target, overwrite)
    raise
  except OSError:  # a file system without links
    os.replace(part, target)
  else:
    part.unlink()


def _check_name(target: pathlib.Path) -> None:
  """Refuses a name that no file can have."""
  fault = name_fault(target)
  if not fault and len(os.fsencode(target.name)) > _MOST_BYTES:
    fault = f'{len(os.fsencode(target.name))} bytes'
  if fault:
    raise errors.InputError(
      f'{errors.named(target)}: expected a name of up to {_MOST_BYTES} bytes, '
      f'found {fault}'
    )
  try:
    str(target.parent).encode()  # FFmpeg wants UTF-8
  except UnicodeEncodeError as error:
    raise errors.InputError(
      f'{errors.shown(str(target))}: expected a folder whose name is UTF-8, '
      'found other bytes'
    ) from error


def _check_free(target: pathlib.Path, overwrite: bool) -> None:
  """Refuses a name that something else has."""
  found = None
  if target.is_dir():
    found = 'a directory'
  elif target.exists() and not target.is_file():  # /dev/null would be replaced
    found = 'a device or a pipe'
  if found:
    raise errors.InputError(
      f'{errors.named(target)}: expected a name for a file, found {found}'
    )
  if not overwrite and os.path.lexists(target):
    raise errors.InputError(
      f'{errors.named(target)}: expected no such file yet, found one (not '
      'overwritten)'
    )
