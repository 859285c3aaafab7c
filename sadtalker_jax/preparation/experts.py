"""The networks and the face model that measure faces; loaded once a process.

Without a bundle: BlazeFace, FaceMesh, iris and the MakeHuman head, which ship.
A converted bundle can add `recon` (coefficients), `syncnet_v2` (sound and lips)
and `wav2lip` (the teacher of ExpNet).
"""

from collections.abc import Mapping
import dataclasses
import functools
import hashlib
import pathlib
from typing import Any, NamedTuple

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards, download
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.face3d.bases import morphable as morphable_lib
from sadtalker_jax.faces import detector, landmarks
from sadtalker_jax.faces import recon as recon_lib
from sadtalker_jax.models import zoo
from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.typing import Variables

BATCH = 16  # frames in a network at a time


class Teacher(NamedTuple):
  """Wav2Lip, the teacher of ExpNet."""

  module: Any
  variables: Variables


@dataclasses.dataclass(frozen=True, eq=False)
class MeasuringNetworks:
  """The networks and the face model that measure frames."""

  finder: detector.FaceDetector
  landmarker: landmarks.FaceMesh
  model: morphable_lib.MorphableModel  # for the fit to landmarks
  morphable: str  # face model that the coefficients belong to
  recon: recon_lib.Reconstructor | None = None
  syncnet: Variables | None = None
  wav2lip: Teacher | None = None

  @property
  def method(self) -> str:
    """The source of coefficients: 'recon' or 'fit'."""
    return 'fit' if self.recon is None else 'recon'


def load(options: options_lib.PreparationOptions) -> MeasuringNetworks:
  """The networks that the options ask for.

  Args:
    options: Options of the preparation.

  Raises:
    InputError: The bundle is no bundle, or lacks a network that is asked for.
  """
  networks = _networks(options.bundle)
  if options.method == 'recon' and 'recon' not in networks:
    raise errors.InputError(
      f'method: expected a bundle with the network recon, found '
      f'{" ".join(networks) or "none"}'
    )
  if options.teacher and 'wav2lip' not in networks:
    raise errors.InputError(
      f'teacher: expected a bundle with the network wav2lip, found '
      f'{" ".join(networks) or "none"}'
    )
  use_recon = options.method != 'fit' and 'recon' in networks
  model = makehuman.load()
  return MeasuringNetworks(
    detector.BlazeFace(),
    landmarks.FaceMesh(),
    model,
    _morphable(options.bundle) if use_recon else model.name,
    recon_lib.Reconstructor(
      _read(options.bundle, 'recon'),
      fields=_fields(options.bundle, 'recon'),
      batch_size=BATCH,
    )
    if use_recon
    else None,
    _read(options.bundle, 'syncnet_v2') if 'syncnet_v2' in networks else None,
    _teacher(options.bundle) if options.teacher else None,
  )


def fingerprint(bundle: str | None) -> str:
  """A hash of the weights of a bundle; '' without one.

  Args:
    bundle: Folder or 'hf://owner/repo'.

  Raises:
    InputError: The folder is no bundle, or damaged.
  """
  if bundle is None:
    return ''
  folder = _folder(bundle)
  card = cards.read(folder)
  bundles.verify(folder, card)
  hashes = sorted((name, file.sha256) for name, file in card.files.items())
  return hashlib.sha256(repr(hashes).encode()).hexdigest()[:16]


@functools.cache
def _folder(bundle: str) -> pathlib.Path:
  return download.folder(bundle)


def _networks(bundle: str | None) -> list[str]:
  return [] if bundle is None else list(cards.read(_folder(bundle)).networks)


def _fields(bundle: str | None, name: str) -> Mapping[str, Any]:
  assert bundle is not None
  return cards.read(_folder(bundle)).networks[name].config


def _morphable(bundle: str | None) -> str:
  assert bundle is not None
  found = cards.read(_folder(bundle)).morphable
  assert found is not None  # it has recon
  return found


def _teacher(bundle: str | None) -> Teacher:
  fields = _fields(bundle, 'wav2lip')
  return Teacher(zoo.build('wav2lip', **fields), _read(bundle, 'wav2lip'))


def _read(bundle: str | None, name: str) -> Variables:
  assert bundle is not None
  shapes = zoo.shapes(name, **_fields(bundle, name))
  return bundles.load(_folder(bundle), name, shapes)
