"""Signatures: made, read back, broken, missing."""

import dataclasses
import pathlib
import sys

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.marking import (
  credentials,
  payloads,
  signatures,
  signing,
  statements,
)
from sadtalker_jax.media import boxes, image, video

pytest.importorskip('c2pa')

SAID = statements.Statement('trainedAlgorithmicMedia', 'x', '1', 1, '0', 't')
PAYLOAD = payloads.Payload(1, 0x03AF91)


@pytest.fixture(scope='module')
def signer(tmp_path_factory) -> signing.Signer:
  """The signer of a user who has no key yet."""
  with pytest.MonkeyPatch.context() as patch:
    home = tmp_path_factory.mktemp('home')
    patch.setenv('XDG_CONFIG_HOME', str(home))
    first = signing.Signer.of(['own'])
    assert signing.Signer.of(['own']) == first  # made once
    assert (home / 'sadtalker_jax/signing.key').stat().st_mode & 0o77 == 0
    assert first.key.decode() not in repr(first)
    return first


@pytest.fixture(scope='module')
def signed(signer, tmp_path_factory) -> pathlib.Path:
  """A signed video of a signed portrait."""
  folder = tmp_path_factory.mktemp('signed')
  picture = image.to_jpeg(np.zeros((64, 64, 3), np.uint8))
  (folder / 'plain.jpg').write_bytes(picture)
  portrait = _video(folder / 'portrait.mp4', signer, {})
  inputs = {'portrait': portrait, 'blinks': folder / 'plain.jpg'}
  return _video(folder / 'a.mp4', signer, inputs)


def _video(path, signer, inputs) -> pathlib.Path:
  def seal(part: pathlib.Path) -> None:
    boxes.append(part, boxes.XMP, SAID.xmp)
    signer.sign(part, SAID, PAYLOAD, inputs)

  with video.VideoWriter(path, fps=25, seal=seal) as writer:
    writer.write(np.full((64, 64, 3), 90, np.uint8))
  return path


def test_signed_files_hold_and_say_what_they_are(signed, signer, tmp_path):
  found = signatures.read(signed)
  assert found.state == 'unknown' and found.holds and found.generated
  assert found.signer == 'sadtalker_jax user'
  assert found.ingredients == 1
  assert signatures.read(signed, signer.chain.decode()).state == 'trusted'
  assert boxes.read(signed, boxes.XMP) == SAID.xmp
  assert PAYLOAD.hex.encode() in signed.read_bytes()
  assert len(list(video.VideoReader(signed))) == 1


def test_changed_files_do_not_hold(signed, tmp_path):
  data = bytearray(signed.read_bytes())
  data[data.find(b'mdat') + 40] ^= 1
  changed = tmp_path / 'changed.mp4'
  changed.write_bytes(data)
  assert signatures.read(changed).state == 'invalid'
  changed.write_bytes(data[: data.find(b'mdat')])
  assert signatures.read(changed).state == 'invalid'


def test_unsigned_files_are_called_so(tmp_path):
  path = tmp_path / 'a.jpg'
  path.write_bytes(image.to_jpeg(np.zeros((64, 64, 3), np.uint8)))
  assert signatures.read(path).state == 'none'
  path.write_text('hello')
  assert signatures.read(path).state == 'none'


def test_without_the_extra_it_is_named(signed, tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'c2pa', None)
  assert signatures.read(signed).state == 'unread'
  with pytest.raises(errors.InputError, match=r'c2pa, .*jax\[provenance\]'):
    signing.Signer.of(['own'])


def test_certificates_and_keys_must_match_and_be_able_to_sign(signer, tmp_path):
  chain, key = tmp_path / 'a.pem', tmp_path / 'a.key'
  chain.write_bytes(signer.chain)
  key.write_bytes(signer.key)
  assert signing.Signer.of([chain, key]) == signer
  other_chain, other_key = credentials._made()
  root = other_chain[other_chain.rindex(b'-----BEGIN') :]
  for words, (certificates, secret) in {
    'expected the key of the certificate': (signer.chain, other_key),
    'expected a certificate in PEM, found none': (b'hello', signer.key),
    'expected a private key in PEM': (signer.chain, b'hello'),
    'expected the key of': (root, other_key),
  }.items():
    chain.write_bytes(certificates)
    key.write_bytes(secret)
    with pytest.raises(errors.InputError, match=words):
      signing.Signer.of([chain, key])
  with pytest.raises(
    errors.InputError, match='expected a certificate that may'
  ):
    leaf = signer.chain[: signer.chain.rindex(b'-----BEGIN')]
    broken = dataclasses.replace(signer, chain=leaf, algorithm='ps256')
    broken._try(chain)


def test_failed_signatures_leave_no_file(signer, tmp_path):
  broken = dataclasses.replace(signer, algorithm='ps256')
  with pytest.raises(errors.InputError, match='sign: expected a file that can'):
    _video(tmp_path / 'a.mp4', broken, {})
  assert list(tmp_path.iterdir()) == []
