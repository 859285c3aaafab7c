"""`train.py` from its config to a bundle, on random batches."""

import dataclasses
import importlib
import json
import pathlib
import re
import sys

from absl.testing import flagsaver
import jax
import numpy as np
import pytest

from configs import mapping, renderer
from configs import posevae as config_file
from input_pipeline import random_records
from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards, download
from sadtalker_jax.cli import bundle as bundle_cli
from sadtalker_jax.models import zoo
from sadtalker_jax.training import bundled, export_bundle, runs, stages
from tests.checkpoints import made
import train


def config(**changes):
  found = config_file.get_test_config()
  found.mesh.fsdp = 2
  found.mesh.data = 4
  found.batch_size = 8
  found.summarise_every = 0
  for name, value in changes.items():
    found[name] = value
  return found


def leaves(result):
  return [np.asarray(x) for x in jax.tree.leaves(result.state)]


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  folder = tmp_path_factory.mktemp('runs') / 'whole'
  return folder, runs.run(config(), folder, train.open_data)


def test_a_run_in_two_parts_is_bit_equal(whole, tmp_path):
  for steps in (2, 4):
    found = config(steps=steps)
    found.validation.every = 0  # changes nothing, and is a program more
    again = runs.run(found, tmp_path, train.open_data)
  for a, b in zip(leaves(whole[1]), leaves(again), strict=True):
    np.testing.assert_array_equal(a, b)


def test_figures_and_config_lie_in_the_folder(whole):
  folder, _ = whole
  rows = (folder / 'metrics.jsonl').read_text().splitlines()
  found = [json.loads(row) for row in rows]
  assert [r['step'] for r in found if 'total/model' in r] == [1, 2, 3, 4]
  assert {'regression', 'kl', 'gan', 'discriminator'} <= set(found[0])
  rates = [found[0][f'learning_rate/{g}'] for g in ('model', 'discriminator')]
  np.testing.assert_allclose(rates, 1e-4, rtol=1e-6)
  assert any('eval/spread/yaw' in row for row in found)
  stored = json.loads((folder / 'config.json').read_text())
  assert stored['stage'] == 'posevae' and stored['steps'] == 4


def test_a_finished_stage_becomes_a_bundle(whole, tmp_path, capsys):
  folder, result = whole
  output = tmp_path / 'bundle'
  argv = ['--run', str(folder), '--output', str(output)]
  assert bundle_cli.main(argv) == 0
  assert 'pose_discriminator, posevae' in capsys.readouterr().out
  card = cards.read(output)
  bundles.verify(output, card)
  fields = card.networks['posevae'].config
  stored = bundles.load(output, 'posevae', zoo.shapes('posevae', **fields))
  expected = result.state.variables('posevae')
  for a, b in zip(
    jax.tree.leaves(expected), jax.tree.leaves(stored), strict=True
  ):
    np.testing.assert_array_equal(np.asarray(a), b)
  assert bundle_cli.main([*argv, '--step', '7']) == 2
  assert 'checkpoint of 7' in capsys.readouterr().err
  for which in ('@7', '@newest'):  # the latter is the name of a folder
    argv = ['--run', f'{folder}{which}', '--output', str(tmp_path / 'other')]
    assert bundle_cli.main(argv) == 2
    assert which.strip('@') in capsys.readouterr().err


def test_the_best_checkpoint_is_that_of_the_lowest_metric(
  whole, tmp_path, caplog
):
  folder, result = whole
  rows = (folder / 'metrics.jsonl').read_text().splitlines()
  metric = config().best_metric
  found = {
    row['step']: row[metric] for row in map(json.loads, rows) if metric in row
  }
  best = min(found, key=lambda step: found[step])
  argv = ['--run', f'{folder}@best', '--output', str(tmp_path / 'best')]
  with caplog.at_level('INFO', logger='absl'):
    assert bundle_cli.main(argv) == 0
  assert f'step {best} has the best {metric}' in caplog.text
  _, networks = export_bundle.trained(folder, best)
  fields, expected = networks['posevae']
  stored = bundles.load(
    tmp_path / 'best', 'posevae', zoo.shapes('posevae', **fields)
  )
  for a, b in zip(
    jax.tree.leaves(expected), jax.tree.leaves(stored), strict=True
  ):
    np.testing.assert_array_equal(a, b)


def test_a_frozen_network_of_a_bundle_stays_as_it_was(whole, tmp_path):
  folder, result = whole
  export_bundle.bundle([folder], tmp_path / 'start')
  found = config_file.get_config('test+finetune')
  found.update({'steps': 2, 'batch_size': 8, 'summarise_every': 0})
  found.clips.every, found.validation.batches = 0, 1
  found.warm_start.bundle = str(tmp_path / 'start')
  found.optimizer.model.rates = (('posevae/.*', 0.0),)
  tuned = runs.run(found, tmp_path / 'run', train.open_data)
  for name, same in (('posevae', True), ('pose_discriminator', False)):
    pairs = zip(
      jax.tree.leaves(result.state.variables(name)),
      jax.tree.leaves(tuned.state.variables(name)),
      strict=True,
    )
    assert all(np.array_equal(a, b) for a, b in pairs) == same
  rows = (tmp_path / 'run' / 'metrics.jsonl').read_text().splitlines()
  first = json.loads(rows[0])
  assert first['step'] == 0 and 'eval/regression' in first


def test_a_bundle_of_another_size_is_refused_with_what_differs(whole, tmp_path):
  folder, _ = whole
  export_bundle.bundle([folder], tmp_path / 'start')
  found = config_file.get_config('no_gan+finetune')
  found.warm_start.bundle = str(tmp_path / 'start')
  with pytest.raises(
    errors.InputError, match=r'widths=\(8, 8, 16, 16\) \(here'
  ):
    runs.run(found, tmp_path / 'never', train.open_data)
  assert not (tmp_path / 'never').exists()


def test_finetune_is_the_last_of_the_variants():
  with pytest.raises(ValueError, match='finetune as the last'):
    config_file.get_config('finetune+test')


def test_faults_are_found_before_anything_is_compiled(tmp_path):
  def fails(match, **changes):
    with pytest.raises(errors.InputError, match=match):
      runs.run(config(**changes), tmp_path / 'never', train.open_data)
    assert not (tmp_path / 'never').exists()

  fails('batch_size: expected a multiple', batch_size=6)
  fails('stage: expected one of', stage='dance')
  fails('steps: expected steps or epochs', steps=0, epochs=0)
  found = config()
  found.mesh.data = 3
  with pytest.raises(errors.InputError, match='mesh: expected axes'):
    runs.run(found, tmp_path / 'never', train.open_data)
  found = config()
  found.data.folder = str(tmp_path / 'records')
  with pytest.raises(errors.InputError):
    runs.run(found, tmp_path / 'never', train.open_data)


@pytest.mark.filterwarnings('ignore:the load_module')  # of ml_collections
@pytest.mark.parametrize(
  ('flag', 'words'),
  [
    (
      '--config.loss.gann=3',
      'config.loss.gann=3: expected a known key; .*"gan"',
    ),
    ('--config.batch_size=many', "config.batch_size=many: .*'many'"),
    ('--config=configs/posevae.py:dance', "a variant out of .*found 'dance'"),
    ('--config=gone.py', 'expected a Python file, found: .*gone.py'),
    ('--config=configs', 'expected a Python file, found: .*Is a directory'),
    ('--config=', 'expected a Python file, found: '),
    ('--config=pyproject.toml', 'with get_config, found '),
  ],
)
def test_a_bad_flag_is_one_line(flag, words, capsys, monkeypatch):
  argv = ['train.py', '--config=configs/posevae.py:test', flag]
  if flag.startswith('--config='):
    del argv[1]
  monkeypatch.setattr(sys, 'argv', argv)  # where ml_collections looks
  with flagsaver.flagsaver(), pytest.raises(SystemExit) as caught:
    train.parse(argv)
  assert caught.value.code == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert re.search(words, line)


def test_a_store_as_a_path_is_refused_and_nothing_is_written(
  tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(errors.InputError, match='workdir: .*mirrored'):
    runs.run(config(), pathlib.Path('gs://bucket/run'), train.open_data)
  assert not list(tmp_path.iterdir())


def test_bundles_of_the_hub_are_fetched(tmp_path, monkeypatch):
  made.bundle(
    tmp_path / 'hub', {'wav2lip': {'params': {'w': np.zeros(3, np.float32)}}}
  )
  asked = []

  def fetch(name):
    asked.append(name)
    return tmp_path / 'hub'

  monkeypatch.setattr(download, 'fetch', fetch)
  found = stages.read(config())
  start = dataclasses.replace(
    found.warm_start, bundle='hf://owner/experts', networks=('lipreader',)
  )
  found = dataclasses.replace(found, warm_start=start)
  with pytest.raises(errors.InputError, match='with lipreader, found wav2lip'):
    bundled.warm_start(found)
  assert asked == ['hf://owner/experts']


def test_the_ear_of_posevae_is_wav2lips(whole, tmp_path):
  from configs import syncnet

  fields = dict(syncnet.get_config('wav2lip+test').model)
  expected = zoo.noise('wav2lip', 0, **fields)
  made.bundle(tmp_path / 'teacher', {'wav2lip': expected}, {'wav2lip': fields})
  parts = config_file.get_config().warm_start.parts
  found = config(steps=1)
  found.validation.every = 0
  found.warm_start.update({'bundle': str(tmp_path / 'teacher'), 'parts': parts})
  result = runs.run(found, tmp_path / 'run', train.open_data)
  trained = result.state.variables('posevae')
  for collection in ('params', 'batch_stats'):
    jax.tree.map(
      np.testing.assert_array_equal,
      jax.device_get(trained[collection]['audio_encoder']),
      jax.device_get(expected[collection]['audio_encoder']),
    )
  found.warm_start.parts = (('wav2lip/nose', 'posevae/audio_encoder'),)
  with pytest.raises(errors.InputError, match='a part of wav2lip, found nose'):
    runs.run(found, tmp_path / 'never', train.open_data)


def test_posevae_without_an_ear_is_refused(tmp_path):
  found = config_file.get_config()
  with pytest.raises(errors.InputError, match='warm_start.bundle: .*wav2lip'):
    runs.run(found, tmp_path / 'never', train.open_data)
  assert not (tmp_path / 'never').exists()


def test_weights_of_another_face_model_are_refused(tmp_path):
  from configs import expnet

  folder = tmp_path / 'released'
  made.bundle(folder, {'expnet': {'params': {'w': np.zeros(3, np.float32)}}})
  found = expnet.get_test_config()
  found.batch_size = 8
  found.warm_start.bundle = str(folder)
  found.warm_start.networks = ('expnet',)
  with pytest.raises(errors.InputError, match='face model makehuman .*of bfm'):
    runs.run(found, tmp_path / 'never', train.open_data)
  assert not (tmp_path / 'never').exists()


def test_a_loss_without_its_expert_is_refused(tmp_path):
  from configs import expnet

  found = expnet.get_test_config()
  found.loss.read = 0.01
  found.batch_size = 8
  with pytest.raises(errors.InputError, match='bundle: .*with lipreader'):
    runs.run(found, tmp_path / 'never', train.open_data)


@pytest.mark.parametrize(
  'name',
  ['expnet', 'lipnet', 'mapping', 'posevae', 'recon', 'renderer', 'syncnet'],
)
def test_what_a_config_plans_happens_before_its_end(name):
  plain = importlib.import_module(f'configs.{name}').get_config()
  found = stages.read(plain).scheduled(1251)
  for optimizer in found.optimizer.values():
    assert all(step < found.steps for step in optimizer.decay_steps)
  for key, value in found.to_json().items():
    if key.endswith('_steps'):
      assert 0 < value < found.steps, key


def test_the_discriminator_of_wav2lip_is_no_variant_of_its_expert():
  from configs import syncnet

  with pytest.raises(ValueError, match='gan after wav2lip'):
    syncnet.get_config('gan+wav2lip')
  assert syncnet.get_config('wav2lip+gan').loss.gan == 0.07


def test_epochs_become_steps():
  plain = mapping.get_config()
  plain.update({'repeats': 2, 'batch_size': 8, 'steps': 0, 'epochs': 3})
  plain.update({'warm_steps': 1, 'warm_epochs': 2})
  plain.optimizer.model.decay_steps = (5,)
  plain.optimizer.model.decay_epochs = (1, 2)
  found = stages.read(plain).scheduled(10)
  assert found.steps == 8 and found.warm_steps == 6
  assert found.optimizer['model'].decay_steps == (2, 5)


def test_few_short_clips_meet_messages_that_name_a_way(tmp_path):
  random_records.write(tmp_path, {'train': {'anna': 2}})  # of 36 to 50 frames
  here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  for module, purpose, way in (
    (config_file, 'train', '46 speakers .*data.selection.num_speakers=0 takes'),
    (renderer, 'clips', 'config.clips.num_frames=N makes .*none among 2'),
  ):
    found = module.get_config()
    found.data.folder, found.validation.split = str(tmp_path), 'train'
    with pytest.raises(errors.InputError, match=way):
      train.open_data(stages.read(found), purpose, here)
