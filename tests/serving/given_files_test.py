"""Files of requests: which go together, how long, and what they stand for."""

import pathlib

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.media import video
from sadtalker_jax.serving import given_files, limits
from tests.serving import conftest

_PLACE = pathlib.Path('place')


def _paths(*names: str) -> dict[str, pathlib.Path]:
  return {name: _PLACE / name for name in names}


def test_files_stand_for_options():
  fields = {
    'image': 'a',
    'speakers': {'10': 'c', '2': 'b'},
    'keyframes': None,
    'seed': 3,
  }
  taken = given_files.taken(fields)
  assert taken == {
    'image': 'a', 'speaker_2': 'b', 'speaker_10': 'c', 'keyframes': None,
  }  # fmt: skip
  assert fields == {'seed': 3}
  files = _paths('image', 'speaker_10', 'speaker_2', 'drive')
  values = given_files.options_of(files)
  assert values == {
    'drive': _PLACE / 'drive',
    'speakers': ((2, _PLACE / 'speaker_2'), (10, _PLACE / 'speaker_10')),
  }
  for name in (
    'speaker_',
    'speaker_01',
    'speaker_1000',
    'mark_key',
    '../image',
  ):
    assert not given_files.is_name(name), name
  with pytest.raises(errors.InputError, match='files: expected at most 16'):
    given_files.taken({f'speaker_{i}': 'x' for i in range(17)})


@pytest.mark.parametrize(
  ('names', 'values', 'message'),
  [
    ('audio', {}, 'image: expected a file, or a video instead, found none'),
    ('image video audio', {}, 'image: expected a file, .* found both'),
    ('image', {}, 'audio: expected a recording, or one of idle'),
    ('image audio drive', {'idle': 1}, 'idle: expected without drive'),
    ('image audio', {'idle': 1}, 'idle: expected no recording'),
    ('image audio speaker_0', {}, 'speakers: expected no recording'),
    ('video', {}, 'audio: expected with a video, found none'),
    ('video audio', {'emotion': 'sad'}, 'emotion: expected with a picture'),
    ('video audio drive', {}, 'drive: expected with a picture only'),
  ],
)
def test_files_that_do_not_go_together_are_refused(names, values, message):
  files = _paths(*names.split())
  with pytest.raises(errors.InputError, match=message):
    chosen = values | given_files.options_of(files)
    given_files.check(files, options_lib.changed(None, chosen))


def test_files_are_counted_not_believed(tmp_path):
  frames = np.zeros((32, 64, 3), np.uint8)
  film = tmp_path / 'film.mp4'
  with video.VideoWriter(film, fps=25) as writer:
    for _ in range(30):
      writer.write(frames)
  words = tmp_path / 'keyframes'
  words.write_text('[{"time": 0, "mood": "happy"}]')
  speech = conftest.write_speech(tmp_path / 'speech.wav', 1.2)
  options = options_lib.Options()
  usual = limits.Limits()
  usual.check_files({'video': film, 'speaker_3': speech}, options)
  tiny = limits.Limits(pasted_pixels=99)
  small = limits.Limits(seconds=1, video_seconds=1, fps=24)
  for name, path, found, message in (
    ('drive', film, small, 'drive: expected a video of at most 1 s'),
    ('video', film, small, 'video: expected at most 24 frames a second'),
    ('speaker_3', speech, small, 'speaker_3: expected at most 1 s'),
    ('keyframes', words, usual, 'keyframe 1: expected names among'),
    ('keyframes', film, usual, 'expected text in UTF-8'),
    ('ref_pose', speech, usual, 'pictures, found only audio'),
    ('drive', film, tiny, 'pixels a frame, found 64 x 32'),
  ):
    with pytest.raises(errors.InputError, match=message):
      found.check_files({name: path}, options)
