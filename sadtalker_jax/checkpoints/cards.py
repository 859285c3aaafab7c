"""The card of a bundle: what is in it, where it came from, all checksums.

A card is JSON. All of it is checked when it is read: a bundle may come from
anywhere.
Hashes are SHA-256, sizes are bytes.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import json
import pathlib
from typing import Any

from sadtalker_jax import errors

FORMAT = 'sadtalker_jax bundle'
VERSION = 1  # version of the format; readers refuse newer ones
CARD = 'card.json'
NETWORKS = 'networks'  # folder of the networks in a bundle
# Networks that give or take expressions or places of the head, whose meaning a
# face model decides.
SPEAK_OF_FACES = frozenset(
  {'recon', 'expnet', 'posevae', 'mapping', 'mapping_full'}
)


@dataclasses.dataclass(frozen=True)
class NetworkEntry:
  """A network of a bundle.

  Attributes:
    config: Fields of the module.
    parameters: Count of the numbers that training changes.
    sources: Names of the files that the network was read from.
  """

  config: Mapping[str, Any]
  parameters: int
  sources: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class WeightOrigin:
  """A file that networks were read from.

  Attributes:
    file: Name of the file, without folders.
    bytes: Size of the file.
    sha256: Hash of the file.
    size: Side of the renderer's pictures, pixels; None without a renderer.
    keys: Number of names in the file.
    used: Number of names that are in the bundle.
    ignored: Names that are not in the bundle, by the reason.
    licence: Known terms of use.
  """

  file: str
  bytes: int
  sha256: str
  size: int | None
  keys: int
  used: int
  ignored: Mapping[str, list[str]]
  licence: str


@dataclasses.dataclass(frozen=True)
class FileEntry:
  """A file of a bundle."""

  bytes: int
  sha256: str


@dataclasses.dataclass(frozen=True)
class Card:
  """What a bundle holds.

  Attributes:
    size: Side of the renderer's pictures, pixels; None without a renderer.
    networks: Networks by name.
    sources: Files that the networks were read from.
    versions: Versions of the packages that wrote the bundle.
    licence: Note on the terms for whoever passes the bundle on.
    files: All files but the card, by path from the bundle, parts joined by /.
    morphable: Face model whose expressions the networks give and take; None if
      no network does.
  """

  size: int | None
  networks: Mapping[str, NetworkEntry]
  sources: tuple[WeightOrigin, ...]
  versions: Mapping[str, str]
  licence: str
  files: Mapping[str, FileEntry]
  morphable: str | None


def released_morphable(networks: Iterable[str]) -> str | None:
  """The face model of released networks (method 6.2); None if they need none.

  Args:
    networks: Names of the networks.
  """
  return 'bfm' if SPEAK_OF_FACES.intersection(networks) else None


def write(folder: pathlib.Path, card: Card) -> None:
  """Puts the card into a bundle that is being made."""
  content = {'format': FORMAT, 'version': VERSION, **dataclasses.asdict(card)}
  (folder / CARD).write_text(json.dumps(content, indent=1) + '\n')


def read(folder: pathlib.Path) -> Card:
  """The card of a bundle.

  Raises:
    InputError: The folder is no bundle, or its card is newer or damaged.
  """
  path = folder / CARD
  try:
    content = json.loads(path.read_text())
  except (OSError, ValueError, RecursionError) as error:
    raise errors.InputError(
      f"bundle: expected a folder with a {CARD}, found '{folder}' ({error})"
    ) from error
  if not isinstance(content, dict) or content.get('format') != FORMAT:
    raise errors.InputError(f"{path}: expected the card of a '{FORMAT}'")
  version = content.get('version')
  if not isinstance(version, int) or version < 1:
    raise errors.InputError(
      f'{path}: expected a format version, found {version!r}'
    )
  if version > VERSION:
    raise errors.InputError(
      f'{path}: expected format version {VERSION} or older, found {version}: a '
      'newer sadtalker_jax made this bundle, and can read it'
    )
  try:
    card = _card(content)
  except (KeyError, TypeError, AttributeError) as error:
    raise errors.InputError(f'{path}: damaged: {error!r}') from error
  _check_names(card, path)
  return card


def _card(content: Mapping[str, Any]) -> Card:
  """A card from its JSON."""
  networks = {
    name: NetworkEntry(
      {key: _frozen(value) for key, value in entry['config'].items()},
      entry['parameters'],
      tuple(entry['sources']),
    )
    for name, entry in content['networks'].items()
  }
  return Card(
    content['size'],
    networks,
    tuple(WeightOrigin(**entry) for entry in content['sources']),
    content['versions'],
    content['licence'],
    {name: FileEntry(**entry) for name, entry in content['files'].items()},
    # Older cards do not say; their networks are the released ones.
    content.get('morphable') or released_morphable(networks),
  )


def _frozen(value: Any) -> Any:
  """Lists as tuples, so that they may be fields of a module again."""
  if isinstance(value, list):
    return tuple(_frozen(item) for item in value)
  return value


def _check_names(card: Card, path: pathlib.Path) -> None:
  """Raises if a card names files outside of its bundle, or no files."""
  for name in card.files:
    pure = pathlib.PurePosixPath(name)
    if pure.is_absolute() or '..' in pure.parts or '\\' in name:
      raise errors.InputError(f'{path}: {name!r} is no file of a bundle')
  for name in card.networks:
    start = f'{NETWORKS}/{name}/'
    if not name.isidentifier() or not any(
      file.startswith(start) for file in card.files
    ):
      raise errors.InputError(f'{path}: no files of the network {name!r}')
