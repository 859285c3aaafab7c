"""What a signature in a file says, and whether it holds."""

import dataclasses
import json
import os
from typing import Any, Literal

from sadtalker_jax import errors
from sadtalker_jax.marking import credentials
from sadtalker_jax.media import boxes, files

State = Literal['trusted', 'unknown', 'invalid', 'none', 'unread']
_HEAD = 1 << 20  # bytes of a picture in which a manifest would begin


@dataclasses.dataclass(frozen=True)
class Signature:
  """The signature of a file.

  Attributes:
    state: `trusted` (it holds, and who signed is vouched for), `unknown` (it
      holds; anybody may have signed), `invalid` (the file was changed, or the
      signature is damaged), `none`, or `unread` where the extra is missing.
    signer: Name in the certificate; None if there is none.
    generated: Whether what is signed says that a program made the file.
    ingredients: Number of inputs whose manifests are kept in it.
  """

  state: State
  signer: str | None = None
  generated: bool = False
  ingredients: int = 0

  @property
  def holds(self) -> bool:
    """Whether the file is as it was signed."""
    return self.state in ('trusted', 'unknown')


def read(path: str | os.PathLike[str], anchors: str = '') -> Signature:
  """The signature of a picture or a video.

  Args:
    path: Name of the file.
    anchors: Certificates in PEM that are trusted.

  Raises:
    InputError: the file is missing, empty or may not be read.
  """
  source = files.check_source(path, 'a picture or a video')
  kind = credentials.kind_of(source)
  if kind is None:
    return Signature('none')
  try:
    c2pa = credentials.library()
  except errors.InputError:
    return Signature('unread' if _looks_signed(source) else 'none')
  try:
    with (
      open(source, 'rb') as file,
      c2pa.Reader(kind, file, context=credentials.context(anchors)) as reader,
    ):
      return _described(json.loads(reader.json()))
  except c2pa.C2paError.ManifestNotFound:
    return Signature('none')
  except c2pa.C2paError:  # cut off, or changed so that it cannot be parsed
    return Signature('invalid' if _looks_signed(source) else 'none')


def read_anchors(path: str | os.PathLike[str] | None) -> str:
  """Certificates that are trusted; none without a file.

  Raises:
    InputError: the file cannot be read, or has no certificate.
  """
  if path is None:
    return ''
  content = files.check_source(path, 'certificates').read_bytes()
  if b'-----BEGIN CERTIFICATE-----' not in content:
    raise errors.InputError(f'{path}: expected certificates in PEM, found none')
  return content.decode('ascii', 'replace')


def _described(found: dict[str, Any]) -> Signature:
  states: dict[str, State] = {'Trusted': 'trusted', 'Valid': 'unknown'}
  manifest = found['manifests'][found['active_manifest']]
  about = manifest.get('signature_info', {})
  said = json.dumps(manifest.get('assertions', [])).lower()
  return Signature(
    states.get(found.get('validation_state', ''), 'invalid'),
    about.get('common_name') or about.get('issuer'),
    'algorithmicmedia"' in said,
    sum('active_manifest' in i for i in manifest.get('ingredients', [])),
  )


def _looks_signed(path: os.PathLike[str]) -> bool:
  """Whether a file has the place where a manifest is kept."""
  if boxes.read(path, boxes.C2PA) is not None:
    return True
  with open(path, 'rb') as file:
    head = file.read(_HEAD)
  return head[4:8] != b'ftyp' and b'jumbc2pa' in head
