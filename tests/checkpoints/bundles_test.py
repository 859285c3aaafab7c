import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards
from tests.checkpoints import made

_VARIABLES = {'params': {'w': np.arange(6, dtype=np.float32)}}
_SHAPES = {'params': {'w': jax.ShapeDtypeStruct((6,), jnp.float32)}}


@pytest.fixture
def bundle(tmp_path):
  path = tmp_path / 'bundle'
  with bundles.writing(path) as folder:
    bundles.add(folder, 'some', _VARIABLES)
    bundles.seal(
      folder,
      size=256,
      networks={
        'some': cards.NetworkEntry({'widths': (1, (2, 3))}, 6, ('a.pth',))
      },
      sources=(
        cards.WeightOrigin('a.pth', 9, 'ff', 256, 3, 2, {'why': ['x']}, 'MIT'),
      ),
      versions={'jax': '1'},
      licence='as the sources',
    )
  return path


def _edit(path, **changes):
  card = json.loads((path / cards.CARD).read_text())
  (path / cards.CARD).write_text(json.dumps({**card, **changes}))


def test_the_face_model_is_that_of_the_release_unless_the_card_says(tmp_path):
  def read(networks, **said):
    path = tmp_path / f'{networks}{said}'
    made.bundle(path, dict.fromkeys(networks, _VARIABLES), **said)
    return cards.read(path).morphable

  assert read(['recon'], morphable='makehuman') == 'makehuman'
  assert read(['mapping', 'some']) == 'bfm'
  assert read(['some']) is None


def test_bundle_reads_back(bundle):
  card = cards.read(bundle)
  assert card.size == 256
  assert card.networks['some'].config == {'widths': (1, (2, 3))}
  assert card.sources[0].ignored == {'why': ['x']}
  bundles.verify(bundle, card)
  found = bundles.load(bundle, 'some', _SHAPES)
  np.testing.assert_array_equal(found['params']['w'], _VARIABLES['params']['w'])
  files = [p for p in bundle.rglob('*') if p.is_file()]
  assert len(card.files) == len(files) - 1


def test_failed_bundle_leaves_nothing(tmp_path):
  with pytest.raises(KeyboardInterrupt):
    with bundles.writing(tmp_path / 'bundle') as folder:
      bundles.add(folder, 'some', _VARIABLES)
      raise KeyboardInterrupt
  assert not list(tmp_path.iterdir())


def test_existing_folder_is_kept(bundle):
  with pytest.raises(errors.InputError, match='found something there'):
    with bundles.writing(bundle):
      pass
  bundles.verify(bundle, cards.read(bundle))


def test_unwritable_place_is_refused(tmp_path):
  (tmp_path / 'file').touch()
  with pytest.raises(errors.InputError, match='can be made'):
    with bundles.writing(tmp_path / 'file' / 'bundle'):
      pass


def test_every_changed_file_is_named(bundle):
  card = cards.read(bundle)
  data = next(name for name in card.files if '/d/' in name)
  metadata = 'networks/some/_METADATA'
  content = bytearray((bundle / data).read_bytes())
  content[len(content) // 2] ^= 1
  (bundle / data).write_bytes(content)
  (bundle / metadata).unlink()
  manifest = bundle / 'networks/some/manifest.ocdbt'
  manifest.write_bytes(manifest.read_bytes() + b'x')
  with pytest.raises(errors.InputError, match='damaged or was changed') as e:
    bundles.verify(bundle, card)
  assert f'{data}: expected SHA-256 {card.files[data].sha256}' in str(e.value)
  assert f'{metadata}: missing' in str(e.value)
  assert 'manifest.ocdbt: expected' in str(e.value)


def test_newer_format_is_refused(bundle):
  _edit(bundle, version=cards.VERSION + 1)
  with pytest.raises(errors.InputError, match='a newer sadtalker_jax made'):
    cards.read(bundle)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'format': 'other'}, 'expected the card of'),
    ({'version': 'x'}, 'expected a format version'),
    ({'networks': None}, 'damaged'),
    ({'sources': [{'file': 'a'}]}, 'damaged'),
    (
      {'networks': {'other': {'config': {}, 'parameters': 1, 'sources': []}}},
      "no files of the network 'other'",
    ),
    ({'files': {'../x': {'bytes': 1, 'sha256': ''}}}, 'no file of a bundle'),
    ({'files': {'/x': {'bytes': 1, 'sha256': ''}}}, 'no file of a bundle'),
  ],
)
def test_damaged_cards_are_refused(bundle, changes, message):
  _edit(bundle, **changes)
  with pytest.raises(errors.InputError, match=message):
    cards.read(bundle)


def test_other_folders_are_no_bundles(tmp_path):
  with pytest.raises(errors.InputError, match='expected a folder with a card'):
    cards.read(tmp_path)
  (tmp_path / cards.CARD).write_text('{')
  with pytest.raises(errors.InputError, match='expected a folder with a card'):
    cards.read(tmp_path)
  (tmp_path / cards.CARD).write_text('[]')
  with pytest.raises(errors.InputError, match='expected the card'):
    cards.read(tmp_path)


def test_card_is_the_same_after_a_round_trip(bundle):
  card = cards.read(bundle)
  cards.write(bundle, dataclasses.replace(card, size=None))
  assert cards.read(bundle) == dataclasses.replace(card, size=None)
