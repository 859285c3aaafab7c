"""Sound, coefficients and pictures of an example belong to the same frames.

The made-up clips make it visible: see `random_records`.
"""

import numpy as np
import pytest

import input_pipeline
from input_pipeline import (
  blinks,
  coeff_sequences,
  random_records,
  sources,
  sync_windows,
  transforms,
)
from sadtalker_jax.ops import mel as mels


def _batch(stage, folder, **options):
  return input_pipeline.create(
    stage, folder, batch_size=24, seed=3, **options
  ).local(0)


def _clamped(starts, frames):
  rows = np.asarray(starts)[..., None] + np.arange(16)
  return np.clip(rows, 0, 640 * frames // 200)


def _numbers(pictures):
  """Clip and frame numbers of pictures [..., H, W, 3] RGB."""
  middle = pictures[..., pictures.shape[-3] // 2, 4, :].astype(float)
  return (
    np.round(middle[..., 0] / random_records.CLIP_STEP).astype(int),
    np.round(middle[..., 1] / random_records.FRAME_STEP).astype(int),
  )


def _lengths(folder):
  return sources.Clips(folder, 'train').index['num_frames']


def test_windows_start_where_the_front_end_says():
  frames = np.arange(3000)
  np.testing.assert_array_equal(
    transforms.frame_starts(frames), mels.window_starts(3000)
  )
  assert transforms.frame_starts(np.arange(5)).tolist() == [-6, -3, 0, 3, 6]
  mel = np.random.default_rng(0).normal(size=(129, 80)).astype(np.float32)
  np.testing.assert_array_equal(
    transforms.mel_windows(mel, transforms.frame_starts(np.arange(40))),
    mels.frame_windows(mel, 40),
  )


def test_wav2lip_windows_start_where_its_training_says():
  frames = np.arange(3000)
  exact = [int(np.trunc(16 * (f - 1) / 5)) for f in range(3000)]
  assert sync_windows.generator_starts(frames).tolist() == exact
  assert sync_windows.sync_starts(frames).tolist() == [
    16 * f // 5 for f in range(3000)
  ]


@pytest.mark.parametrize('target', ['teacher', 'real'])
def test_expression_windows_hear_their_frames(folder, target):
  lengths = _lengths(folder)
  batch = _batch('expnet', folder, target=target)
  base = random_records.TEACHER if target == 'teacher' else 0.0
  frames = (batch['target'][:, :, 0] - base).astype(int)
  assert (np.diff(frames, axis=1) == 1).all()
  assert (frames[:, 0] >= 0).all()
  for i, clip in enumerate(batch['coefficients'][:, 0].astype(int)):
    starts = transforms.frame_starts(frames[i])
    np.testing.assert_array_equal(
      batch['mel'][i, :, 7], _clamped(starts, lengths[clip])
    )
  # Half of the references are frame 0, the other half any frame.
  zero = (batch['reference'][:, 0] == 0).mean()
  assert 0.25 < zero < 0.8
  first = _batch('expnet', folder, reference='first')
  assert (first['reference'] == 0).all()


def test_pose_clips_hear_the_frames_after_the_first(folder):
  lengths = _lengths(folder)
  batch = _batch('posevae', folder)
  frames = np.round(np.degrees(batch['pose'][..., 1])).astype(int)
  np.testing.assert_allclose(batch['pose'][..., 5], frames / 100, atol=1e-6)
  assert (np.diff(frames, axis=1) == 1).all()
  for row, mel in zip(frames, batch['mel'], strict=True):
    starts = transforms.frame_starts(row[1:])
    found = [_clamped(starts, n) for n in set(lengths.tolist())]
    assert any((mel[:, 7] == f).all() for f in found)
  clips = sources.Clips(folder, 'train')
  assert clips.speakers == ('anna', 'bert', 'cleo')
  assert set(batch['style'].tolist()) == {0, 1, 2}


def test_pose_clips_have_no_jump(folder):
  clips = sources.Clips(folder, 'train')
  position = int(np.argmax(clips.index['num_frames']))
  clip = clips.clip(position)
  poses = clip['coefficients'].copy()
  poses[4:, 225] += np.radians(16)  # the head jumps before frame 4

  class Jumping:
    speakers = clips.speakers

    def clip(self, position):
      return clip | {'coefficients': poses}

    def style(self, position):
      return 0

  stage = coeff_sequences.PoseClips(num_frames=20)
  starts = set()
  for seed in range(60):
    rng = np.random.default_rng(seed)
    pose = stage.example(Jumping(), position, rng)['pose']
    starts.add(round(float(np.degrees(pose[0, 0]))))
  assert min(starts) == 4
  assert max(starts) == clip['num_frames'] - 20


def test_coefficient_windows_surround_their_frames(folder):
  lengths = _lengths(folder)
  batch = _batch('mapping', folder, coefficients=73)
  for name in ('source', 'driving'):
    clips, frames = _numbers(batch[name])
    for i, (clip, frame) in enumerate(zip(clips, frames, strict=True)):
      wanted = np.clip(np.arange(frame - 13, frame + 14), 0, lengths[clip] - 1)
      window = batch[f'{name}_window'][i]
      np.testing.assert_array_equal(window[:, 0], wanted)
      np.testing.assert_allclose(np.degrees(window[:, 65]), wanted, atol=1e-4)
      np.testing.assert_array_equal(
        window[:, 70:], np.float32([random_records.CROP] * 27)
      )
  still = _batch('mapping', folder, source_window='still')
  assert still['source_window'].shape == (24, 27, 70)
  _, frames = _numbers(still['source'])
  np.testing.assert_array_equal(
    still['source_window'][:, :, 0], np.repeat(frames[:, None], 27, axis=1)
  )


def test_sync_windows_hear_their_faces_or_others(folder):
  batch = _batch('syncnet', folder)
  _, frames = _numbers(batch['faces'][..., ::-1])
  assert (np.diff(frames, axis=1) == 1).all()
  starts = batch['mel'][:, 0, 0]
  same = starts == sync_windows.sync_starts(frames[:, 0])
  np.testing.assert_array_equal(same, batch['label'] == 1)
  assert 0.2 < batch['label'].mean() < 0.8
  np.testing.assert_array_equal(
    batch['mel'][:, 0], starts[:, None] + np.arange(16)
  )


def test_generator_windows_hear_their_faces(folder):
  lengths = _lengths(folder)
  batch = _batch('wav2lip', folder)
  clips, frames = _numbers(batch['target'][..., ::-1])
  others, elsewhere = _numbers(batch['reference'][..., ::-1])
  np.testing.assert_array_equal(clips, others)
  assert (frames[:, 0] != elsewhere[:, 0]).all()
  assert frames.min() == 1
  for i in range(len(frames)):
    starts = sync_windows.generator_starts(frames[i])
    np.testing.assert_array_equal(
      batch['mels'][i, :, 7], _clamped(starts, lengths[clips[i, 0]])
    )
    np.testing.assert_array_equal(
      batch['mel'][i, 7], 16 * frames[i, 0] // 5 + np.arange(16)
    )


def test_face_boxes_reach_from_forehead_to_chin():
  points = random_records.face_landmarks()
  ((left, top, right, bottom),) = sync_windows.face_boxes(points[None])
  assert (left, right) == (64, 192)
  assert top < points[17:27, 1].min() - 20
  assert points[8, 1] < bottom < points[8, 1] + 10
  # The mouth is in the lower half, which the generator draws.
  assert points[48:68, 1].min() > (top + bottom) / 2


def test_face_boxes_follow_the_head_but_not_the_chin():
  points = np.repeat(random_records.face_landmarks()[None], 3, axis=0)
  moved = points + np.arange(3)[:, None, None] * [5, -3]
  still, following = map(sync_windows.face_boxes, (points, moved))
  np.testing.assert_allclose(
    following - still, np.arange(3)[:, None] * [5, -3, 5, -3], atol=1e-9
  )
  points[1, 4:13, 1] += 12  # the mouth opens
  boxes = sync_windows.face_boxes(points)
  np.testing.assert_allclose(boxes, boxes[:1].repeat(3, 0))


def test_real_expressions_come_with_the_blinks_of_their_frames():
  stage = coeff_sequences.ExpressionWindows(target='real', blinks='real')

  class OneClip:
    def clip(self, position):
      rows = np.zeros((20, 257), np.float32)
      rows[:, 80] = np.arange(20)  # the first weight tells the frame
      mel = np.zeros((120, 80), np.float32)
      return {
        'num_frames': 20,
        'coefficients': rows,
        'teacher': rows[:0, :64],
        'mel': mel,
        'blink': np.arange(20, dtype=np.float32) / 20,
      }

  made = stage.example(OneClip(), 0, np.random.default_rng(0))
  np.testing.assert_allclose(made['blink'], made['target'][:, 0] / 20)


def test_blinks_are_none_pulses_or_anything():
  made = [blinks.random_signal(5, np.random.default_rng(i)) for i in range(400)]
  silent = np.mean([not signal.any() for signal in made])
  assert 0.43 < silent < 0.57
  pulses = [s for s in made if s.any() and np.isin(s, [0, *blinks.PULSE]).all()]
  assert 0.18 < len(pulses) / 400 < 0.32
  assert any((s == blinks.PULSE).all() for s in pulses)
  assert any(s[0] == 0.5 and not s[1:].any() for s in pulses)
  stacked = np.stack(made)
  assert stacked.min() >= 0
  assert stacked.max() <= 1


def test_the_end_of_a_clip_can_be_held_out(folder):
  lengths = _lengths(folder)
  for stage, options in (
    ('renderer', {'augment': False}),
    ('mapping', {}),
  ):
    for part in ('without_end', 'end'):
      batch = _batch(stage, folder, part=part, **options)
      clips, source = _numbers(batch['source'])
      _, driving = _numbers(batch['driving'])
      first_held = lengths[clips] - np.maximum(lengths[clips] // 10, 1)
      assert (source < first_held).all()
      assert ((driving >= first_held) == (part == 'end')).all()
