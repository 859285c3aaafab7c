"""ArrayRecord files through ranges of bytes, against their own package."""

from array_record.python import array_record_module
import numpy as np
import pytest

from sadtalker_jax.records import array_records


@pytest.fixture(scope='module')
def written(tmp_path_factory):
  """A file, and its records: many blocks, some records across blocks."""
  path = tmp_path_factory.mktemp('records') / 'some.array_record'
  writer = array_record_module.ArrayRecordWriter(
    str(path), 'group_size:1,uncompressed'
  )
  rng = np.random.default_rng(0)
  # Ends in all places of a block: in, before, and behind its head.
  sizes = [1, 300, 70_000, 150_000, *rng.integers(1, 65_600, 60), 2**16 - 104]
  records = [rng.bytes(int(size)) for size in sizes]
  for record in records:
    writer.write(record)
  writer.close()
  return path.read_bytes(), records


def opened(data):
  return array_records.Reader(lambda a, n: data[a : a + n], len(data))


def test_records_are_those_that_were_written(written):
  data, records = written
  reader = opened(data)
  assert len(reader) == len(records)
  assert [reader[place] for place in range(len(reader))] == records
  with pytest.raises(IndexError, match='below 65, found 65'):
    reader[65]


def test_a_record_is_one_range(written):
  data, records = written
  asked = []

  def read(start, length):
    asked.append(length)
    return data[start : start + length]

  reader = array_records.Reader(read, len(data))
  del asked[:]
  assert reader[2] == records[2]
  assert len(asked) == 1 and 70_000 < asked[0] < 70_200


def test_damage_is_said(written):
  data, _ = written
  for broken, said in (
    (data[:-1], 'whole blocks'),
    (data[: 2**17], 'expected an uncompressed chunk|expected records|expected'),
    (bytes(len(data)), 'expected an uncompressed chunk'),
  ):
    with pytest.raises(ValueError, match=said):
      opened(broken)
  spoiled = data[:64] + bytes(2**17) + data[64 + 2**17 :]
  with pytest.raises(ValueError, match='expected an uncompressed chunk'):
    opened(spoiled)[0]
