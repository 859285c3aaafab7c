"""Reading: filters, both readers, damage."""

import dataclasses
import shutil

import numpy as np
import pytest

import input_pipeline
from input_pipeline import random_records, selection, sources, stages
from sadtalker_jax import errors
from sadtalker_jax.records import folders


@pytest.fixture
def copy(folder, tmp_path):
  path = tmp_path / 'copy'
  shutil.copytree(folder, path)
  return path


def _same(one, other):
  assert one.keys() == other.keys()
  for key in one:
    np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.parametrize('stage', stages.EXAMPLES)
def test_tfds_gives_the_same_batches(folder, stage):
  options = {'num_frames': 20} if stage == 'clips' else {}
  made = [
    input_pipeline.create(
      stage, folder, batch_size=3, seed=5, reader=reader, **options
    )
    for reader in ('array_record', 'tfds')
  ]
  assert made[0].state() == made[1].state()
  _same(made[0].local(1), made[1].local(1))


def test_missing_index_is_made_from_the_clips(copy):
  with_file = sources.Clips(copy, 'train')
  folders.index_path(copy, 'train').unlink()
  _same(sources.Clips(copy, 'train').index, with_file.index)


def _index(**columns):
  number = len(next(iter(columns.values())))
  index = {
    'id': np.array([f'{i}' for i in range(number)]),
    'speaker': np.array(['a'] * number),
    'num_frames': np.full(number, 200),
    'offset': np.zeros(number, np.float32),
    'confidence': np.full(number, 9, np.float32),
    'yaw': np.zeros(number, np.float32),
  }
  return index | {key: np.array(value) for key, value in columns.items()}


@pytest.mark.parametrize(
  'options, columns, kept',
  [
    ({'min_seconds': 5.0}, {'num_frames': [124, 125, 126]}, [1, 2]),
    ({'max_offset': 1.0}, {'offset': [-2.0, -1.0, 1.0, 1.5]}, [1, 2]),
    ({'min_confidence': 5.0}, {'confidence': [5.0, 5.1]}, [1]),
    ({'max_yaw': 45.0}, {'yaw': [44.0, 45.0]}, [0]),
    ({'speakers': ('b',)}, {'speaker': ['a', 'b', 'c']}, [1]),
    ({'min_clips': 2}, {'speaker': ['a', 'b', 'a']}, [0, 2]),
    ({'num_speakers': 1}, {'speaker': ['a', 'b', 'b']}, [1, 2]),
    (
      {'min_clips': 2, 'max_yaw': 45.0},
      {'speaker': ['a', 'a', 'b', 'b'], 'yaw': [0.0, 60.0, 0.0, 0.0]},
      [2, 3],
    ),
  ],
)
def test_selection_keeps(options, columns, kept):
  order = ('c', 'b', 'a')
  _, keep = selection.select(
    _index(**columns), order, selection.Selection(**options)
  )
  assert np.flatnonzero(keep).tolist() == kept


def test_speakers_keep_the_order_of_the_manifest():
  index = _index(speaker=['a', 'b', 'b', 'c'])
  speakers, _ = selection.select(
    index, ('c', 'b', 'a'), selection.Selection(num_speakers=2)
  )
  assert speakers == ('b', 'a')
  with pytest.raises(
    errors.InputError, match='46 speakers.*found 3.*num_speakers=0 takes'
  ):
    selection.select(
      index, ('c', 'b', 'a'), selection.Selection(num_speakers=46)
    )
  with pytest.raises(errors.InputError, match='found c in clips only'):
    selection.select(index, ('b', 'a'), selection.Selection())


def test_held_out_clips_are_the_rest_of_the_same_speakers():
  index = _index(speaker=['a', 'b'] * 200)
  parts = {}
  for word in ('with', 'without', 'only'):
    chosen = selection.Selection(held_out=word)
    speakers, parts[word] = selection.select(index, ('a', 'b'), chosen)
    assert speakers == ('a', 'b')
  assert parts['with'].all()
  np.testing.assert_array_equal(parts['without'], ~parts['only'])
  assert 8 < parts['only'].sum() < 35
  with pytest.raises(errors.InputError, match="found 'maybe'"):
    dataclasses.replace(chosen, held_out='maybe')


def test_one_of_few_clips_is_held_out():
  index = _index(speaker=['a', 'a', 'a'])
  kept = {
    word: selection.select(index, ('a',), selection.Selection(held_out=word))[1]
    for word in ('without', 'only')
  }
  assert kept['only'].sum() == 1
  np.testing.assert_array_equal(kept['without'], ~kept['only'])


def test_selection_that_leaves_nothing_is_named(folder):
  with pytest.raises(errors.InputError, match='no clip .*min_seconds=60'):
    sources.Clips(
      folder, 'train', selection=selection.Selection(min_seconds=60)
    )


def test_splits_share_no_speaker(folder):
  train, other = (
    set(sources.Clips(folder, split).speakers)
    for split in ('train', 'validation')
  )
  assert train == {'anna', 'bert', 'cleo'}
  assert other == {'dora'}


def _overwrite(path, at, data):
  with path.open('r+b') as file:
    file.seek(at)
    file.write(data)


def test_damaged_frame_names_shard_and_record(copy):
  path = folders.shard_paths(copy, 'frames', 'train')[1]
  clips = sources.Clips(copy, 'train')
  position = int(np.flatnonzero(clips.index['shard'] == 1)[0])
  jpeg = path.read_bytes().index(b'\xff\xd8')
  _overwrite(path, jpeg + 40, b'damage' * 20)
  clips = sources.Clips(copy, 'train')
  with pytest.raises(errors.InputError) as found:
    clips.frames(position, [0])
  assert f'damaged record 0 of {path}' in str(found.value)
  batches = input_pipeline.create('renderer', copy, batch_size=8, seed=0)
  with pytest.raises(errors.InputError, match='damaged record .* of .*00001'):
    for _ in range(40):
      next(batches)


def test_damaged_clip_names_shard_and_record(copy):
  path = folders.shard_paths(copy, 'clips', 'train')[0]
  _overwrite(path, 90_000, b'damage' * 20)
  clips = sources.Clips(copy, 'train')
  with pytest.raises(errors.InputError, match=f'damaged record 0 of {path}'):
    clips.clip(0)


def test_shard_cut_short_is_named(copy):
  path = folders.shard_paths(copy, 'frames', 'train')[0]
  path.write_bytes(path.read_bytes()[:100_000])
  with pytest.raises(errors.InputError, match=f'damaged shard {path}'):
    sources.Clips(copy, 'train')


def test_shards_of_another_run_are_named(copy):
  one, other = folders.shard_paths(copy, 'frames', 'train')
  moved = one.with_name('moved')
  one.rename(moved)
  other.rename(one)
  moved.rename(other)
  with pytest.raises(errors.InputError, match='frames in shard 0 of split'):
    sources.Clips(copy, 'train')


def test_picture_of_another_size_is_named(copy, tmp_path):
  random_records.write(tmp_path / 'big', {'train': {'anna': 1}}, size=512)
  clips = sources.Clips(tmp_path / 'big', 'train')
  assert clips.frames(0, [0])[0].size == (512, 512)
  clips.size = 256
  with pytest.raises(errors.InputError, match='expected 256 x 256 .*512'):
    clips.frames(0, [0])
