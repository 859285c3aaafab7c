"""Single files, local or in an object store, by one kind of address.

An address is a local path or `SCHEME://...`, see `fetching.is_remote`.
"""

import os
import pathlib
import shutil

from sadtalker_jax import errors
from sadtalker_jax.stores import fetching


def joined(base: str, name: str) -> str:
  """The address of a name that is relative to a folder, or an address itself.

  Args:
    base: Address of the folder.
    name: Address or relative path.
  """
  if fetching.is_remote(name) or os.path.isabs(name):
    return name
  if fetching.is_remote(base):
    return f'{base.rstrip("/")}/{name}'
  return os.path.join(base, name)


def exists(address: str) -> bool:
  """Whether there is something.

  Raises:
    InputError: The store cannot be reached.
  """
  if not fetching.is_remote(address):
    return os.path.lexists(address)
  with fetching.reachable(address):
    store, path = fetching.system(address)
    return bool(store.exists(path))


def fetch(address: str, target: pathlib.Path) -> None:
  """Copies a file of a store to this machine.

  Raises:
    InputError: There is none, or the store cannot be reached.
  """
  with fetching.reachable(address):
    store, path = fetching.system(address)
    if not store.isfile(path):
      raise errors.InputError(f'{address}: expected a file, found none')
    fetching.get_file(store, path, target)


def put(source: pathlib.Path, address: str) -> None:
  """Copies a file to an address, whole or not at all; what is there is lost.

  Raises:
    InputError: The store cannot be reached.
  """
  with fetching.reachable(address):
    if fetching.is_remote(address):
      store, path = fetching.system(address)
      store.makedirs(path.rpartition('/')[0], exist_ok=True)
      # Not all stores write a file at once; all of them rename.
      part = f'{path}.part-{os.getpid()}'
      store.put_file(str(source), part)
      store.mv(part, path)
      return
    target = pathlib.Path(address)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = f'{target}.part-{os.getpid()}'
    shutil.copyfile(source, part)
    os.replace(part, target)
