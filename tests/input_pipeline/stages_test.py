"""Every stage: shapes, ranges, options."""

import numpy as np
import pytest

import input_pipeline
from input_pipeline import batches, random_records, stages, synthetic
from sadtalker_jax import errors

ONE_THREAD = batches.ReadSettings(threads=1, ahead=1)


def _described(batch):
  return {key: (value.shape, value.dtype) for key, value in batch.items()}


@pytest.mark.parametrize('stage', stages.EXAMPLES)
def test_batches_are_what_spec_says(folder, stage):
  options = {'num_frames': 20} if stage == 'clips' else {}
  found = input_pipeline.create(
    stage, folder, batch_size=3, seed=0, **options
  ).local(0)
  made = synthetic.create(stage, batch_size=3, seed=0, **options).local(0)
  spec = _described(input_pipeline.spec(stage, 3, **options))
  assert _described(found) == spec
  assert _described(made) == spec


@pytest.mark.parametrize('stage', stages.EXAMPLES)
def test_synthetic_numbers_keep_their_range(stage):
  made = synthetic.create(stage, batch_size=4, seed=0).local(0)
  again = synthetic.create(stage, batch_size=4, seed=0).local(0)
  other = synthetic.create(stage, batch_size=4, seed=1).local(0)
  for key, entry in stages.make(stage).entries().items():
    assert made[key].min() >= entry.low
    assert made[key].max() <= entry.high
    np.testing.assert_array_equal(made[key], again[key])
  assert any((made[key] != other[key]).any() for key in made)


@pytest.mark.parametrize(
  'stage, options, words',
  [
    ('dance', {}, "found 'dance'"),
    ('expnet', {'frames': 5}, "options of expnet in .*found 'frames'"),
    ('expnet', {'target': 'none'}, 'expected target in'),
    ('expnet', {'reference': 'last'}, 'expected reference'),
    ('expnet', {'blinks': 'none'}, 'expected blinks'),
    ('mapping', {'coefficients': 71}, '70 or 73'),
    ('mapping', {'source_window': 'x'}, 'source_window'),
  ],
)
def test_wrong_option_is_named(stage, options, words):
  with pytest.raises(errors.InputError, match=words):
    input_pipeline.spec(stage, 1, **options)


@pytest.mark.parametrize(
  'stage, options, words',
  [
    ('renderer', {'size': 512}, '512 pixels or a multiple of it, found 256'),
    ('posevae', {'num_styles': 2}, 'at most 2 speakers.*found 3'),
    ('posevae', {'num_frames': 99}, 'found none among 12'),
    ('renderer', {'batch_size': 0}, 'batch_size from 1'),
    ('renderer', {'sampling': 'frames'}, 'clips or speakers'),
    ('renderer', {'split': 'test'}, 'no clips of split test'),
    ('renderer', {'reader': 'csv'}, "found 'csv'"),
    ('renderer', {'process': (0, 3)}, 'divide over 3'),
  ],
)
def test_impossible_request_is_named(folder, stage, options, words):
  options = {'batch_size': 2, 'seed': 0} | options
  with pytest.raises(errors.InputError, match=words):
    input_pipeline.create(stage, folder, **options)


def test_missing_teacher_is_an_error_unless_asked_for(tmp_path):
  random_records.write(tmp_path, {'train': {'anna': 2}}, teacher=False)
  with pytest.raises(errors.InputError, match="set target to 'real'"):
    input_pipeline.create('expnet', tmp_path, batch_size=1, seed=0)
  for target in ('real', 'teacher_or_real'):
    batch = input_pipeline.create(
      'expnet', tmp_path, batch_size=2, seed=0, target=target
    ).local(0)
    assert batch['target'].max() < random_records.TEACHER
