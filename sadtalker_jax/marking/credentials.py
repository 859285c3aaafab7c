"""Content Credentials (C2PA): the library, its settings, the user's own key.

The library comes with the extra `provenance`. It never asks the network here.
"""

import contextlib
import datetime
import functools
import os
import pathlib
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.media import files

EXTRA = "pip install 'sadtalker-jax[provenance]'"
_YEARS = 5  # that a key of a user lasts
_KINDS = {  # by the first bytes of a file, and those from the ninth
  (b'\xff\xd8\xff', b''): 'image/jpeg',
  (b'\x89PNG', b''): 'image/png',
  (b'RIFF', b'WEBP'): 'image/webp',
  (b'RIFF', b'WAVE'): 'audio/wav',
  (b'RIFF', b'AVI '): 'video/avi',
  (b'II*\0', b''): 'image/tiff',
  (b'MM\0*', b''): 'image/tiff',
  (b'ID3', b''): 'audio/mpeg',
}
_BRANDS = {  # of files of boxes; all others are video
  b'heic': 'image/heic',
  b'mif1': 'image/heif',
  b'avif': 'image/avif',
  b'M4A ': 'audio/mp4',
}


def library() -> Any:
  """The package c2pa.

  Raises:
    InputError: the extra is not installed.
  """
  try:
    import c2pa
    import cryptography  # noqa: F401
  except ModuleNotFoundError as error:
    raise errors.InputError(
      f'sign: expected the package {error.name}, found none: {EXTRA}'
    ) from error
  return c2pa


def context(anchors: str = '') -> Any:
  """Settings of the library: no network, no thumbnails.

  Args:
    anchors: Certificates in PEM that are trusted.
  """
  settings: dict[str, Any] = {
    'verify': {'remote_manifest_fetch': False, 'ocsp_fetch': False},
    'builder': {'thumbnail': {'enabled': False}},
  }
  if anchors:
    settings['trust'] = {'trust_anchors': anchors}
  c2pa = library()
  return c2pa.Context(c2pa.Settings.from_dict(settings))


def kind_of(path: str | os.PathLike[str]) -> str | None:
  """The media type of a file that may hold a manifest, by its first bytes."""
  with open(path, 'rb') as file:
    head = file.read(12)
  if head[4:8] == b'ftyp':
    return _BRANDS.get(head[8:12], 'video/mp4')
  for (first, ninth), kind in _KINDS.items():
    if head.startswith(first) and head[8:].startswith(ninth):
      return kind
  return None


def has_manifest(path: str | os.PathLike[str], kind: str) -> bool:
  """Whether a file holds a manifest, however valid."""
  c2pa = library()
  try:
    with open(path, 'rb') as file:
      c2pa.Reader(kind, file, context=context()).close()
  except c2pa.C2paError:
    return False
  return True


def of_user() -> tuple[pathlib.Path, pathlib.Path]:
  """Files of the certificates and the key of this user, made if need be.

  They are in `sadtalker_jax` of the user's folder for such things
  (`XDG_CONFIG_HOME` or ~/.config). Nobody vouches for them and they name
  nobody, but files of one user can be told from those of others.

  Raises:
    InputError: the folder cannot be written to.
  """
  folder = _folder()
  chain, key = folder / 'signing.pem', folder / 'signing.key'
  if not _is_current(chain) or not key.exists():
    try:
      folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
      raise errors.InputError(
        f'{folder}: expected a folder for the key that signs, found '
        f'{error.strerror}'
      ) from error
    certificates, secret = _made()
    for path, content in ((key, secret), (chain, certificates)):
      with files.replacing(path, overwrite=True) as part:
        part.chmod(0o600)
        part.write_bytes(content)
  return chain, key


def _folder() -> pathlib.Path:
  given = os.environ.get('XDG_CONFIG_HOME', '')
  if not os.path.isabs(given):  # means nothing, says the standard of XDG
    given = os.path.expanduser('~/.config')
  if not os.path.isabs(given):
    raise errors.InputError(
      'sign: expected a home folder for the key of the user, found none '
      '(--sign CERT KEY needs none)'
    )
  return pathlib.Path(given, 'sadtalker_jax')


def _is_current(chain: pathlib.Path) -> bool:
  from cryptography import x509

  with contextlib.suppress(OSError, ValueError, IndexError):
    leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    return leaf.not_valid_after_utc > datetime.datetime.now(datetime.UTC)
  return False


def _made() -> tuple[bytes, bytes]:
  """A new chain of two certificates and the key of the first, in PEM.

  C2PA refuses certificates that sign themselves; the key of the second one is
  thrown away.
  """
  from cryptography.hazmat.primitives import serialization

  root, root_key = _certificate('sadtalker_jax user (root)', None, None)
  leaf, key = _certificate('sadtalker_jax user', root, root_key)
  pem = serialization.Encoding.PEM
  return (
    leaf.public_bytes(pem) + root.public_bytes(pem),
    key.private_bytes(
      pem,
      serialization.PrivateFormat.PKCS8,
      serialization.NoEncryption(),
    ),
  )


def _certificate(name: str, issuer: Any, issuer_key: Any) -> tuple[Any, Any]:
  """A certificate and its key; without an issuer, one for certificates."""
  from cryptography import x509
  from cryptography.hazmat.primitives import hashes
  from cryptography.hazmat.primitives.asymmetric import ec

  key = ec.generate_private_key(ec.SECP256R1())
  subject = x509.Name(
    [
      x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
      x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, 'not verified'),
    ]
  )
  is_root = issuer is None
  now = datetime.datetime.now(datetime.UTC)
  uses = functools.partial(
    x509.KeyUsage,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
  )
  builder = (
    x509.CertificateBuilder()
    .subject_name(subject)
    .issuer_name(subject if is_root else issuer.subject)
    .public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - datetime.timedelta(days=1))
    .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
    .add_extension(x509.BasicConstraints(is_root, None), True)
    .add_extension(
      uses(
        digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root
      ),
      True,
    )
    .add_extension(
      x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    )
    .add_extension(
      x509.AuthorityKeyIdentifier.from_issuer_public_key(
        (issuer_key or key).public_key()
      ),
      False,
    )
  )
  if not is_root:
    email = x509.ExtendedKeyUsageOID.EMAIL_PROTECTION
    builder = builder.add_extension(x509.ExtendedKeyUsage([email]), False)
  return builder.sign(issuer_key or key, hashes.SHA256()), key
