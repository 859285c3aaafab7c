"""Bundles: the networks, the face model and the weights of an animation.

A `Bundle` gathers them under one name. The default one ships with the package
and needs no download: BlazeFace, FaceMesh and iris networks, the CC0 MakeHuman
head, and ExpNet and PoseVAE as they were trained here (`data/networks`, made by
`configs/expnet.py:packaged` and `configs/posevae.py:packaged`). Other ones have
other networks: the published ones (`cli.convert`), or trained ones.
"""

from collections.abc import Mapping
import dataclasses
import functools
import hashlib
import os
import pathlib
import shutil
import threading
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards, download
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.faces import detector as detector_lib
from sadtalker_jax.faces import landmarks
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables

DATA = pathlib.Path(__file__).resolve().parent / 'data'
SAMPLE_PORTRAIT = DATA / 'grace_hopper.jpg'  # public domain, see NOTICE
SAMPLE_SPEECH = DATA / 'librivox_0870.flac'  # public domain, see NOTICE
DEFAULT = 'default'  # name of the bundle that ships
_NETWORKS = DATA / 'bundle'  # its folder
PACKAGED_BASIS = 'makehuman'  # the face model that ships


@dataclasses.dataclass(frozen=True, eq=False)
class Bundle:
  """The parts that animate a portrait.

  Attributes:
    name: Name by which it was loaded.
    detector: Face detector.
    landmarker: Networks that find the landmarks of a face.
    model: 3-D model of the packaged head.
    folder: Folder of the networks.
    card: Their description.
  """

  name: str
  detector: detector_lib.FaceDetector
  landmarker: landmarks.Landmarker
  model: morphable.MorphableModel
  folder: pathlib.Path
  card: cards.Card
  _loaded: dict[str, Variables] = dataclasses.field(
    default_factory=dict, init=False, repr=False
  )
  _lock: threading.Lock = dataclasses.field(
    default_factory=threading.Lock, init=False, repr=False
  )

  @property
  def size(self) -> int:
    """Side of the pictures of its neural renderer, pixels.

    Raises:
      InputError: it has none.
    """
    if self.card.size is None:
      raise errors.InputError(
        f"bundle: expected one with a neural renderer, found '{self.name}'"
      )
    return self.card.size

  @property
  def ships(self) -> bool:
    """Whether it is the default one."""
    return self.folder == _NETWORKS

  @property
  def basis(self) -> str:
    """The face model of the expressions of its networks, inputs and outputs."""
    return self.card.morphable or PACKAGED_BASIS

  @property
  def number(self) -> int:
    """Number by which marks name it: 1 for what ships, else 16 to 4,095.

    It follows from the hashes of the card's files, so that the same networks
    have the same number everywhere.
    """
    if self.ships or not self.card.files:
      return 1
    files = sorted((n, entry.sha256) for n, entry in self.card.files.items())
    digest = hashlib.sha256(repr(files).encode()).digest()
    return 16 + int.from_bytes(digest[:8], 'big') % (4096 - 16)

  def has(self, name: str) -> bool:
    """Whether it holds the weights of a network of the zoo."""
    return name in self.card.networks

  def fields(self, name: str) -> Mapping[str, Any]:
    """Fields of a network's module that differ from the zoo's; see `has`."""
    return self.card.networks[name].config

  def variables(self, name: str) -> Variables:
    """Weights of a network, numpy arrays; read once, at the first call.

    Raises:
      InputError: it holds no such network, or one of another shape.
    """
    if not self.has(name):
      found = ', '.join(self.card.networks) or 'none'
      raise errors.InputError(
        f"bundle: expected the network {name} in '{self.name}', found {found}"
      )
    with self._lock:
      if name not in self._loaded:
        shapes = zoo.shapes(name, **self.fields(name))
        self._loaded[name] = bundles.load(self.folder, name, shapes)
      return self._loaded[name]

  def save(self, folder: str | os.PathLike[str]) -> pathlib.Path:
    """Writes the networks and their card into a folder that `load` reads.

    Parts that ship with the package are not written.

    Args:
      folder: New or empty; it appears when everything is in it.

    Returns:
      The folder.

    Raises:
      InputError: something is there already, or it cannot be written.
    """
    path = pathlib.Path(folder)
    with bundles.writing(path) as part:
      for name in (cards.CARD, *self.card.files):
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.folder / name, part / name)
    return path


def load(name: str | os.PathLike[str] = DEFAULT) -> Bundle:
  """The bundle of a name.

  Args:
    name: 'default' for the bundle that ships with the package; the folder of a
      bundle; or 'owner/repo' or 'hf://owner/repo', with '@revision' if need be,
      of the Hugging Face Hub; or a path in a store, such as 's3://bucket/mine'.
      A folder goes before a repository.

  Returns:
    The bundle. Files of a folder are compared with its card now; networks are
    read when they are used.

  Raises:
    InputError: there is no such bundle, it is damaged, or of a newer format.
  """
  default = _default()
  name = os.fspath(name)
  if name == DEFAULT:
    return default
  folder = pathlib.Path(name)
  if download.is_remote(name):
    folder = download.fetch(name)
  elif not folder.is_dir():
    if not download.is_repository(name):
      raise errors.InputError(
        "bundle: expected 'default', a folder, or 'owner/repo' of the Hugging "
        f"Face Hub, found '{name}'"
      )
    folder = download.fetch(download.PREFIX + name)
  card = cards.read(folder)
  bundles.verify(folder, card)
  return dataclasses.replace(default, name=name, folder=folder, card=card)


@functools.cache
def _default() -> Bundle:
  return Bundle(
    DEFAULT,
    detector_lib.BlazeFace(),
    landmarks.FaceMesh(),
    makehuman.load(),
    _NETWORKS,
    cards.read(_NETWORKS),
  )
