"""Splits, shards, signatures, statistics: what follows from parts alone."""

import dataclasses

import numpy as np
import pytest

from sadtalker_jax import conventions, errors
from sadtalker_jax.preparation import options, parts, rejects
from sadtalker_jax.preparation.clip import signatures, sound
from sadtalker_jax.preparation.inspection import svg
from sadtalker_jax.preparation.run import (
  output,
  shard_files,
  splits,
  statistics,
)


def info(speaker: str, number: int, size: int = 1000) -> parts.ClipInfo:
  return parts.ClipInfo(
    f'{speaker}#v#{number:03d}#0', speaker, 10, size, (0,) * 9, 'v', 0
  )


def test_a_speakers_split_depends_on_no_other_speaker():
  names = [f'speaker{i}' for i in range(400)]
  few = splits.of_speakers(names[:200], validation=0.1, test=0.1)
  many = splits.of_speakers(names, validation=0.1, test=0.1)
  assert {n: many[n] for n in few} == few
  counts = [list(many.values()).count(s) for s in ('validation', 'test')]
  assert all(20 <= n <= 60 for n in counts)


def test_test_speakers_of_voxceleb_are_kept_apart():
  names = [f'id{n}' for n in range(10001, 11252)]
  found = splits.of_speakers(names, validation=0.02, test=0.5)
  tested = [n for n, s in found.items() if s == 'test']
  assert tested == [f'id{n}' for n in range(10270, 10310)]


def test_no_split_is_empty_with_three_speakers():
  found = splits.of_speakers('abc', validation=0.02, test=0.02)
  assert sorted(found.values()) == ['test', 'train', 'validation']


def test_shards_hold_every_clip_once_and_are_alike():
  rng = np.random.default_rng(0)
  items = [
    splits.Item(info('a', i, int(rng.integers(500, 1500))), 'p', i)
    for i in range(100)
  ]
  found = splits.shards(items, {'a': 'train'}, shard_bytes=10_000)
  assert [i for shard in found for i in shard.items] == items
  sizes = [sum(i.clip.frame_bytes for i in s.items) for s in found]
  assert len(found) == 10 and 8000 < min(sizes) and max(sizes) < 12_000


def picture(rng: np.random.Generator) -> np.ndarray:
  small = rng.uniform(0, 255, (9, 9, 3))
  return np.kron(small, np.ones((28, 28, 1))).astype(np.uint8)


def test_signature_knows_a_clip_again_and_no_other():
  rng = np.random.default_rng(0)
  looks = [picture(rng) for _ in range(signatures.PLACES)]
  mel = rng.uniform(-4, 4, (200, 80)).astype(np.float32)
  noisy = [
    np.clip(p + rng.normal(0, 4, p.shape), 0, 255).astype(np.uint8)
    for p in looks
  ]
  other_sound = rng.uniform(-4, 4, (200, 80)).astype(np.float32)
  all_of_them = np.stack(
    [
      signatures.make(looks, mel),
      signatures.make(noisy, mel + rng.normal(0, 0.2, mel.shape)),
      signatures.make(looks, other_sound),  # the same chair, another sentence
      signatures.make([picture(rng) for _ in looks], mel),
    ]
  )
  found = signatures.duplicates(list('abcd'), [60, 61, 60, 60], all_of_them)
  assert found == {'b': 'a'}
  # Another length is another clip.
  assert not signatures.duplicates(list('ab'), [60, 63], all_of_them[:2])


def test_statistics_are_those_of_all_frames_and_windows():
  rng = np.random.default_rng(0)
  clips = [rng.normal(3, 2, (t, 257)) for t in (40, 20, 70)]
  whole, first, second = (statistics.Sums() for _ in range(3))
  for clip in clips:
    whole.add(clip)
  first.add(clips[0])
  for clip in clips[1:]:
    second.add(clip)
  first.join(second)
  result = whole.result()
  for key, values in first.result().items():
    np.testing.assert_allclose(values, result[key], rtol=1e-12)
  rows = np.concatenate(clips)
  order = [*range(80, 144), *range(224, 227), *range(254, 257)]
  np.testing.assert_allclose(result['mean'], rows[:, order].mean(0))
  np.testing.assert_allclose(result['std'], rows[:, order].std(0))
  deltas = []
  for clip in clips:
    pose = clip[:, order][:, conventions.ROW_POSE]
    for i in range(len(pose) - 32):
      deltas += [pose[i + t] - pose[i] for t in range(1, 33)]
  np.testing.assert_allclose(result['pose_delta_std'], np.std(deltas, 0))


def test_mel_of_a_clip_is_that_of_its_sound_alone():
  from sadtalker_jax.ops import mel

  rng = np.random.default_rng(0)
  own = (3000 * rng.standard_normal(640 * 21)).astype(np.int16)
  alone = np.asarray(mel.log_mel(own.astype(np.float32) / 32768))
  np.testing.assert_allclose(sound.mel(own), alone, atol=2e-4)


def test_sound_beyond_the_film_is_silence():
  track = np.arange(1, 2001, dtype=np.int16)
  piece = sound.piece(track, -1, 5)
  assert len(piece) == 3200 and not piece[:640].any() and not piece[2640:].any()
  np.testing.assert_array_equal(piece[640:2640], track)
  assert not sound.piece(track, 40, 2).any()


def test_part_comes_back_whole(tmp_path):
  path = tmp_path / 'x.part'
  clip = {'id': 'a', 'size': 256, 'audio': np.arange(5, dtype=np.int16)}
  left_out = rejects.Reject(rejects.Reason.TURNED, 'v', 3, 70, 'yaw 80')
  with parts.PartWriter(path) as writer:
    writer.add(info('a', 0), clip, [b'one', b'', b'three'])
    assert not path.exists()
    written = writer.finish('v', [left_out], 75, {'fit': 1.5})
  assert parts.read_summary(path) == written
  ((stored, frames),) = parts.read_clips(path, [0])
  assert frames == [b'one', b'', b'three']
  assert stored['id'] == 'a' and stored['size'] == 256
  np.testing.assert_array_equal(stored['audio'], clip['audio'])
  path.write_bytes(path.read_bytes()[:-20])
  with pytest.raises(errors.InputError, match='remove it and run again'):
    parts.read_summary(path)


def test_shard_on_a_full_disk_is_an_error_of_the_disk(tmp_path, monkeypatch):
  class Full:
    def __init__(self, *_):
      pass

    def close(self):
      raise RuntimeError('write() failed: No space left on device; writing x')

  monkeypatch.setattr(
    shard_files.array_record_module, 'ArrayRecordWriter', Full
  )
  empty = splits.Shard('train', 0, 1, ())
  with pytest.raises(OSError, match='No space left on device'):
    shard_files.write(empty, tmp_path, tmp_path)


def test_part_that_fails_leaves_nothing(tmp_path):
  with pytest.raises(KeyError), parts.PartWriter(tmp_path / 'x.part'):
    raise KeyError
  assert not list(tmp_path.iterdir())


def test_one_run_at_a_time(tmp_path):
  choices = options.PreparationOptions()
  with output.OutputFolder(tmp_path / 'out', choices):
    other = output.OutputFolder(tmp_path / 'out', choices)
    with pytest.raises(errors.InputError, match='no other run'):
      other.__enter__()
  with output.OutputFolder(tmp_path / 'out', choices):
    pass


def test_folders_of_others_are_left_alone(tmp_path):
  (tmp_path / 'letter.txt').write_text('dear')
  with pytest.raises(errors.InputError, match='letter.txt'):
    output.OutputFolder(tmp_path, options.PreparationOptions()).__enter__()
  assert [p.name for p in tmp_path.iterdir()] == ['letter.txt']


def test_other_options_and_networks_are_refused(tmp_path):
  choices = options.PreparationOptions()
  with output.OutputFolder(tmp_path / 'out', choices, 'weights'):
    pass
  other = dataclasses.replace(choices, size=512)
  for changed, weights, told in (
    (other, 'weights', 'size 256, not 512'),
    (choices, 'others', 'other networks'),
  ):
    with pytest.raises(errors.InputError, match=told):
      output.OutputFolder(tmp_path / 'out', changed, weights).__enter__()


@pytest.mark.parametrize(
  'wrong',
  [
    {'size': 300},
    {'min_frames': 2},
    {'max_frames': 5000},
    {'method': 'guess'},
    {'teacher': True},
    {'validation': 1.5},
    {'max_offset': 40},
  ],
)
def test_impossible_options_are_told(wrong):
  with pytest.raises(errors.InputError, match=next(iter(wrong))):
    options.PreparationOptions(**wrong)


def test_histogram_of_anything_is_drawn():
  for values in ([], [1.0], [np.nan, 2, 3], np.zeros(50)):
    assert svg.histogram(np.array(values), 'x < y').endswith('</svg>')
  assert 'x &lt; y' in svg.histogram(np.arange(9), 'x < y')
