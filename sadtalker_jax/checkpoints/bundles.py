"""A bundle: the networks of an animation in one folder, with a card.

    BUNDLE/card.json           what is in it, see `cards`
    BUNDLE/networks/<name>/    variables of one network, see `params`

Network names are those of `models.zoo`.
"""

from collections.abc import Iterator, Mapping
from concurrent import futures
import contextlib
import hashlib
import os
import pathlib
import shutil
import tempfile

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import cards, params
from sadtalker_jax.typing import Variables


@contextlib.contextmanager
def writing(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """A folder to fill that is renamed to `path` if the block ends well.

  It lies beside `path` and is removed on any error.

  Raises:
    InputError: `path` exists and is not an empty folder, or cannot be made.
  """
  path = path.absolute()
  try:
    is_taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
  except OSError as error:  # a name too long, a folder closed to us
    raise errors.InputError(
      f'{path}: expected a folder that can be made: {error.strerror}'
    ) from error
  if is_taken:
    raise errors.InputError(
      f'{path}: expected a new or an empty folder, found something there'
    )
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = tempfile.mkdtemp(prefix=f'.{path.name}.', dir=path.parent)
  except OSError as error:
    raise errors.InputError(
      f'{path}: expected a folder that can be made: {error}'
    ) from error
  try:
    folder = pathlib.Path(beside, path.name)
    folder.mkdir()
    yield folder
    os.rename(folder, path)
  finally:
    shutil.rmtree(beside)


def add(folder: pathlib.Path, name: str, variables: Variables) -> None:
  """Writes the variables of a network into a bundle that is being made."""
  params.save(_network(folder, name), variables)


def seal(
  folder: pathlib.Path,
  *,
  size: int | None,
  networks: Mapping[str, cards.NetworkEntry],
  sources: tuple[cards.WeightOrigin, ...],
  versions: Mapping[str, str],
  licence: str,
  morphable: str | None = None,
) -> cards.Card:
  """Writes the card of a bundle, when its networks are; see `cards.Card`."""
  paths = sorted(p for p in folder.rglob('*') if p.is_file())
  files = {str(p.relative_to(folder).as_posix()): file_card(p) for p in paths}
  card = cards.Card(
    size, networks, sources, versions, licence, files, morphable
  )
  cards.write(folder, card)
  return card


def verify(folder: pathlib.Path, card: cards.Card) -> None:
  """Holds every file of a bundle against its card.

  Raises:
    InputError: Files are missing, or not those that were written; all of them
      are named.
  """
  # Hashing releases the interpreter lock, so threads are enough.
  with futures.ThreadPoolExecutor() as pool:
    faults = list(
      pool.map(lambda item: _fault(folder, *item), card.files.items())
    )
  if any(faults):
    raise errors.InputError(
      f'{folder}: the bundle is damaged or was changed:\n  '
      + '\n  '.join(fault for fault in faults if fault)
    )


def load(folder: pathlib.Path, name: str, shapes: Variables) -> Variables:
  """Variables of a network of a bundle, numpy arrays.

  Args:
    folder: Folder of the bundle.
    name: Name of the network.
    shapes: Expected arrays, as `jax.ShapeDtypeStruct`.

  Raises:
    InputError: The bundle holds other names or shapes.
  """
  return params.load(_network(folder, name), shapes)


def file_card(path: pathlib.Path) -> cards.FileEntry:
  """Size and hash of a file."""
  with path.open('rb') as file:
    digest = hashlib.file_digest(file, 'sha256')
  return cards.FileEntry(path.stat().st_size, digest.hexdigest())


def _network(folder: pathlib.Path, name: str) -> pathlib.Path:
  return folder / cards.NETWORKS / name


def _fault(folder: pathlib.Path, name: str, expected: cards.FileEntry) -> str:
  """What is wrong with a file of a bundle; an empty text if nothing is."""
  path = folder / name
  if not path.is_file():
    return f'{name}: missing'
  if path.stat().st_size != expected.bytes:
    return f'{name}: expected {expected.bytes} bytes, found ' + str(
      path.stat().st_size
    )
  found = file_card(path).sha256
  if found != expected.sha256:
    return f'{name}: expected SHA-256 {expected.sha256}, found {found}'
  return ''
