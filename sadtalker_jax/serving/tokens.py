"""Who may use a service: a file of names and tokens.

    # name  token  [day after which it is refused]
    robot   3f9c0e1d5b7a4482
    guest   77aa0102bbccddee  2027-01-31

Tokens have 16 characters or more. Whoever has a token sees its own jobs only.
"""

import datetime
import hashlib
import hmac
import os
import pathlib
import stat
from typing import NamedTuple, Self

from absl import logging

from sadtalker_jax import errors
from sadtalker_jax.media import files

LOCAL = 'local'  # owner of all jobs of a service without tokens

_LEAST = 16  # characters of a token


class _Entry(NamedTuple):
  name: str
  digest: bytes
  last_day: datetime.date | None


class Tokens:
  """The tokens of a service."""

  def __init__(self, entries: list[_Entry]):
    self._entries = entries

  @classmethod
  def read(cls, path: str | os.PathLike[str]) -> Self:
    """The tokens of a file.

    Raises:
      InputError: the file is missing, or a line is not what it must be.
    """
    source = files.check_source(path, 'a file of tokens')
    if stat.S_IMODE(source.stat().st_mode) & 0o077:
      logging.warning('%s: others can read it (chmod 600)', source)
    try:
      lines = source.read_text('utf-8').splitlines()
    except UnicodeDecodeError as error:
      raise errors.InputError(
        f'{source}: expected text in UTF-8, found {error.reason}'
      ) from error
    entries = [
      _entry(source, number, line.split())
      for number, line in enumerate(lines, 1)
      if line.strip() and not line.lstrip().startswith('#')
    ]
    if not entries:
      raise errors.InputError(f'{source}: expected tokens, found none')
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
      raise errors.InputError(f'{source}: expected every name once')
    return cls(entries)

  def owner(self, token: str) -> str | None:
    """Name of a token; None where it is unknown or its time is over."""
    digest = _digest(token)
    found = None
    for entry in self._entries:  # all of them: the time says nothing
      if hmac.compare_digest(entry.digest, digest):
        found = entry
    if found is None:
      return None
    today = datetime.datetime.now(datetime.UTC).date()
    if found.last_day is not None and today > found.last_day:
      return None
    return found.name


def _digest(token: str) -> bytes:
  return hashlib.sha256(token.encode('utf-8', 'surrogatepass')).digest()


def _entry(source: pathlib.Path, number: int, words: list[str]) -> _Entry:
  where = f'{source}: line {number}'
  if len(words) not in (2, 3):
    raise errors.InputError(
      f'{where}: expected a name, a token and perhaps a day, '
      f'found {len(words)} words'
    )
  if len(words[1]) < _LEAST:
    raise errors.InputError(
      f'{where}: expected a token of {_LEAST} characters or more, '
      f'found {len(words[1])}'
    )
  last_day = None
  if len(words) == 3:
    try:
      last_day = datetime.date.fromisoformat(words[2])
    except ValueError as error:
      raise errors.InputError(
        f'{where}: expected a day such as 2027-01-31, '
        f'found {errors.shown(words[2])}'
      ) from error
  return _Entry(words[0], _digest(words[1]), last_day)
