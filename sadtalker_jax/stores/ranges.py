"""Large files of a store, read by ranges, which a local file keeps.

`fetch` makes a folder in which small files are copies and large ones are empty
(sparse) files of the right size. `RangedFile` reads these: blocks that are not
there yet are fetched from the store and written to their places, so that a
second reading is one of the local disk. Where the disk is nearly full the range
itself is fetched, each time. Several processes may read one file: a block
counts once its byte in the map is set, which is after it was written.
"""

from collections.abc import Callable
import json
import os
import pathlib
import shutil
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.stores import fetching

BLOCK = 2**20  # bytes that are fetched at a time, some thirty frames
_ROOM = 10**9  # bytes of the disk that are left free
_FOLDER = '.ranges'  # what is known of the large files


def fetch(url: str, is_large: Callable[[str], bool]) -> pathlib.Path:
  """A local folder for one of a store, whose large files are still empty.

  Args:
    url: Folder in a store.
    is_large: Whether a file, by its path in the folder, is read by ranges.

  Raises:
    InputError: There is nothing, or it cannot be read.
  """
  folder = fetching.cache_folder(f'{url.rstrip("/")}-ranges')
  with fetching.reachable(url):
    store, root = fetching.system(url)
    found = fetching.listed(store, root)
    if not found:
      raise errors.InputError(f'{url}: expected a folder, found nothing there')
    large = {name: found.pop(name) for name in [*found] if is_large(name)}
    folder.mkdir(parents=True, exist_ok=True)
    with fetching.locked(folder):
      kept = {*large}
      for name in large:
        kept |= {f'{_FOLDER}/{name}.json', f'{_FOLDER}/{name}.map'}
      fetching.update(store, root, folder, found, kept)
      for name, (size, version) in large.items():
        known = {'url': f'{url.rstrip("/")}/{name}', 'size': size}
        _lay_out(folder, name, {**known, 'version': version, 'block': BLOCK})
  return folder


def _lay_out(folder: pathlib.Path, name: str, known: dict[str, Any]) -> None:
  """Makes the empty file, unless it is there and of the same version."""
  path, about, mapped = folder / name, *_beside(folder / name)
  if about.exists() and path.exists() and mapped.exists():
    if json.loads(about.read_text()) == known:
      return
  for each, size in (
    (path, known['size']),
    (mapped, -(-known['size'] // known['block'])),
  ):
    each.parent.mkdir(parents=True, exist_ok=True)
    each.unlink(missing_ok=True)  # others may still read what it was
    with each.open('wb') as file:
      file.truncate(size)
  about.write_text(json.dumps(known))


def _beside(path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
  """What is known of a file DIR/SUBFOLDER/NAME, and the map of its blocks."""
  there = path.parent.parent / _FOLDER / path.parent.name
  return there / f'{path.name}.json', there / f'{path.name}.map'


def is_ranged(path: pathlib.Path) -> bool:
  """Whether a file is one that `RangedFile` reads."""
  return _beside(path)[0].exists()


class RangedFile:
  """A file of a store; can be pickled, each process opens its own."""

  def __init__(self, path: pathlib.Path):
    """Reads what is known of it.

    Args:
      path: A large file of a folder of `fetch`.
    """
    self._path = path
    about, self._map = _beside(path)
    known = json.loads(about.read_text())
    self.size: int = known['size']
    self._url: str = known['url']
    self._block: int = known['block']

  def read(self, start: int, length: int) -> bytes:
    """A range of bytes.

    Raises:
      InputError: The store does not give them.
    """
    first = start // self._block
    count = -(-(start + length) // self._block) - first
    with self._map.open('rb') as file:
      there = os.pread(file.fileno(), count, first)
    if all(there):
      with self._path.open('rb') as file:
        return os.pread(file.fileno(), length, start)
    missing = [first + i for i, done in enumerate(there) if not done]
    if shutil.disk_usage(self._path.parent).free < _ROOM + count * self._block:
      return self._fetched(start, start + length)
    # Blocks between those that are missing come along: one request, not two.
    begin = missing[0] * self._block
    end = min((missing[-1] + 1) * self._block, self.size)
    data = self._fetched(begin, end)
    self._keep(missing[0], data)
    with self._path.open('rb') as file:
      head = os.pread(file.fileno(), max(begin - start, 0), start)
      tail = os.pread(file.fileno(), max(start + length - end, 0), end)
    inside = data[max(start - begin, 0) : start + length - begin]
    return head + inside + tail

  def _fetched(self, begin: int, end: int) -> bytes:
    with fetching.reachable(self._url):
      store, path = fetching.system(self._url)
      data = bytes(store.cat_file(path, start=begin, end=end))
    if len(data) != end - begin:
      raise errors.InputError(
        f'{self._url}: expected bytes {begin} to {end}, found {len(data)}'
      )
    return data

  def _keep(self, first: int, data: bytes) -> None:
    """Writes blocks to their places."""
    with self._path.open('rb+') as file:
      os.pwrite(file.fileno(), data, first * self._block)
    with self._map.open('rb+') as file:
      count = -(-len(data) // self._block)
      os.pwrite(file.fileno(), b'\1' * count, first)
