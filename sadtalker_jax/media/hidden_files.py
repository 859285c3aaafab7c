"""Hidden files that a running process holds, and those of killed ones.

Who makes such a file keeps it locked (`flock`) while it works on it. The system
takes the lock away when the process ends, however it ends: a file without a
lock was left by a killed process and may be removed. File systems without locks
keep what was left.
"""

import contextlib
import errno
import fcntl
import os
import pathlib
import re
import secrets
import shutil

from sadtalker_jax import errors

LOCK = '.lock'  # file in a hidden folder that is locked


def part_of(target: pathlib.Path) -> pathlib.Path:
  """A new name beside a file, for what will become it."""
  # Random letters, since several processes may write the same name.
  return target.with_name(f'{_stem(target)}{secrets.token_hex(6)}.part')


def remove_parts(target: pathlib.Path) -> None:
  """Removes what killed processes left of a file, where that is possible."""
  # Signing rewrites a hidden file by one of its own.
  end = r'[0-9a-f]{12}\.part'
  _remove(target, rf'\.?{re.escape(_stem(target))}{end}(\.{end})?')


def drawn_of(target: pathlib.Path, key: str) -> pathlib.Path:
  """The name beside a file for what was drawn of it; `key` is 16 hex digits."""
  return target.with_name(f'{_stem(target)}{key}.drawn')


def remove_drawn(target: pathlib.Path, but: pathlib.Path | None = None) -> None:
  """Removes what was drawn of a file, but for one, where nobody works on it."""
  _remove(target, rf'{re.escape(_stem(target))}[0-9a-f]{{16}}\.drawn', but)


def _remove(
  target: pathlib.Path, pattern: str, but: pathlib.Path | None = None
) -> None:
  """Removes files and folders of such names that no process holds."""
  name = re.compile(pattern)
  with contextlib.suppress(OSError):  # no such folder
    for found in filter(name.fullmatch, os.listdir(target.parent)):
      path = target.with_name(found)
      if path == but:
        continue
      is_folder = path.is_dir()
      lock = take_over(path / LOCK if is_folder else path)
      if lock is not None:
        with contextlib.suppress(OSError):
          shutil.rmtree(path) if is_folder else path.unlink()
        os.close(lock)


def make(path: pathlib.Path, shown: pathlib.Path) -> int:
  """Makes an empty file and locks it; the lock ends with its descriptor.

  Args:
    path: Name of a file that does not exist.
    shown: Name that messages have.

  Raises:
    FileExistsError: It does exist.
    InputError: It cannot be made.
  """
  try:
    # tempfile would make a file that other users cannot read.
    lock = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
  except FileExistsError:
    raise
  except (OSError, ValueError) as error:
    reason = getattr(error, 'strerror', None) or str(error)
    raise errors.InputError(
      f'{errors.named(shown)}: expected a folder to write to, found: {reason}'
    ) from error
  if _is_ours(lock):
    return lock
  os.close(lock)  # taken for an abandoned one before it was locked
  raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def take_over(path: pathlib.Path) -> int | None:
  """The lock of an abandoned file; None where a process holds it."""
  try:
    lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
  except OSError:
    return None
  try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if os.fstat(lock).st_nlink:
      return lock
  except OSError:
    pass
  os.close(lock)
  return None


def _is_ours(lock: int) -> bool:
  """Locks a new file; false where another process was quicker."""
  try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    return False
  except OSError:  # a file system without locks
    return True
  return os.fstat(lock).st_nlink > 0


def _stem(target: pathlib.Path) -> str:
  """Begin of the names of hidden files of a file."""
  # Cut, since names are limited in length, and in UTF-8, which FFmpeg wants.
  stem = os.fsencode(target.name)[:200].decode('utf-8', errors='ignore')
  return f'.{stem}.'
