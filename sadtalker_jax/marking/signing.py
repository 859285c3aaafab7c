"""Signing of finished files: Content Credentials (C2PA), by the extra.

A signature says who vouches for a file and that nobody has changed it since. It
holds the same words as `statements`, and names the invisible mark, by which a
copy without the signature can be matched to it. Manifests that the portrait or
the recording had are kept inside as ingredients.
"""

from collections.abc import Mapping, Sequence
import contextlib
import dataclasses
import datetime
import io
import json
import os
import pathlib
from typing import Any, Self

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.marking import credentials, payloads, statements
from sadtalker_jax.media import files, image

SOFT_BINDING = 'org.sadtalker-jax.mark'  # name of our mark in manifests
_CURVES = {256: 'es256', 384: 'es384', 521: 'es512'}
_LEAST_RSA = 2048  # bits


@dataclasses.dataclass(frozen=True)
class Signer:
  """A certificate and its key, which have signed a picture on trial.

  Attributes:
    chain: Certificates in PEM, that of the signer first.
    key: Private key in PEM.
    algorithm: Name of the kind of signature, as C2PA has it.
  """

  chain: bytes
  key: bytes = dataclasses.field(repr=False)
  algorithm: str

  @classmethod
  def of(cls, paths: Sequence[str | os.PathLike[str]]) -> Self:
    """The signer of a certificate and its key; of a single name, the user.

    Raises:
      InputError: the extra is not installed, a file cannot be read or is of
        another kind, the two do not match, or the certificate may not sign.
    """
    credentials.library()
    if len(paths) == 1:
      chain_path, key_path = credentials.of_user()
    else:
      chain_path, key_path = map(pathlib.Path, paths)
    chain = files.check_source(chain_path, 'a certificate').read_bytes()
    key = files.check_source(key_path, 'a private key').read_bytes()
    algorithm = _algorithm(chain_path, chain, key_path, key)
    signer = cls(chain, key, algorithm)
    signer._try(chain_path)
    return signer

  def sign(
    self,
    path: pathlib.Path,
    statement: statements.Statement,
    payload: payloads.Payload | None,
    inputs: Mapping[str, str | os.PathLike[str]],
  ) -> None:
    """Signs an mp4 file in its place.

    Args:
      path: The complete file; a new one takes its place.
      statement: What it says.
      payload: What its invisible mark says; None without one.
      inputs: Files that it was made of, by what they are; those without a
        manifest of their own leave no trace.

    Raises:
      InputError: C2PA cannot sign it.
    """
    with contextlib.ExitStack() as stack:
      kept = []
      for role, source in inputs.items():
        kind = credentials.kind_of(source)
        if kind is not None and credentials.has_manifest(source, kind):
          kept.append((role, kind, stack.enter_context(open(source, 'rb'))))
      content = _manifest(statement, payload, [role for role, *_ in kept])
      part = stack.enter_context(files.replacing(path, overwrite=True))
      old = stack.enter_context(open(path, 'rb'))
      new = stack.enter_context(open(part, 'w+b'))
      library = credentials.library()
      try:
        builder = library.Builder(content, credentials.context())
        for role, kind, file in kept:
          about = {'title': role, 'label': role, 'relationship': 'inputTo'}
          builder.add_ingredient(json.dumps(about), kind, file)
        builder.sign(self._signer(), 'video/mp4', old, new)
      except library.C2paError as error:
        raise errors.InputError(
          f'sign: expected a file that can be signed, found: '
          f'{errors.shown(str(error))}'
        ) from error

  def _signer(self) -> Any:
    library = credentials.library()
    return library.Signer.from_info(
      library.C2paSignerInfo(
        alg=self.algorithm.encode(),
        sign_cert=self.chain,
        private_key=self.key,
        ta_url=None,
      )
    )

  def _try(self, path: pathlib.Path) -> None:
    """Signs a small picture: C2PA wants more of certificates than others."""
    library = credentials.library()
    picture = image.to_jpeg(np.zeros((16, 16, 3), np.uint8), 75)
    said = statements.Statement(statements.GENERATED)
    try:
      builder = library.Builder(_manifest(said, None), credentials.context())
      builder.sign(
        self._signer(), 'image/jpeg', io.BytesIO(picture), io.BytesIO()
      )
    except library.C2paError as error:
      raise errors.InputError(
        f'{path}: expected a certificate that may sign by C2PA (such as one '
        f'for e-mail, with its chain), found: {errors.shown(str(error))}'
      ) from error


def _manifest(
  said: statements.Statement,
  payload: payloads.Payload | None,
  ingredients: Sequence[str] = (),
) -> str:
  """The manifest of a file."""
  agent = {'name': statements.SOFTWARE}
  if said.version:
    agent['version'] = said.version
  created: dict[str, Any] = {
    'action': 'c2pa.created',
    'digitalSourceType': f'{statements.SOURCE_TYPES}{said.source_type}',
    'softwareAgent': agent,
  }
  if said.time:
    created |= {'when': said.time, 'description': said.sentence}
  if ingredients:
    created['parameters'] = {'ingredientIds': list(ingredients)}
  assertions: list[dict[str, Any]] = [
    {'label': 'c2pa.actions.v2', 'data': {'actions': [created]}}
  ]
  if payload is not None:
    binding = {
      'alg': f'{SOFT_BINDING}.{payload.version}',
      'blocks': [{'scope': {}, 'value': payload.hex}],
    }
    assertions.append({'label': 'c2pa.soft-binding', 'data': binding})
  return json.dumps({'claim_generator_info': [agent], 'assertions': assertions})


def _algorithm(
  chain_path: pathlib.Path, chain: bytes, key_path: pathlib.Path, key: bytes
) -> str:
  """The kind of signature of a key that belongs to a certificate."""
  from cryptography import x509
  from cryptography.hazmat.primitives import serialization

  try:
    certificate = x509.load_pem_x509_certificates(chain)[0]
    public = certificate.public_key()
  except Exception as error:  # several kinds, by what is wrong
    raise errors.InputError(
      f'{chain_path}: expected a certificate in PEM, found none'
    ) from error
  try:
    private = serialization.load_pem_private_key(key, None)
  except Exception as error:
    raise errors.InputError(
      f'{key_path}: expected a private key in PEM without a password, found '
      'none'
    ) from error
  form = (
    serialization.Encoding.DER,
    serialization.PublicFormat.SubjectPublicKeyInfo,
  )
  if private.public_key().public_bytes(*form) != public.public_bytes(*form):
    raise errors.InputError(
      f'{key_path}: expected the key of the certificate {chain_path}, found '
      'that of another one'
    )
  _check_dates(chain_path, certificate)
  return _name_of(key_path, private)


def _check_dates(path: pathlib.Path, certificate: Any) -> None:
  first, last = (
    certificate.not_valid_before_utc,
    certificate.not_valid_after_utc,
  )
  if not first <= datetime.datetime.now(datetime.UTC) <= last:
    raise errors.InputError(
      f'{path}: expected a certificate that is valid now, found one for '
      f'{first:%Y-%m-%d} to {last:%Y-%m-%d}'
    )


def _name_of(path: pathlib.Path, key: Any) -> str:
  from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

  if isinstance(key, ed25519.Ed25519PrivateKey):
    return 'ed25519'
  if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size in _CURVES:
    return _CURVES[key.key_size]
  if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _LEAST_RSA:
    return 'ps256'
  raise errors.InputError(
    f'{path}: expected a key of P-256, P-384, P-521, Ed25519 or RSA of '
    f'{_LEAST_RSA} bits or more, found another kind'
  )
