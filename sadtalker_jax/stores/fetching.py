"""Local copies of folders of an object store, and finished folders put there.

A copy is kept in a cache (`SADTALKER_CACHE`, or `sadtalker_jax/stores` in the
user's folder for such things). Files are compared by size and version (ETag,
or what a store has) each time, fetched under another name and then renamed.
"""

from collections.abc import Collection, Iterator, Mapping
from concurrent import futures
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
from typing import Any

from sadtalker_jax import errors

_URL = re.compile(r'([a-z][a-z0-9]+)://.+')
_HUB = 'hf'  # has a cache of its own, see `checkpoints.download`
_VERSIONS = ('ETag', 'etag', 'md5Hash', 'generation', 'mtime', 'created')
_STAMPS = '.fetched.json'
_CARD = 'card.json'  # of a bundle: written last
_THREADS = 16


def is_remote(path: str) -> bool:
  """Whether a path is one of an object store: `SCHEME://...`, but not hf://."""
  found = _URL.fullmatch(path)
  return found is not None and found.group(1) != _HUB


def system(url: str) -> tuple[Any, str]:
  """The file system of a store, and the path in it.

  Raises:
    InputError: There is no such store, or its package is not installed.
  """
  try:
    import fsspec

    found, path = fsspec.core.url_to_fs(url)
  except (ImportError, ValueError) as error:
    raise errors.InputError(
      f'{url}: expected a store that fsspec can open, found none ({error}); '
      "s3:// and gs:// need pip install 'sadtalker-jax[stores]'"
    ) from error
  found.invalidate_cache()  # of listings: others write, too
  return found, path.rstrip('/')


def cache_folder(url: str) -> pathlib.Path:
  """The local folder for what belongs to a path of a store.

  Raises:
    InputError: There is no folder for caches.
  """
  given = os.environ.get('SADTALKER_CACHE')
  if not given:
    caches = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    given = os.path.join(caches, 'sadtalker_jax', 'stores')
  if not os.path.isabs(given):
    raise errors.InputError(
      f'SADTALKER_CACHE: expected a folder for copies of {url}, found {given!r}'
    )
  name = url.rstrip('/').rpartition('/')[2]
  digest = hashlib.sha256(url.rstrip('/').encode()).hexdigest()[:12]
  return pathlib.Path(given, f'{name}-{digest}')


def fetch(url: str) -> pathlib.Path:
  """A local copy of a folder of a store, as it is now.

  Raises:
    InputError: There is nothing, it cannot be read, or the disk is too small.
  """
  folder = cache_folder(url)
  with reachable(url):
    store, root = system(url)
    found = listed(store, root)
    if not found:
      raise errors.InputError(f'{url}: expected a folder, found nothing there')
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
      update(store, root, folder, found)
  return folder


def listed(store: Any, root: str) -> dict[str, tuple[int, str]]:
  """Size and version of every file below a path, by the rest of its path."""
  files: dict[str, tuple[int, str]] = {}
  for path, info in store.find(root, detail=True).items():
    version = next((str(info[v]) for v in _VERSIONS if info.get(v)), '')
    files[path[len(root) :].lstrip('/')] = (int(info['size'] or 0), version)
  return {name: entry for name, entry in files.items() if name}


def upload(folder: pathlib.Path, url: str) -> None:
  """Puts a finished folder into a store; its card, if it has one, comes last.

  Raises:
    InputError: There is something at the path already.
  """
  with reachable(url):
    store, root = system(url)
    if listed(store, root):
      raise errors.InputError(f'{url}: expected nothing there, found files')
    names = [p for p in sorted(folder.rglob('*')) if p.is_file()]
    for path in sorted(names, key=lambda p: p.name == _CARD):
      store.put_file(str(path), f'{root}/{path.relative_to(folder).as_posix()}')


@contextlib.contextmanager
def reachable(url: str) -> Iterator[None]:
  """Turns what a store raises (no access, no network) into one line."""
  try:
    yield
  except errors.InputError:
    raise
  except Exception as error:  # each store has errors of its own
    text = str(error).strip().partition('\n')[0]
    raise errors.InputError(
      f'{url}: expected a store that can be read and written, found '
      f'{type(error).__name__}: {text}'
    ) from error


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
  """One process of this machine at a time; the others then find all there."""
  with folder.with_name(f'{folder.name}.lock').open('w') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    yield


def update(
  store: Any,
  root: str,
  folder: pathlib.Path,
  found: Mapping[str, tuple[int, str]],
  kept: Collection[str] = (),
) -> None:
  """Makes a local folder equal to what a store holds.

  Args:
    store: File system of the store.
    root: Path of the folder there.
    folder: The local folder.
    found: Files of the store, see `listed`.
    kept: Files of the local folder that stay as they are.

  Raises:
    InputError: The disk is too small.
  """
  stamps = folder / _STAMPS
  known = json.loads(stamps.read_text()) if stamps.exists() else {}
  wanted = {
    name: entry
    for name, entry in found.items()
    if known.get(name) != list(entry) or not (folder / name).exists()
  }
  size = sum(entry[0] for entry in wanted.values())
  free = shutil.disk_usage(folder).free
  if size > free:
    raise errors.InputError(
      f'{folder}: expected {size / 1e9:.1f} GB for a copy of {root}, found '
      f'{free / 1e9:.1f} GB free (SADTALKER_CACHE names another folder; '
      'data.by_ranges reads records piece by piece)'
    )
  for path in folder.rglob('*'):
    if path.is_file() and path != stamps:
      name = path.relative_to(folder).as_posix()
      if name not in found and name not in kept:
        path.unlink()

  def one(name: str) -> None:
    get_file(store, f'{root}/{name}', folder / name)

  with futures.ThreadPoolExecutor(_THREADS) as pool:
    list(pool.map(one, wanted))
  stamps.write_text(json.dumps(found))


def get_file(store: Any, source: str, target: pathlib.Path) -> None:
  """Fetches a file, whole or not at all."""
  target.parent.mkdir(parents=True, exist_ok=True)
  part = target.with_name(f'{target.name}.part-{os.getpid()}')
  try:
    store.get_file(source, str(part))
    part.replace(target)
  finally:
    part.unlink(missing_ok=True)
