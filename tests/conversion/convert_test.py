import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards
from sadtalker_jax.conversion import (
  bundling,
  released_files,
  sources,
  torch_files,
  unrecognised,
)
from sadtalker_jax.models import zoo
from tests.conversion import small

pytestmark = pytest.mark.usefixtures('small_zoo')
S256, S512 = (
  'SadTalker_V0.0.2_256.safetensors',
  'SadTalker_V0.0.2_512.safetensors',
)


def _convert(inputs, output, **options):
  return bundling.convert(sources.plan(inputs, **options), output)


def _refusal(inputs, tmp_path, **options) -> str:
  """What is said about inputs that are not converted."""
  output = tmp_path / 'out' / 'bundle'
  with pytest.raises(errors.InputError) as error:
    _convert(inputs, output, **options)
  assert not output.exists()
  if output.parent.exists():
    assert not list(output.parent.iterdir())
  return str(error.value)


@pytest.fixture
def folder(tmp_path):
  """What a user has after the original's download script, 256 alone."""
  path = tmp_path / 'checkpoints'
  path.mkdir()
  small.write(path / S256, small.sadtalker())
  small.write(path / 'mapping_00229-model.safetensors', small.state('mapping'))
  small.write(
    path / 'mapping_00109-model.safetensors',
    small.state('mapping_full', prefix='mapping.'),
  )
  (path / 'README.md').write_text('not a network')
  return path


def test_folder_becomes_a_bundle_that_is_the_same(folder, tmp_path):
  output = tmp_path / 'bundle'
  plan = sources.plan([folder])
  card = bundling.convert(plan, output)
  assert plan.unused == (folder / 'README.md',)
  assert cards.read(output) == card
  bundles.verify(output, card)
  assert card.size == 256
  assert set(card.networks) == {
    *(part.network for part in released_files.FILES[0].parts),
    'mapping',
    'mapping_full',
  }
  assert card.networks['recon'].config['features'] == 2
  for name in card.networks:
    expected = zoo.noise(name)
    found = bundles.load(output, name, zoo.shapes(name))
    assert not bundling._differences(name, found, expected), name
  assert bundling.check(output, [folder]) == card


def test_every_name_is_used_or_ignored_for_a_reason(folder, tmp_path):
  card = _convert([folder], tmp_path / 'bundle')
  source = next(s for s in card.sources if s.file == S256)
  names = list(small.sadtalker())
  counters = [name for name in names if name.endswith('num_batches_tracked')]
  assert source.keys == len(names)
  assert source.used == len(names) - len(counters)
  assert sorted(source.ignored['counts training steps']) == sorted(counters)
  assert list(source.ignored) == ['counts training steps']
  assert source.licence.startswith('Apache-2.0')
  assert source.bytes == (folder / S256).stat().st_size


def test_exported_file_is_the_source_without_what_is_ignored(folder, tmp_path):
  card = _convert([folder], tmp_path / 'bundle')
  path = tmp_path / 'back.safetensors'
  names = [part.network for part in released_files.FILES[0].parts]
  count = bundling.export(tmp_path / 'bundle', names, path)
  found, expected = torch_files.read(path), torch_files.read(folder / S256)
  source = next(s for s in card.sources if s.file == S256)
  assert count == len(found) == source.used
  for name in found:
    assert found[name].shape == expected[name].shape, name
    assert found[name].tobytes() == expected[name].tobytes(), name
  # And it is a released file again.
  path.rename(tmp_path / S256)
  again = _convert([tmp_path / S256], tmp_path / 'again')
  assert set(again.networks) == set(names)


def test_export_refuses_unknown_networks_and_clashes(folder, tmp_path):
  bundle, path = tmp_path / 'bundle', tmp_path / 'back.safetensors'
  _convert([folder], bundle, only=['mapping', 'mapping_full'])
  with pytest.raises(errors.InputError, match="found 'gfpgan'"):
    bundling.export(bundle, ['gfpgan'], path)
  with pytest.raises(errors.InputError, match='in two of them'):
    bundling.export(bundle, ['mapping', 'mapping_full'], path)
  assert not path.exists()


def test_only_some_networks_are_taken(folder, tmp_path):
  card = _convert([folder], tmp_path / 'bundle', only=['expnet', 'mapping'])
  assert set(card.networks) == {'expnet', 'mapping'}
  assert card.size is None
  source = next(s for s in card.sources if s.file == S256)
  assert 'of the network recon, which was not asked for' in source.ignored


def test_check_finds_other_files_and_other_numbers(folder, tmp_path):
  bundle = tmp_path / 'bundle'
  _convert([folder], bundle, only=['expnet', 'mapping'])
  state = small.state('mapping')
  state['first.0.bias'] = state['first.0.bias'].copy()
  state['first.0.bias'][0] = -0.0
  small.write(folder / 'mapping_00229-model.safetensors', state)
  with pytest.raises(errors.InputError) as error:
    bundling.check(bundle, [folder])
  assert 'mapping: params/first/bias differs' in str(error.value)
  assert 'mapping_00229-model.safetensors: no source' in str(error.value)


def test_two_files_make_one_network(tmp_path):
  state = small.state('lpips')
  heads = {key: state.pop(key) for key in list(state) if key.startswith('lin')}
  state |= {'classifier.1.weight': np.zeros((2, 2), np.float32)}
  trunk = small.write(tmp_path / 'alexnet-owt-7be5be79.safetensors', state)
  head = small.write(tmp_path / 'alex.safetensors', heads)
  card = _convert([trunk, head], tmp_path / 'bundle')
  assert card.networks['lpips'].sources == (trunk.name, head.name)
  message = _refusal([trunk], tmp_path)
  assert 'lpips: expected alex.pth too' in message


def test_files_of_other_names_are_taken_as_told(tmp_path):
  path = small.write(
    tmp_path / 'mine.safetensors',
    {
      **small.state('generator', prefix='generator.'),
      **small.state('expnet', prefix='other.'),
    },
  )
  card = _convert([], tmp_path / 'bundle', chosen={'generator': path}, size=512)
  assert set(card.networks) == {'generator'}
  assert card.size == 512
  assert card.sources[0].licence == 'unknown'
  assert len(card.sources[0].ignored['not asked for']) > 0


def test_every_fault_of_every_file_is_named(folder, tmp_path):
  state = small.sadtalker()
  del state['audio2exp.mapping1.bias']
  state['face_3drecon.strange'] = np.zeros(3, np.float32)
  state['stranger'] = np.zeros(3, np.float32)
  state['kp_extractor.kp.bias'] = np.full_like(
    state['kp_extractor.kp.bias'], np.nan
  )
  small.write(folder / S256, state)
  whole = (folder / 'mapping_00229-model.safetensors').read_bytes()
  (folder / 'mapping_00229-model.safetensors').write_bytes(whole[:-8])
  message = _refusal([folder], tmp_path)
  for part in (
    'mapping_00229-model.safetensors: truncated',
    '1 missing: mapping1.bias',
    '1 not expected: strange',
    '1 not expected: stranger',
    'kp.bias: expected finite numbers',
  ):
    assert part in message, message


def test_another_network_is_refused(tmp_path):
  path = small.write(
    tmp_path / 'mapping_00229-model.safetensors', small.state('recon')
  )
  message = _refusal([path], tmp_path)
  assert 'mapping: not the weights of this network' in message
  assert '18 missing: encoder0.1.bias' in message
  message = _refusal([], tmp_path, chosen={'generator': path}, size=256)
  assert 'generator: not the weights of this network' in message
  path = small.write(tmp_path / S256, small.state('recon'))
  message = _refusal([path], tmp_path)
  assert 'expected the network generator with names that start' in message


def test_small_mapping_is_refused_for_full_mode(folder, tmp_path):
  path = folder / 'mapping_00229-model.safetensors'
  message = _refusal([], tmp_path, chosen={'mapping_full': path})
  assert 'expected shape [8, 73, 7], found [8, 70, 7]' in message
  path.rename(folder / 'mapping_00109-model.safetensors')
  message = _refusal([folder], tmp_path)
  assert 'expected shape [8, 73, 7], found [8, 70, 7]' in message


def test_both_sizes_need_a_choice(folder, tmp_path):
  small.write(folder / S512, small.sadtalker(seed=1))
  message = _refusal([folder], tmp_path)
  assert 'expected --size 256 or 512' in message
  plan = sources.plan([folder], size=512)
  assert plan.size == 512
  assert folder / S256 in plan.unused
  (folder / S512).unlink()
  message = _refusal([folder], tmp_path, size=512)
  assert 'expected files for 512, found only those for 256' in message


def test_keypoints_of_another_size_are_refused(folder, tmp_path):
  other = small.write(tmp_path / S512, small.sadtalker(seed=1))
  message = _refusal([folder], tmp_path, chosen={'generator': other})
  assert 'keypoint_detector' in message
  assert f'generator of {S512} (512)' in message
  # Networks that know no size may come from either.
  sources.plan([folder], chosen={'expnet': other})


def test_two_sources_of_one_network_are_refused(folder, tmp_path):
  small.write(
    folder / 'auido2exp_00300-model.safetensors',
    small.state('expnet', prefix='model.'),
  )
  message = _refusal([folder], tmp_path)
  assert 'expnet: expected one source, found' in message
  assert 'auido2exp_00300-model.safetensors' in message


def test_a_file_given_twice_is_one_file(folder):
  plan = sources.plan([folder, folder / S256])
  assert len(plan.sources) == 3


def test_a_link_counts_by_its_own_name(folder, tmp_path):
  # Caches keep files under their hashes, and links with names.
  blob = (folder / S256).rename(tmp_path / 'b518242f')
  (folder / S256).symlink_to(blob)
  card = _convert([folder], tmp_path / 'bundle', only=['expnet'])
  assert card.networks['expnet'].sources == (S256,)


def test_unknown_inputs_are_refused(folder, tmp_path):
  unknown = small.write(tmp_path / 'mine.safetensors', {})
  message = _refusal(
    [unknown, tmp_path / 'nothing'], tmp_path, only=['expnets', 'gfpgan']
  )
  assert 'mine.safetensors: expected a released name' in message
  assert 'nothing: expected a file or a folder' in message
  assert "found 'expnets'" in message
  assert 'gfpgan: expected a file that holds it' in message
  empty = tmp_path / 'empty'
  empty.mkdir()
  assert 'expected released files' in _refusal([empty], tmp_path)


def test_nothing_is_overwritten(folder, tmp_path):
  output = tmp_path / 'bundle'
  output.mkdir()
  (output / 'mine').touch()
  with pytest.raises(errors.InputError, match='an empty folder'):
    _convert([folder], output, only=['expnet'])
  (output / 'mine').unlink()
  _convert([folder], output, only=['expnet'])


def test_pytorch_files_are_unwrapped(tmp_path):
  torch = pytest.importorskip('torch')

  def save(name, content):
    def tensors(value):
      if isinstance(value, dict):
        return {k: tensors(v) for k, v in value.items()}
      return torch.from_numpy(np.array(value))

    torch.save({**tensors(content), 'epoch': 3}, tmp_path / name)

  mapping = small.state('mapping')
  save(
    'mapping_00229-model.pth.tar',
    {'mapping': mapping, 'discriminator': {'a': np.zeros(2, np.float32)}},
  )
  save('epoch_20.pth', {'net_recon': small.state('recon')})
  save(
    'auido2exp_00300-model.pth',
    {'model': small.state('expnet', prefix='module.')},
  )
  card = _convert([tmp_path], tmp_path / 'bundle')
  assert set(card.networks) == {'mapping', 'recon', 'expnet'}
  source = next(s for s in card.sources if s.file.startswith('mapping'))
  assert source.ignored['no tensor'] == ['epoch']
  assert source.ignored['beside the mapping when it was trained'] == [
    'discriminator.a'
  ]
  for name in card.networks:
    found = bundles.load(tmp_path / 'bundle', name, zoo.shapes(name))
    assert not bundling._differences(name, found, zoo.noise(name)), name


@pytest.mark.slow
def test_full_size_stand_ins_convert_check_and_come_back(
  shared, tmp_path, monkeypatch
):
  monkeypatch.undo()  # full size
  from tests.parity import store

  weights = store._weights()
  folder = tmp_path / 'released'
  folder.mkdir()
  weights.save_safetensors(folder / S256, 'sadtalker', 3)
  weights.save_safetensors(
    folder / 'mapping_00229-model.safetensors', 'mapping', 3
  )
  card = _convert([folder], tmp_path / 'bundle')
  assert sum(n.parameters for n in card.networks.values()) > 180e6
  bundling.check(tmp_path / 'bundle', [folder])
  names = [part.network for part in released_files.FILES[0].parts]
  back = tmp_path / 'back.safetensors'
  bundling.export(tmp_path / 'bundle', names, back)
  found = torch_files.read(back)
  expected = torch_files.read(folder / S256)
  ignored = next(s for s in card.sources if s.file == S256).ignored
  assert set(found) == set(expected) - set(sum(ignored.values(), []))
  for name in found:
    assert found[name].tobytes() == expected[name].tobytes(), name


@pytest.mark.parametrize(
  ('name', 'like', 'network'),
  [
    ('mapping_00229.safetensors', 'mapping_00229-model.pth.tar', 'mapping'),
    ('epoch_00190_iteration_000400000_checkpoint.pth', 'epoch_', 'recon'),
    ('GFPGANv1.4 (1).pth', 'GFPGANv1.4.pth', 'gfpgan'),
  ],
)
def test_weights_of_other_names_are_named_with_what_would_be(
  tmp_path, name, like, network
):
  (tmp_path / name).write_bytes(b'weights')
  (tmp_path / 'README.md').write_text('words')
  line = unrecognised.line(tmp_path / name)
  assert f'such as {like}' in line and f'--as {network}=' in line
  assert unrecognised.line(tmp_path / 'README.md') is None
  with pytest.raises(errors.InputError, match='not recognised') as caught:
    sources.plan([tmp_path])
  assert like in str(caught.value)
