"""The folder of a run in an object store.

A run writes to a local folder, and a thread puts what is finished into the
store. Nothing is written there directly: a store cannot append to a file, nor
rename a folder in one go, and both are what makes a checkpoint whole or absent.

    STORE/checkpoints/STEP/...    files of a checkpoint
    STORE/complete/STEP.json      their sizes, written last: without it there is
                                  no checkpoint
    STORE/...                     all else: figures, pictures, config

When a run begins, what the store has takes the place of the local folder; one
with checkpoints that the store never got is put aside.
"""

from collections.abc import Iterator, Mapping
import contextlib
import fcntl
import json
import pathlib
import shutil
import threading
import time
from typing import Any

from absl import logging

from sadtalker_jax import errors
from sadtalker_jax.stores import fetching

_CHECKPOINTS = 'checkpoints'
_COMPLETE = 'complete'
_SECONDS = 2.0  # between looks at the local folder


@contextlib.contextmanager
def mirrored(path: str) -> Iterator[pathlib.Path]:
  """The local folder of a run; that of a store is brought up to date.

  Args:
    path: Folder of the run, local or of a store.

  Raises:
    InputError: The store cannot be reached; what is not in it yet stays in the
      local folder, which the message names.
  """
  if not fetching.is_remote(path):
    yield pathlib.Path(path)
    return
  folder = run_folder(path)
  with _claimed(folder, path):
    mirror = _Mirror(path, folder)
    mirror.pull()
    try:
      with mirror.running():
        yield folder
    finally:
      try:
        mirror.push()
      except errors.InputError as error:
        raise errors.InputError(f'{error}; the run lies in {folder}') from error


def run_folder(url: str) -> pathlib.Path:
  """The local folder of a run in a store; that of `fetch` is another.

  Raises:
    InputError: There is no folder for caches.
  """
  copy = fetching.cache_folder(url)
  return copy.with_name(f'{copy.name}-run')


def fetch_run(path: str) -> pathlib.Path:
  """The folder of a run; of one in a store, a copy with whole checkpoints.

  Raises:
    InputError: There is nothing, or it cannot be read.
  """
  if not fetching.is_remote(path):
    return pathlib.Path(path)
  folder = fetching.fetch(path)
  whole = {p.stem for p in (folder / _COMPLETE).glob('*.json')}
  for step in _steps(folder) - whole:
    shutil.rmtree(folder / _CHECKPOINTS / step)
  return folder


@contextlib.contextmanager
def _claimed(folder: pathlib.Path, url: str) -> Iterator[None]:
  """Holds the local folder against other runs of this machine.

  Raises:
    InputError: Another run holds it.
  """
  folder.parent.mkdir(parents=True, exist_ok=True)
  with folder.with_name(f'{folder.name}.lock').open('w') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      raise errors.InputError(
        f'{url}: expected a folder that no other run uses, found it in use'
      ) from error
    yield


class _Mirror:
  """A local folder of a run, and what a store has of it."""

  def __init__(self, url: str, folder: pathlib.Path):
    self._url, self._folder = url, folder
    with fetching.reachable(url):
      self._store, self._root = fetching.system(url)
    self._sent: dict[str, tuple[int, int]] = {}  # size and time of small files
    self._steps: set[str] = set()  # checkpoints that the store has
    self._lock = threading.Lock()

  def pull(self) -> None:
    """Makes the local folder equal to the store's."""
    with fetching.reachable(self._url):
      found = fetching.listed(self._store, self._root)
      whole = self._whole(found)
      self._empty(whole)
      for name in found:
        first, *rest = name.split('/')
        half = first == _CHECKPOINTS and rest[0] not in whole
        if first != _COMPLETE and not half:
          source = f'{self._root}/{name}'
          fetching.get_file(self._store, source, self._folder / name)
    self._steps = whole
    if whole:
      steps = sorted(whole, key=int)
      logging.info('%s has checkpoints of %s', self._url, ', '.join(steps))

  def _whole(self, found: Mapping[str, tuple[int, str]]) -> set[str]:
    """Checkpoints of the store whose files all have their sizes."""
    whole = set()
    for name in found:
      if name.startswith(f'{_COMPLETE}/'):
        sizes = json.loads(self._store.cat_file(f'{self._root}/{name}'))
        if all(found.get(n, (None,))[0] == size for n, size in sizes.items()):
          whole.add(pathlib.PurePosixPath(name).stem)
    return whole

  def _empty(self, whole: set[str]) -> None:
    """Empties the local folder; puts it aside if the store has not all of it.

    Args:
      whole: Checkpoints that the store has.
    """
    newest = max((int(step) for step in whole), default=-1)
    if any(int(step) > newest for step in _steps(self._folder)):
      aside = self._folder.with_name(f'{self._folder.name}-{time.time_ns()}')
      self._folder.rename(aside)
      logging.warning(
        '%s lacks checkpoints of the last run here: they are in %s',
        self._url,
        aside,
      )
    elif self._folder.exists():
      shutil.rmtree(self._folder)
    self._folder.mkdir(parents=True)

  @contextlib.contextmanager
  def running(self) -> Iterator[None]:
    """Pushes every few seconds, in a thread."""
    stop = threading.Event()

    def work() -> None:
      while not stop.wait(_SECONDS):
        try:
          self.push()
        except errors.InputError as error:  # tried again, and told at the end
          logging.warning('not in the store yet: %s', error)

    thread = threading.Thread(target=work, name='mirror', daemon=True)
    thread.start()
    try:
      yield
    finally:
      stop.set()
      thread.join()

  def push(self) -> None:
    """Puts finished checkpoints and all else that is new into the store."""
    with self._lock, fetching.reachable(self._url):
      local = _steps(self._folder)
      for path in self._files(self._folder):
        name = path.relative_to(self._folder).as_posix()
        if not name.startswith(f'{_CHECKPOINTS}/'):
          self._send(path, name)
      for step in sorted(local - self._steps, key=int):
        self._send_checkpoint(step)
      for step in self._steps - local:
        self._store.rm_file(f'{self._root}/{_COMPLETE}/{step}.json')
        self._steps.discard(step)
        self._clear(step)

  def _send(self, path: pathlib.Path, name: str) -> None:
    """Puts a file there, if it is not there as it is now."""
    try:
      stat = path.stat()
      now = stat.st_size, stat.st_mtime_ns
      if self._sent.get(name) != now:
        self._store.put_file(str(path), f'{self._root}/{name}')
        self._sent[name] = now
    except FileNotFoundError:
      if path.exists():
        raise  # of the store, not of a file that was gone by then

  def _send_checkpoint(self, step: str) -> None:
    """Puts a checkpoint there, and then says that it is whole."""
    self._clear(step)  # what an earlier attempt has left
    folder = self._folder / _CHECKPOINTS / step
    sizes = {}
    for path in self._files(folder):
      name = path.relative_to(self._folder).as_posix()
      sizes[name] = path.stat().st_size
      self._store.put_file(str(path), f'{self._root}/{name}')
    self._store.pipe_file(
      f'{self._root}/{_COMPLETE}/{step}.json', json.dumps(sizes).encode()
    )
    self._steps.add(step)
    logging.info('the checkpoint of step %s is in %s', step, self._url)

  def _clear(self, step: str) -> None:
    """Removes the files of a checkpoint that is not said to be whole."""
    self._store.invalidate_cache()
    place = f'{self._root}/{_CHECKPOINTS}/{step}'
    if self._store.exists(place):
      self._store.rm(place, recursive=True)

  def _files(self, folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(
      p
      for p in folder.rglob('*')
      if p.is_file() and p.name != '.lock' and '.part-' not in p.name
    )


def _steps(folder: pathlib.Path) -> set[str]:
  """Checkpoints that are finished: Orbax renames them when they are."""
  place: Any = folder / _CHECKPOINTS
  if not place.is_dir():
    return set()
  return {p.name for p in place.iterdir() if p.name.isdecimal()}
