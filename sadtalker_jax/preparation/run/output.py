"""The folder that a preparation fills, locked while a run works on it.

    OUT/.work/lock           held while a run works; released when it dies
    OUT/.work/options.json   options of the parts
    OUT/.work/parts/         one file for each video that is done (`parts`)
    OUT/rejects.tsv          everything that was left out
    OUT/manifest.json, clips/, frames/: the records (`folders`)

The manifest is written last and removed first: while it exists, all records do.
Parts are removed after it is written, unless videos shall be added later.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
from types import TracebackType
from typing import Any, TextIO

from sadtalker_jax import errors
from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.records import folders

_WORK, _OPTIONS = '.work', 'options.json'
_KNOWN = {_WORK, 'clips', 'frames', 'manifest.json', 'rejects.tsv'}
_KNOWN |= {'.rejects.tsv', 'inspection.html', 'sheets'}


class OutputFolder:
  """An output folder, locked while the `with` block runs."""

  def __init__(
    self,
    folder: pathlib.Path,
    options: options_lib.PreparationOptions,
    fingerprint: str = '',
  ):
    """Names the folder; nothing is touched yet.

    Args:
      folder: Folder to fill; made if it does not exist.
      options: Options of the records.
      fingerprint: Hash of the networks' weights (`experts.fingerprint`).
    """
    self.folder = folder
    self.options = options
    self.digest = options_lib.digest(options, fingerprint)
    self._fingerprint = fingerprint
    self._lock: TextIO | None = None

  @property
  def parts(self) -> pathlib.Path:
    """Folder of the parts."""
    return self.folder / _WORK / 'parts'

  def part(self, key: str) -> pathlib.Path:
    """File of the part with a key (`video_files.VideoSource.key`)."""
    return self.parts / f'{key}.part'

  def __enter__(self) -> 'OutputFolder':
    """Locks the folder.

    Raises:
      InputError: The folder is in use, or holds other things, or records of
        another schema or other options; nothing is changed then.
    """
    with contextlib.ExitStack() as stack:
      self._check_foreign()
      try:
        self.parts.mkdir(parents=True, exist_ok=True)
        self._lock = stack.enter_context(
          (self.folder / _WORK / 'lock').open('a+')
        )
      except OSError as error:
        raise errors.InputError(
          f'{self.folder}: expected a folder to write to, found: '
          f'{error.strerror}'
        ) from error
      self._take(self._lock)
      self._check_options()
      for leftover in self.parts.glob('.*'):
        if leftover.is_dir():
          shutil.rmtree(leftover)
        else:
          leftover.unlink()
      stack.pop_all()
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    assert self._lock is not None
    self._lock.close()

  def manifest(self) -> dict[str, Any] | None:
    """The manifest, if the records are complete."""
    if not (self.folder / 'manifest.json').exists():
      return None
    return folders.read_manifest(self.folder)

  def describe(self) -> dict[str, Any]:
    """Entries of the manifest on how the records were made."""
    return {
      'options': self.digest,
      'choices': self.options.as_json(),
      'networks': self._fingerprint,
    }

  def _check_foreign(self) -> None:
    try:
      found = set(os.listdir(self.folder))
    except FileNotFoundError:
      return
    except OSError as error:
      raise errors.InputError(
        f'{self.folder}: expected a folder, found: {error.strerror}'
      ) from error
    if found and _WORK not in found or found - _KNOWN:
      other = sorted(found - _KNOWN) or sorted(found)
      raise errors.InputError(
        f'{self.folder}: expected a new folder or one that this program made, '
        f'found {other[0]} in it'
      )

  def _take(self, lock: TextIO) -> None:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      lock.seek(0)
      raise errors.InputError(
        f'{self.folder}: expected a folder that no other run works on, found '
        f'one that process {lock.read().strip() or "?"} holds'
      ) from error
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()

  def _check_options(self) -> None:
    """Compares options with the stored ones; stores them if there are none."""
    manifest = self.manifest()
    path = self.folder / _WORK / _OPTIONS
    stored = manifest
    if stored is None and path.exists():
      stored = json.loads(path.read_text())
    if stored is None:
      part = path.with_name(f'{_OPTIONS}.{os.getpid()}')
      part.write_text(json.dumps(self.describe(), indent=2))
      os.replace(part, path)
    elif stored['options'] != self.digest:
      changed = options_lib.differences(self.options, stored.get('choices', {}))
      if stored.get('networks') != self._fingerprint:
        changed.append('other networks')
      raise errors.InputError(
        f'{self.folder}: expected the options that it was begun with, found '
        f'others: {"; ".join(changed) or "another schema"} (take another '
        'folder, or the same options)'
      )
