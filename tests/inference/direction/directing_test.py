"""Prescribed emotions, gaze, poses and scale in tracks and keyframe files."""

import json

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import emotions, options, tracks
from sadtalker_jax.inference.direction import directing, keyframes
from sadtalker_jax.inference.motion import blinks, driven

SLOT = makehuman.EXPRESSION_SLOTS
SOURCE = np.zeros(70, np.float32)


def _directed(tmp_path, frames=None, rows=None, basis='makehuman', **choices):
  """A track of 3 s, 10 frames a second, of a still face."""
  if frames is not None:
    path = tmp_path / 'keys.json'
    path.write_text(json.dumps(frames))
    choices['keyframes'] = path
  direction = directing.Direction.of(options.Options(**choices))
  direction.check(basis)
  rows = np.tile(SOURCE, (31, 1)) if rows is None else rows
  return direction.applied(tracks.still(rows), SOURCE, 10.0, basis)


@pytest.mark.parametrize('name', emotions.NAMES)
def test_emotions_leave_the_lips_to_the_voice(name):
  offset = emotions.offsets(emotions.one(name, 1.0))
  lips = [
    slot
    for unit, slot in SLOT.items()
    if unit.startswith(('jaw', 'mouthClose', 'mouthPucker', 'mouthFunnel'))
  ]
  assert not offset[lips].any()
  assert 0 <= offset.min() and offset.max() < 1
  assert (offset.max() > 0) == (name != 'neutral')


def test_emotions_differ_from_each_other():
  table = emotions.offsets(np.eye(len(emotions.NAMES)))[1:]
  cosine = table @ table.T / np.outer(*[np.linalg.norm(table, axis=1)] * 2)
  assert (cosine - np.eye(len(table))).max() < 0.8


def test_an_option_holds_over_the_clip_and_eyes_still_close(tmp_path):
  rows = np.tile(SOURCE, (31, 1))
  rows[5, SLOT['eyeBlinkLeft']] = 1
  out = _directed(tmp_path, rows=rows, emotion=('surprised', 0.5), gaze=(23, 0))
  wide = out.coefficients[:, SLOT['eyeWideLeft']]
  assert wide[5] == 0 and np.ptp(np.delete(wide, 5)) == 0 and wide[0] > 0.3
  np.testing.assert_allclose(out.coefficients[:, SLOT['eyeLookOutLeft']], 1)
  assert np.isnan(out.angles).all()


def test_keyframes_are_met_held_and_joined_without_overshoot(tmp_path):
  out = _directed(
    tmp_path,
    [
      {'time': 0.5, 'emotion': 'neutral'},
      {'time': 1, 'pose': [10, 0, -5]},
      {'time': 1.5, 'emotion': ['happy', 0.8], 'gaze': [0, -19]},
      {'time': 2, 'emotion': {'happy': 0.4, 'sad': 0.1}},
    ],
  )
  smile = out.coefficients[:, SLOT['mouthSmileLeft']]
  full = emotions.offsets(emotions.one('happy', 1.0))[SLOT['mouthSmileLeft']]
  np.testing.assert_allclose(smile[:6], 0, atol=1e-6)
  np.testing.assert_allclose(smile[15], 0.8 * full, rtol=1e-5)
  np.testing.assert_allclose(smile[20:], 0.4 * full, rtol=1e-5)
  assert (np.diff(smile[5:16]) > 0).all() and smile.max() <= smile[15]
  np.testing.assert_allclose(out.angles, [[10, 0, -5]] * 31)
  np.testing.assert_allclose(out.coefficients[:, SLOT['eyeLookDownLeft']], 1)


def test_scale_changes_what_the_voice_moves(tmp_path):
  rows = np.tile(SOURCE, (31, 1))
  rows[:, SLOT['jawOpen']], rows[:, SLOT['eyeBlinkLeft']] = 0.4, 0.6
  frames = [{'time': 0, 'scale': 1}, {'time': 3, 'scale': 0.5}]
  out = _directed(tmp_path, frames, rows).coefficients
  np.testing.assert_allclose(out[[0, -1], SLOT['jawOpen']], [0.4, 0.2])
  assert np.ptp(out[:, SLOT['eyeBlinkLeft']]) == 0
  bfm = _directed(tmp_path, frames, rows, basis='bfm').coefficients
  np.testing.assert_allclose(bfm[-1, SLOT['eyeBlinkLeft']], 0.3, rtol=1e-6)


@pytest.mark.parametrize(
  'content, message',
  [
    ('{', 'expected JSON, found: Expecting property name'),
    ('{}', 'expected a JSON list of keyframes, found dict'),
    ('[]', 'found an empty one'),
    ('[3]', 'keyframe 1: expected an object, found 3'),
    ('[{}]', 'keyframe 1: time: expected a number from 0'),
    ('[{"time": NaN}]', 'keyframe 1: time: expected a number from 0'),
    ('[{"time": 0, "mood": 1}]', "gaze, pose, scale; found 'mood'"),
    ('[{"time": 1}, {"time": 1}]', 'keyframe 2: time: expected one after 1 s'),
    ('[{"time": 0, "gaze": [1]}]', 'gaze: expected 2 numbers, found [1]'),
    ('[{"time": 0, "gaze": [1, 99]}]', 'expected a number from -30 to 30'),
    ('[{"time": 0, "emotion": "glad"}]', 'emotion: expected one of neutral'),
    ('[{"time": 0, "emotion": ["sad", 3]}]', 'emotion sad: expected a number'),
    ('[{"time": 0, "emotion": ["sad", 1, 2]}]', 'emotion: expected a name, a'),
    ('[{"time": 0, "scale": true}]', 'scale: expected a number from 0 to 10'),
  ],
)
def test_faulty_keyframes_are_one_line(tmp_path, content, message):
  path = tmp_path / 'keys.json'
  path.write_text(content)
  with pytest.raises(errors.InputError) as caught:
    keyframes.read(path)
  assert message in str(caught.value) and '\n' not in str(caught.value)


def test_what_contradicts_or_has_no_units_is_refused(tmp_path):
  mood = [{'time': 0, 'emotion': 'sad'}]
  with pytest.raises(errors.InputError, match='found both'):
    _directed(tmp_path, mood, emotion=('happy', 1))
  with pytest.raises(errors.InputError, match='input_yaw: expected no keyf'):
    _directed(tmp_path, [{'time': 0, 'pose': [0, 0, 0]}], input_yaw=(5,))
  with pytest.raises(errors.InputError, match='model makehuman.*found bfm'):
    _directed(tmp_path, mood, basis='bfm')
  with pytest.raises(errors.InputError, match='gaze: .*found bfm'):
    _directed(tmp_path, gaze=(5, 5), basis='bfm')


def test_blinks_come_as_often_as_asked():
  counts = []
  for rate in (0, 6, 25, 50):
    closed = blinks.natural_track(3, 25 * 600, per_minute=rate) > 0.9
    counts.append(np.diff(closed.astype(int)).clip(0).sum() / 10)
  assert counts[0] == 0
  np.testing.assert_allclose(counts[1:], [6, 25, 50], rtol=0.3)
  plain = blinks.natural_track(3, 500)
  assert (plain == blinks.natural_track(3, 500, per_minute=25)).all()


def test_a_portrait_follows_a_face_and_keeps_its_own_shape():
  rng = np.random.default_rng(0)
  video = np.zeros((20, 70), np.float32)
  video[:, SLOT['browInnerUp']] = 0.5  # that person's brows
  video[:, SLOT['jawOpen']] = rng.random(20)
  video[:, 64:] = rng.normal(0, 0.1, (20, 6))
  source = SOURCE.copy()
  source[SLOT['browInnerUp']], source[64:67] = 0.2, (0.1, 0.2, 0.3)
  plain = tracks.MotionOptions()
  made = driven.track(video, source, 30, plain, 'makehuman').coefficients
  np.testing.assert_allclose(made[:, SLOT['browInnerUp']], 0.2, atol=1e-6)
  np.testing.assert_allclose(
    made[:20, SLOT['jawOpen']], video[:, SLOT['jawOpen']]
  )
  np.testing.assert_allclose(made[0, 64:], source[64:], atol=1e-6)
  np.testing.assert_allclose(made[19] - made[18], made[19] - made[20])
  still = tracks.MotionOptions(still=True, expression_scale=0.5)
  half = driven.track(video, source, 20, still, 'makehuman').coefficients
  assert np.ptp(half[:, 64:], axis=0).max() == 0
  np.testing.assert_allclose(
    half[:, SLOT['jawOpen']], made[:20, SLOT['jawOpen']] / 2
  )
