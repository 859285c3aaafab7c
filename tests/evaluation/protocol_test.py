"""The rules of a test, and the configs that hold them."""

import pytest

from configs import evaluation as config
from sadtalker_jax import errors
from sadtalker_jax.evaluation import protocol
from sadtalker_jax.evaluation.measures import registry
from sadtalker_jax.evaluation.report import published


@pytest.mark.parametrize(
  'name', [None, 'hdtf', 'voxceleb', 'folder', 'cropped']
)
def test_configs_are_protocols(name):
  rules = protocol.from_mapping(config.get_config(name).to_dict())
  assert rules.name == (name or 'hdtf') and rules.size == 256
  assert str(rules.size) in rules.rule and rules.source
  protocol.from_mapping(config.get_test_config().to_dict())


def test_the_test_of_the_paper_is_346_clips_of_200_frames():
  rules = protocol.from_mapping(config.get_config().to_dict())
  assert rules.clips == 346 and rules.most_frames == 200


@pytest.mark.parametrize(
  'fields',
  [
    {'seconds': 0},
    {'size': 3},
    {'crop': 'nose'},
    {'margin': -1},
    {'least_frames': 5},
    {'tolerance': -1},
    {'colour': 'red'},
    {'size': 'big'},
  ],
)
def test_bad_rules_are_refused(fields):
  with pytest.raises(errors.InputError):
    protocol.from_mapping(fields)


@pytest.mark.parametrize(
  'text, found',
  [
    ('def(', 'SyntaxError'),
    ('1 / 0', 'ZeroDivisionError'),
    ('a = 1', 'AttributeError'),
    ('get_config = lambda name: 3', 'AttributeError'),
    ('import sys; sys.exit(3)', 'SystemExit: 3'),
  ],
)
def test_files_that_are_no_config_are_one_line(tmp_path, text, found):
  (tmp_path / 'rules.py').write_text(text)
  with pytest.raises(errors.InputError, match=found) as caught:
    protocol.read(str(tmp_path / 'rules.py'))
  assert '\n' not in str(caught.value)


def test_unknown_tests_are_refused():
  with pytest.raises(ValueError, match='hdtf'):
    config.get_config('mine')


def test_tables_of_the_paper_speak_of_our_metrics():
  assert len(published.TABLES) == 3
  for rows in published.TABLES.values():
    for values in rows.values():
      assert set(values) <= set(registry.METRICS)
  (table,) = (rows for name, rows in published.TABLES.items() if '1' in name)
  assert table['SadTalker']['fid'] == 22.057
  assert 'diversity' not in table['Wav2Lip']
