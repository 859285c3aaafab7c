"""Records: round trips, equal arrays through TFDS, faults that are named."""

import io

from array_record.python import array_record_module
import numpy as np
from PIL import Image
import pytest

from sadtalker_jax import errors
from sadtalker_jax.records import folders, schema, tf_example


def _clip(frames: int = 7, teacher: bool = True) -> dict:
  rng = np.random.default_rng(frames)

  def noise(*shape):
    return rng.normal(size=shape).astype(np.float32)

  return {
    'id': 'anna#zürich#3#0',
    'speaker': 'anna',
    'video': 'anna/zürich.mp4',
    'fps': 25.0,
    'size': 256,
    'num_frames': frames,
    'frame_offset': 0,
    'audio': rng.integers(-99, 99, 640 * frames).astype(np.int16),
    'mel': noise(schema.mel_length(frames), 80),
    'landmarks': noise(frames, 68, 2),
    'coefficients': noise(frames, 257),
    'crop': noise(frames, 3),
    'blink': noise(frames),
    'teacher': noise(frames if teacher else 0, 64),
    'box': noise(4),
    'source_fps': 29.97,
    'offset': -1.0,
    'confidence': 6.5,
    'morphable': 'bfm',
    'method': 'fit',
  }


def _jpeg() -> bytes:
  data = io.BytesIO()
  Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(data, 'JPEG')
  return data.getvalue()


def _same(found, wanted) -> None:
  for key, value in wanted.items():
    np.testing.assert_array_equal(
      found[key], np.float32(value) if isinstance(value, float) else value
    )
    assert np.asarray(found[key]).dtype.kind == np.asarray(value).dtype.kind


@pytest.mark.parametrize('teacher', [True, False])
def test_clip_survives_its_record(teacher):
  clip = _clip(teacher=teacher)
  record = schema.encode_clip(clip)
  found = schema.decode_clip(record)
  assert list(found) == list(schema.CLIP)
  _same(found, clip)
  assert record == schema.encode_clip(clip)


def test_frame_survives_its_record():
  record = schema.encode_frame('a#b#c#0', 3, _jpeg())
  found = schema.decode_frame(record)
  assert found == {'clip': 'a#b#c#0', 'index': 3, 'image': _jpeg()}


@pytest.mark.parametrize(
  'change, words',
  [
    ({'mel': None}, 'expected mel float32'),
    ({'landmarks': np.zeros((7, 68, 2))}, 'float32 .7, 68, 2., found float64'),
    ({'crop': np.zeros((6, 3), np.float32)}, r'\[7, 3\], found .* \[6, 3\]'),
    ({'teacher': np.zeros((3, 64), np.float32)}, 'expected teacher'),
    ({'num_frames': 0}, 'num_frames'),
    ({'num_frames': 7.0}, 'num_frames'),
    ({'speaker': 3}, 'speaker as text, found int'),
    ({'extra': 1}, r"unknown \['extra'\]"),
    ({'fps': 30.0}, 'fps 25'),
    ({'method': 'guess'}, "found 'guess'"),
    ({'size': 100}, 'found 100'),
  ],
)
def test_wrong_clip_is_named(change, words):
  with pytest.raises(errors.InputError, match=words):
    schema.encode_clip(_clip() | change)


def test_missing_key_is_named():
  clip = _clip()
  del clip['blink']
  with pytest.raises(errors.InputError, match=r"missing \['blink'\]"):
    schema.encode_clip(clip)
  with pytest.raises(errors.InputError, match='JPEG'):
    schema.encode_frame('a', 0, b'png')


@pytest.mark.parametrize('cut', [1, 100, 5000])
def test_cut_record_is_an_error(cut):
  with pytest.raises(errors.InputError):
    schema.decode_clip(schema.encode_clip(_clip())[:-cut])


def test_other_record_is_an_error():
  with pytest.raises(errors.InputError, match='found without'):
    schema.decode_clip(schema.encode_frame('a', 0, _jpeg()))
  with pytest.raises(errors.InputError, match='tf.train.Example'):
    schema.decode_frame(b'\xff' * 40)


def test_other_schema_says_so():
  features = tf_example.decode(schema.encode_clip(_clip()))
  old = tf_example.encode(features | {'schema': 99})
  with pytest.raises(errors.InputError, match='schema 1, found 99'):
    schema.decode_clip(old)


def test_tfds_reads_equal_values(tmp_path):
  tfds = pytest.importorskip('tensorflow_datasets')
  clips = [_clip(5), _clip(9, teacher=False)]
  written = {
    'clips': [schema.encode_clip(c) for c in clips],
    'frames': [schema.encode_frame('a#b#c#0', i, _jpeg()) for i in range(3)],
  }
  for dataset, rows in written.items():
    path = folders.shard_path(tmp_path, dataset, 'train', 0, 1)
    path.parent.mkdir()
    writer = array_record_module.ArrayRecordWriter(
      str(path), 'group_size:1,uncompressed'
    )
    for row in rows:
      writer.write(row)
    writer.close()
    size = sum(map(len, rows))
    folders.write_tfds(
      tmp_path, dataset, {'train': [len(rows)]}, {'train': size}
    )
  source = tfds.builder_from_directory(tmp_path / 'clips').as_data_source(
    split='train'
  )
  assert len(source) == 2
  for theirs, record in zip(source, written['clips'], strict=True):
    ours = schema.decode_clip(record)
    assert sorted(theirs) == sorted(ours)
    for key, value in ours.items():
      found = theirs[key]
      found = found.decode() if isinstance(found, bytes) else found
      np.testing.assert_array_equal(found, value)
      assert np.asarray(found).dtype == np.asarray(value).dtype
  frames = tfds.builder_from_directory(tmp_path / 'frames').as_data_source(
    split='train', decoders={'image': tfds.decode.SkipDecoding()}
  )
  assert frames[2] == {'clip': b'a#b#c#0', 'index': 2, 'image': _jpeg()}


def test_index_keeps_rows(tmp_path):
  rows = [folders.index_row(_clip(n), n % 2) for n in (5, 9)]
  folders.write_index(tmp_path, 'train', rows)
  index = folders.read_index(tmp_path, 'train')
  assert index['num_frames'].tolist() == [5, 9]
  assert index['speaker'].tolist() == ['anna', 'anna']
  angles = np.degrees(_clip(9)['coefficients'][:, 224:227])
  assert index['yaw'][1] == np.abs(angles[:, 1]).max()
  with pytest.raises(errors.InputError, match='no index of split test'):
    folders.read_index(tmp_path, 'test')


@pytest.mark.parametrize(
  'jumps, steady', [([], 9), ([8], 8), ([1, 4], 5), (range(9), 1)]
)
def test_longest_run_without_a_jump_is_indexed(jumps, steady):
  clip = _clip(9)
  coefficients = np.zeros((9, 257), np.float32)
  for at in jumps:  # the head turns 16 degrees before this frame
    coefficients[at:, 225] += np.radians(16)
  clip['coefficients'] = coefficients
  row = folders.index_row(clip, 0)
  assert row['steady'] == steady
  assert np.isclose(row['yaw'], 16 * len(jumps), atol=1e-3)


def _manifest() -> dict:
  numbers = {key: [0.5] * length for key, length in folders.STATISTICS.items()}
  return {
    'options': 'abc',
    'size': 256,
    'speakers': ['anna'],
    'splits': {'train': {'clips': 1, 'statistics': numbers}},
    'rejects': {'blurred': 2},
  }


def test_manifest_keeps_its_values(tmp_path):
  folders.write_manifest(tmp_path, _manifest())
  assert folders.read_manifest(tmp_path) == _manifest() | {'schema': 1}
  assert [p.name for p in tmp_path.iterdir()] == ['manifest.json']


@pytest.mark.parametrize(
  'text, words',
  [
    ('{', 'expected JSON'),
    ('[' * 5000, 'expected JSON'),
    ('[]', 'schema 1'),
    ('{"schema": 7}', 'found 7'),
    ('{"schema": 1}', 'options'),
  ],
)
def test_wrong_manifest_is_named(tmp_path, text, words):
  (tmp_path / 'manifest.json').write_text(text)
  with pytest.raises(errors.InputError, match=words):
    folders.read_manifest(tmp_path)


def test_missing_manifest_and_short_statistics_are_named(tmp_path):
  with pytest.raises(errors.InputError, match='manifest.json is missing'):
    folders.read_manifest(tmp_path)
  manifest = _manifest()
  manifest['splits']['train']['statistics']['mean'] = [0.0]
  with pytest.raises(errors.InputError, match='70 numbers of mean'):
    folders.write_manifest(tmp_path, manifest)


def test_missing_shard_is_named(tmp_path):
  with pytest.raises(errors.InputError, match='no clips of split train'):
    folders.shard_paths(tmp_path, 'clips', 'train')
  for shard in (0, 2):
    path = folders.shard_path(tmp_path, 'clips', 'train', shard, 3)
    path.parent.mkdir(exist_ok=True)
    path.touch()
  with pytest.raises(errors.InputError, match='00000-of-00003'):
    folders.shard_paths(tmp_path, 'clips', 'train')
