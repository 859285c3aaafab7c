"""Manifests: what lines mean, and which are refused."""

import json
import pathlib

import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference import options
from sadtalker_jax.inference.batch import manifest

GOOD = {'image': 'a.png', 'audio': 'a.wav', 'output': 'out/a.mp4'}


def _write(folder: pathlib.Path, *lines: str | dict) -> pathlib.Path:
  path = folder / 'jobs.jsonl'
  text = [x if isinstance(x, str) else json.dumps(x) for x in lines]
  path.write_text('\n'.join(text))
  return path


def test_lines_are_jobs_with_options_over_the_defaults(tmp_path):
  path = _write(
    tmp_path,
    {**GOOD, 'seed': 3, 'still': True, 'input_yaw': [0, 20]},
    '',
    {**GOOD, 'output': '/tmp/b.mp4', 'ref_pose': 'v.mp4'},
  )
  first, second = manifest.read(path, options.Options(seed=7, size=512))
  assert (first.line, second.line) == (1, 3)
  assert first.image == tmp_path / 'a.png'
  assert first.output == tmp_path / 'out/a.mp4'
  assert second.output == pathlib.Path('/tmp/b.mp4')
  assert first.options == options.Options(
    seed=3, size=512, still=True, input_yaw=(0, 20)
  )
  assert second.options.seed == 7
  assert second.options.ref_pose == tmp_path / 'v.mp4'


def test_a_line_may_have_a_video_instead_of_an_image(tmp_path):
  line = {'video': 'v.mp4', 'audio': 'a.wav', 'output': 'b.mp4', 'end': 'stop'}
  (job,) = manifest.read(_write(tmp_path, line))
  assert (job.image, job.video) == (None, tmp_path / 'v.mp4')
  assert job.options.end == 'stop'


@pytest.mark.parametrize(
  'line, message',
  [
    ('{"image": "a.png",', 'line 2: expected JSON, found: '),
    ('[1, 2]', 'line 2: expected a JSON object, found list'),
    ({'image': 'a.png', 'output': 'b.mp4'}, 'line 2: audio: expected a rec'),
    ({**GOOD, 'idle': 2}, 'line 2: idle: expected no recording'),
    ({**GOOD, 'audio': 0}, 'line 2: audio: expected a path'),
    ({**GOOD, 'output': 3}, 'line 2: output: expected a path, found 3'),
    ({**GOOD, 'sede': 3}, 'found sede'),
    ({**GOOD, 'video': 'v.mp4'}, 'expected one of image and video, found both'),
    ({**GOOD, 'batch_size': 3}, 'found batch_size'),
    ({**GOOD, 'size': 300}, 'line 2: size: expected'),
    (
      {**GOOD, 'pose_style': 'x'},
      'line 2: pose_style: expected a whole number',
    ),
    ({**GOOD, 'still': 'false'}, "still: expected true or false, found 'fal"),
    ({**GOOD, 'seed': [1]}, 'line 2: seed: expected a whole number'),
    ({**GOOD, 'fps': True}, 'line 2: fps: expected a number'),
    ({**GOOD, 'box': [1, 2, 3]}, 'line 2: box: expected four numbers'),
    ({**GOOD, 'ref_pose': 3}, 'line 2: ref_pose: expected a path'),
    (
      {**GOOD, 'motion': 'x'},
      'motion: expected one of auto learned phonetic baseline',
    ),
    ({**GOOD, 'renderer': 'x'}, 'renderer: expected one of auto neural puppet'),
    ({**GOOD, 'output': 'out/../out/a.mp4'}, 'found that of line 1'),
  ],
)
def test_a_broken_line_is_named(tmp_path, line, message):
  path = _write(tmp_path, GOOD, line)
  with pytest.raises(errors.InputError, match='jobs.jsonl') as caught:
    manifest.read(path)
  assert message in str(caught.value)


def test_all_broken_lines_are_named_at_once(tmp_path):
  path = _write(tmp_path, 'x', GOOD, '{}', *['y'] * 40)
  with pytest.raises(errors.InputError) as caught:
    manifest.read(path)
  for part in ('line 1:', 'line 3:', 'and 22 more'):
    assert part in str(caught.value)


@pytest.mark.parametrize('text', ['', '\n\n'])
def test_an_empty_manifest_is_refused(tmp_path, text):
  (tmp_path / 'empty.jsonl').write_text(text)
  with pytest.raises(errors.InputError, match='empty'):
    manifest.read(tmp_path / 'empty.jsonl')


def test_a_missing_or_binary_manifest_is_refused(tmp_path):
  with pytest.raises(errors.InputError, match='nowhere'):
    manifest.read(tmp_path / 'nowhere')
  (tmp_path / 'binary').write_bytes(b'\xff\xfe\xfa')
  with pytest.raises(errors.InputError, match='UTF-8'):
    manifest.read(tmp_path / 'binary')


@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_a_byte_order_mark_and_any_line_end_are_read(tmp_path, end):
  path = tmp_path / 'jobs.jsonl'
  second = json.dumps(
    {**GOOD, 'image': 'a\u2028b.png', 'output': 'b.mp4'}, ensure_ascii=False
  )
  text = '\ufeff' + json.dumps(GOOD) + end + second + end
  path.write_bytes(text.encode())
  one, two = manifest.read(path)
  assert (one.line, two.line) == (1, 2)
  assert two.image == tmp_path / 'a\u2028b.png'


OPEN = json.dumps(GOOD)[:-1]


@pytest.mark.parametrize(
  'line, message',
  [
    (OPEN + ', "seed": ' + '9' * 5000 + '}', 'thousands of digits'),
    (OPEN + ', "seed": ' + '9' * 400 + '}', 'seed: expected'),
    (OPEN + ', "seed": ' + '[' * 10**5, 'nested too deep'),
    (OPEN + ', "box": [1, 2, 3, 1' + '0' * 400 + ']}', 'box: expected'),
    (OPEN + ', "box": [1, 2, 3, NaN]}', 'box: expected four'),
    (OPEN + ', "image": "b.png"}', "found twice: 'image'"),
    ({**GOOD, 'image': '\ud800.png'}, 'image: expected a path, found half a'),
    ({**GOOD, 'image': 'a\0.png'}, 'image: expected a path, found a NUL'),
    ({**GOOD, 'output': 'a.avi'}, 'expected a name that ends in .mp4'),
    ({**GOOD, 'x' * 5000: 1}, 'characters'),
  ],
)
def test_odd_lines_are_named(tmp_path, line, message):
  path = _write(tmp_path, {**GOOD, 'output': 'c.mp4'}, line)
  with pytest.raises(errors.InputError, match='line 2: ') as caught:
    manifest.read(path)
  assert message in str(caught.value) and len(str(caught.value)) < 2000


def test_side_files_of_other_lines_are_not_taken(tmp_path):
  path = _write(
    tmp_path,
    {**GOOD, 'output': 'a.mp4', 'face3dvis': True},
    {**GOOD, 'output': 'a_face3dvis.mp4'},
  )
  with pytest.raises(errors.InputError, match='line 2: output: expected a'):
    manifest.read(path)
