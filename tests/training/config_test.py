"""Configs: every fault is a line, what a run keeps can be read again."""

import importlib
import json
import typing

import ml_collections
import pytest

from configs import common, expnet, mapping, posevae, renderer
from sadtalker_jax import conventions, errors
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import config_reading, runs, stages
import train

FILES = (
  'expnet', 'lipnet', 'mapping', 'posevae', 'recon', 'renderer', 'syncnet',
)  # fmt: skip


def variants():
  for name in FILES:
    module = importlib.import_module(f'configs.{name}')
    yield name, None
    for variant in module._VARIANTS:
      yield name, variant if variant != 'gan' else 'wav2lip+gan'


@pytest.mark.parametrize(('name', 'variant'), list(variants()))
def test_every_config_is_read_and_kept_whole(name, variant):
  plain = importlib.import_module(f'configs.{name}').get_config(variant)
  typed = stages.read(plain)
  assert isinstance(typed, stages.config_type(stages.get(plain.stage)))
  kept = typed.to_json()
  # As `ml_collections` would write it.
  assert json.loads(json.dumps(kept)) == json.loads(plain.to_json_best_effort())
  assert stages.read(kept) == typed


def changed(config, key, value):
  *path, last = key.split('.')
  plain = config.to_dict()
  part = plain
  for step in path:
    part = part[step]
  part[last] = value
  return plain


@pytest.mark.parametrize(
  ('key', 'value', 'expected'),
  [
    ('bath_size', 3, r'a known key \(batch_size.*found an unknown one'),
    ('loss.gann', 1.0, r'a known key \(loss.gan.*found an unknown one'),
    ('mesh.row', 2, r'a known key \(mesh.*found an unknown one'),
    ('optimizer.model.rate', 1.0, 'a known key .*found an unknown one'),
    ('batch_size', '32', "a whole number from 1, found '32'"),
    ('batch_size', 2.5, 'a whole number from 1, found 2.5'),
    ('batch_size', True, 'a whole number from 1, found True'),
    ('log_every', 0, 'a whole number from 1, found 0'),
    ('dtype', 'bf16', "float32 or bfloat16 or float16, found 'bf16'"),
    ('ema_decay', 'much', "a number from 0, found 'much'"),
    ('optimizer.model.b1', None, 'a number from 0, found None'),
    ('optimizer.model.learning_rate', float('nan'), 'a number .*, found nan'),
    ('loss.kl', float('inf'), 'a number up to 2147483647, found inf'),
    ('batch_size', 10**30, 'a whole number from 1 up to 2147483647, found 1'),
    ('seed', -1, 'a whole number from 0, found -1'),
    ('tensorboard', 1, 'True or False, found 1'),
    ('bundle', None, 'text, found None'),
    ('remat', 'some', "none or blocks or full, found 'some'"),
    ('morphable.kind', 'clay', "makehuman or bfm .*found 'clay'"),
    ('data.selection.max_yaw', '45', "a number or None, found '45'"),
    ('data', 'records/', "keys with values, found 'records/'"),
    ('data.selection.speakers', 'anna', r"\(text, ...\), found 'anna'"),
  ],
)
def test_a_fault_names_key_expected_and_found(key, value, expected):
  plain = changed(posevae.get_config(), key, value)
  with pytest.raises(errors.InputError, match=f'^{key}: expected {expected}'):
    stages.read(plain)


def test_a_fault_in_a_tuple_names_its_place():
  plain = changed(
    posevae.get_config(), 'warm_start.parts', (('a', 'b'), ('c',))
  )
  with pytest.raises(
    errors.InputError, match=r"^warm_start.parts\[1\]: .*found \('c',\)"
  ):
    stages.read(plain)


def test_a_missing_key_is_named():
  plain = renderer.get_config().to_dict()
  del plain['loss']['prior']
  with pytest.raises(
    errors.InputError, match='^loss.prior: expected a number, found nothing'
  ):
    stages.read(plain)
  del plain['size']
  with pytest.raises(errors.InputError, match='^size: .*found nothing'):
    stages.read({**plain, 'loss': renderer.get_config().loss.to_dict()})


def test_what_is_no_config_is_named():
  with pytest.raises(errors.InputError, match='^config: .* found int'):
    stages.read(3)


@pytest.mark.parametrize('found', ['dance', '', None, 3, ['posevae']])
def test_an_unknown_stage_is_named(found):
  plain = changed(posevae.get_config(), 'stage', found)
  with pytest.raises(errors.InputError) as caught:
    stages.read(plain)
  assert str(caught.value).startswith('stage: expected one of syncnet, wav2lip')
  assert str(caught.value).endswith(f'found {found!r}')


def test_options_of_examples_are_checked(tmp_path):
  for key, value, match in (
    ('data.options.num_fames', 5, r'num_fames: .*data.options.num_frames'),
    ('data.options.num_frames', '5', "num_frames: .*whole number, found '5'"),
    ('data.options.target', 'none', "target: .*teacher .*found 'none'"),
  ):
    plain = changed(expnet.get_test_config(), key, value)
    plain['batch_size'] = 8  # of all of conftest's devices
    with pytest.raises(errors.InputError, match=f'^data.options.{match}'):
      runs.run(
        ml_collections.ConfigDict(plain), tmp_path / 'a', train.open_data
      )
    assert not (tmp_path / 'a').exists()


def test_a_config_that_a_run_kept_is_read_again():
  typed = stages.read(mapping.get_config()).scheduled(1000)
  stage = stages.get('mapping')(typed, {}, runs.NO_STATISTICS)
  kept = json.loads(json.dumps(runs.record(stage)))
  assert kept['exported']['mapping'] == {'zero_t_xz': True}
  # What `export_bundle` and people look for.
  assert kept['morphable']['kind'] == 'makehuman' and kept['size'] == 256
  assert stages.read(kept) == typed


def test_a_config_of_before_there_were_types_is_read(testdata):
  path = testdata / 'training' / 'config_of_a_mapping_run.json'
  kept = json.loads(path.read_text())
  found = stages.read(kept)
  assert found.stage == 'mapping' and found.steps == kept['steps']
  assert found.optimizer['discriminator'].b1 == 0.5
  again = {**found.to_json(), 'exported': kept['exported']}
  # Keys since then have their defaults.
  assert again.pop('skip_non_finite') == 0
  assert not again.pop('trains_generator')
  assert not again['validation'].pop('first')
  assert not again.pop('wandb')
  assert not again['loss'].pop('r1') and not again['loss'].pop('gan_adaptive')
  assert again['data'].pop('by_ranges') is False
  for group in again['optimizer'].values():
    assert not group.pop('weight_decay') and not group.pop('rates')
    assert group.pop('decay') == 'steps' and group.pop('total_steps') == 0
  assert again == kept


def test_a_whole_number_is_a_number():
  assert (
    stages.read(changed(posevae.get_config(), 'repeats', 0.5)).repeats == 0.5
  )
  rate = changed(posevae.get_config(), 'optimizer.model.learning_rate', 1)
  assert stages.read(rate).optimizer['model'].learning_rate == 1


def test_every_key_has_a_description():
  base = common.base().to_dict()
  rows = config_lib.describe(base)
  assert all(row.description.endswith('.') and row.type for row in rows)
  keys = {row.key: row for row in rows}
  assert keys['batch_size'].default == '32'
  assert keys['optimizer.GROUP.learning_rate'].default == ''
  assert keys['data.selection.max_yaw'].type == 'number or None'
  assert {key.split('.')[0] for key in keys} == {*base} - {'loss'}
  for name in typing.get_args(conventions.StageName):
    file = 'syncnet' if name == 'wav2lip' else name
    variant = 'wav2lip' if name == 'wav2lip' else None
    plain = importlib.import_module(f'configs.{file}').get_config(variant)
    kind = stages.config_type(stages.get(name))
    rows = config_lib.describe(plain.to_dict(), kind)
    assert all(row.description.endswith('.') for row in rows), name
    if name == 'syncnet':  # has no keys of its own
      assert {row.key for row in rows} == keys.keys()
    else:
      assert {f'loss.{key}' for key in plain.loss} <= {r.key for r in rows}


def test_weights_are_told_from_other_numbers_of_a_loss():
  loss = stages.read(posevae.get_config()).loss
  terms = {'regression', 'kl', 'aggregate', 'spread', 'gan'}
  assert set(loss.by_term()) == terms
  assert config_reading.plain(loss).keys() > loss.by_term().keys()
