"""Marks of clips: on by default, last, the same in any batch."""

import dataclasses
import json
import pathlib
import wave

import numpy as np
import pytest

import sadtalker_jax
from sadtalker_jax import errors
from sadtalker_jax.checkpoints import cards
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.batch import jobs

TONE = (0.3 * np.sin(np.arange(3200) / 14).astype(np.float32), 16000)


@pytest.fixture(scope='module')
def animator() -> sadtalker_jax.Animator:
  return sadtalker_jax.Animator()


def _clip(animator, **choices):
  return animator(bundle.SAMPLE_PORTRAIT, TONE, **choices)


def test_clips_are_marked_and_detected(animator, tmp_path):
  clip = _clip(animator)
  path = clip.save(tmp_path / 'out.mp4')
  finding = sadtalker_jax.detect(path)
  assert finding.payload == clip.marker.payload
  assert finding.payload.model == bundle.load().number == 1


def test_a_format_is_cut_out_labelled_and_marked(animator, tmp_path):
  whole = next(_clip(animator, mark='off').frames())
  clip = _clip(animator, crop='9:16', codec='hevc', mark='off')
  x0, y0, x1, y1 = clip.crop
  assert clip.size == (x1 - x0, y1 - y0) == (142, 254)  # of 256 x 255
  np.testing.assert_array_equal(next(clip.frames()), whole[y0:y1, x0:x1])
  clip = _clip(animator, crop='4:5', codec='hevc', label='AI')
  path = clip.save(tmp_path / 'out.mp4')
  assert sadtalker_jax.detect(path).payload == clip.marker.payload


def test_marks_are_added_to_the_frames_of_before(animator):
  plain = np.stack(list(_clip(animator, mark='off').frames()))
  clip = _clip(animator)
  marked = np.stack(list(clip.frames()))
  np.testing.assert_array_equal(clip.marker.mark(plain), marked)


def test_jobs_have_numbers_of_their_own(animator, tmp_path):
  clips = [
    _clip(animator),
    _clip(animator, seed=1),
    _clip(animator, preprocess='full'),
  ]
  assert len({clip.marker.payload.job for clip in clips}) == 3
  again = _clip(animator)
  assert again.marker.payload == clips[0].marker.payload


def test_own_keys_are_read(animator, tmp_path):
  key = tmp_path / 'key'
  key.write_bytes(b'0123456789abcdef')
  clip = _clip(animator, mark_key=key)
  path = clip.save(tmp_path / 'out.mp4')
  assert sadtalker_jax.detect(path, key=key).payload == clip.marker.payload
  assert not sadtalker_jax.detect(path).mark
  key.write_bytes(b'short')
  with pytest.raises(errors.InputError, match='key of at least 16 bytes'):
    _clip(animator, mark_key=key)
  with pytest.raises(errors.InputError, match='mark_key: expected with mark'):
    _clip(animator, mark_key=key, mark='off')


def test_summaries_name_the_marks(animator, tmp_path, monkeypatch):
  monkeypatch.setenv('XDG_CONFIG_HOME', str(tmp_path))
  job = {'image': str(bundle.SAMPLE_PORTRAIT), 'output': 'a.mp4'}
  job['audio'] = str(_sound(tmp_path / 'a.wav'))
  lines = [
    job | {'sign': ['own']},
    job | {'output': 'b.mp4', 'mark': 'off'},
  ]
  manifest = tmp_path / 'jobs.jsonl'
  manifest.write_text('\n'.join(map(json.dumps, lines)))
  results = jobs.run_jobs(animator, manifest)
  assert results[1].mark == 'off'
  found = sadtalker_jax.detect(tmp_path / 'a.mp4')
  assert found.payload.job_id == results[0].mark
  assert found.signature.holds and found.signature.generated
  assert not sadtalker_jax.detect(tmp_path / 'b.mp4').mark


def _sound(path: pathlib.Path) -> pathlib.Path:
  with wave.open(str(path), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16000)
    file.writeframes((TONE[0] * 32767).astype('<i2').tobytes())
  return path


def test_numbers_of_bundles_follow_from_their_files():
  def number(*hashes: str) -> int:
    entries = {f'{i}.x': cards.FileEntry(1, h) for i, h in enumerate(hashes)}
    card = cards.Card(None, {}, (), {}, '', entries, None)
    mine = pathlib.Path('mine')
    return dataclasses.replace(bundle.load(), folder=mine, card=card).number

  assert number('aa', 'bb') == number('aa', 'bb')
  assert len({number('aa'), number('bb'), number('aa', 'bb'), 1}) == 4
  assert 16 <= number('aa') <= 4095


def test_files_say_in_words_what_marks_say(animator, tmp_path, monkeypatch):
  monkeypatch.setenv('SOURCE_DATE_EPOCH', '1700000000')
  clip = _clip(animator, mark='off')
  paths = [clip.save(tmp_path / f'{name}.mp4') for name in 'ab']
  report = sadtalker_jax.detect(paths[0])
  assert report and not report.mark
  assert report.statement.job == clip.marks.statement.job
  assert report.statement.time == '2023-11-14T22:13:20Z'
  assert paths[0].read_bytes() == paths[1].read_bytes()


def test_faulty_signers_end_a_clip_before_any_work(animator, tmp_path):
  paths = [tmp_path / 'no.pem', tmp_path / 'no.key']
  with pytest.raises(errors.InputError, match='no.pem: expected a certificate'):
    animator('no portrait', 'no sound', sign=paths)
  with pytest.raises(
    errors.InputError, match='sign: expected a certificate and'
  ):
    sadtalker_jax.Options(sign=paths[:1])


def test_labels_are_drawn_beside_the_face_before_the_mark(animator):
  clip = _clip(animator, label='AI-generated')
  frame = next(clip.frames())
  plain = next(_clip(animator, mark='off').frames())
  label = clip.marks.label
  np.testing.assert_array_equal(frame, clip.marker.mark(label.draw(plain)))
  x0, y0, x1, y1 = label.box
  (face,) = bundle.load().detector.detect(plain)
  assert y0 > face.box[3] or y1 < face.box[1]
  with pytest.raises(errors.InputError, match='label: expected a text of at'):
    _clip(animator, label='AI-generated ' * 9)
