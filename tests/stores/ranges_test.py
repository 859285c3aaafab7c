"""Records of a store, read by ranges: same batches, each block fetched once."""

import fsspec
import numpy as np
import pytest

import input_pipeline
from input_pipeline import random_records
from sadtalker_jax import errors
from sadtalker_jax.records import folders
from sadtalker_jax.stores import fetching, ranges

URL = 'memory://bucket/records'


@pytest.fixture
def records(tmp_path, monkeypatch):
  """A folder of records, here and in a store; ranges that were asked for."""
  random_records.write(tmp_path / 'here', {'train': {'anna': 3}})
  monkeypatch.setenv('SADTALKER_CACHE', str(tmp_path / 'cache'))
  monkeypatch.setattr(ranges, 'BLOCK', 2**14)
  memory = fsspec.filesystem('memory')
  memory.store.clear()
  fetching.upload(tmp_path / 'here', URL)
  asked = []
  whole = memory.cat_file

  def cat_file(path, start=None, end=None):
    if folders.is_shard(path):
      asked.append((path, start, end))
    return whole(path, start, end)

  monkeypatch.setattr(type(memory), 'cat_file', staticmethod(cat_file))
  yield tmp_path / 'here', asked
  memory.store.clear()


def _batches(folder, number=6):
  made = input_pipeline.create(
    'renderer', folder, batch_size=2, seed=0, size=64
  )
  found = [made.local(i) for i in range(number)]
  made.close()
  return found


def test_batches_are_those_of_a_local_folder_and_blocks_come_once(records):
  here, asked = records
  folder = ranges.fetch(URL, folders.is_shard)
  shards = [*folder.glob('[cf]*/*.array_record-*')]
  assert not asked and sum(p.stat().st_blocks for p in shards) == 0
  wanted = _batches(here)
  for a, b in zip(_batches(folder), wanted, strict=True):
    np.testing.assert_array_equal(a['driving'], b['driving'])
  first = len(asked)
  assert first and ranges.fetch(URL, folders.is_shard) == folder
  _batches(folder)
  assert len(asked) == first  # the local disk has all that is needed
  spans = [(p, i) for p, a, b in asked for i in range(a // 2**14, b // 2**14)]
  assert len(spans) == len(set(spans))


def test_without_room_blocks_are_fetched_each_time(records, monkeypatch):
  here, asked = records
  monkeypatch.setattr(ranges, '_ROOM', 10**18)
  folder = ranges.fetch(URL, folders.is_shard)
  for a, b in zip(_batches(folder), _batches(here), strict=True):
    np.testing.assert_array_equal(a['source'], b['source'])
  first = len(asked)
  _batches(folder)
  assert len(asked) == 2 * first


def test_a_changed_file_begins_anew_and_a_lost_one_is_one_line(records):
  here, asked = records
  folder = ranges.fetch(URL, folders.is_shard)
  _batches(folder, 1)
  memory = fsspec.filesystem('memory')
  name = next(p for p in memory.find('/bucket/records') if 'frames-' in p)
  memory.pipe_file(name, memory.cat_file(name))  # another version
  before = len(asked)
  _batches(ranges.fetch(URL, folders.is_shard), 1)
  assert len(asked) > before
  for path in memory.find('/bucket/records'):
    if folders.is_shard(path):
      memory.rm_file(path)
  with pytest.raises(errors.InputError, match='memory://bucket/records/'):
    _batches(folder)
