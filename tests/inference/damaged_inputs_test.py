"""Whatever is given: a video that plays with the right length, or one line.

Damaged and odd pictures, sounds and manifests, made at random; drawing is left
out. `pytest tests/inference/damaged_inputs_test.py --hypothesis-profile=soak`
tries 20,000 of each.
"""

import contextlib
import io
import json
import os
import pathlib
import tempfile

import av
import hypothesis
from hypothesis import strategies as st
import numpy as np
from PIL import Image
import pillow_heif
import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference import inputs
from sadtalker_jax.inference.batch import manifest
from sadtalker_jax.media import video
from sadtalker_jax.ops import mel
from tests.media import conftest as media

# 100 examples a test by default; the soak is registered in tests/conftest.py.
examples = hypothesis.settings(
  deadline=None,
  suppress_health_check=[
    hypothesis.HealthCheck.too_slow,
    hypothesis.HealthCheck.data_too_large,
  ],
  derandomize=hypothesis.settings.default.max_examples <= 100,
  database=None,
)
_MOST_FRAMES = 200  # longer clips are not written


def _pictures() -> list[bytes]:
  rng = np.random.default_rng(0)
  picture = Image.fromarray(rng.integers(0, 256, (64, 72, 3), np.uint8))
  exif = b'Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0'
  made = []
  for kind in ('JPEG', 'PNG', 'WEBP', 'TIFF', 'BMP', 'GIF', 'PPM'):
    data = io.BytesIO()
    extra = {'exif': exif} if kind in ('JPEG', 'PNG', 'WEBP') else {}
    picture.save(data, kind, **extra)
    made.append(data.getvalue())
  data = io.BytesIO()
  pillow_heif.from_pillow(picture).save(data)
  return [*made, data.getvalue()]


def _sounds() -> list[bytes]:
  made = []
  wave = media.make_speech_like(0.3, 16000)
  stereo = np.stack([wave, -wave])
  with tempfile.TemporaryDirectory() as folder:
    for name, codec, sound in (
      ('a.wav', 'pcm_s16le', wave),
      ('b.wav', 'pcm_f32le', stereo),
      ('a.flac', 'flac', wave),
      ('a.mp3', 'libmp3lame', wave),
      ('a.m4a', 'aac', wave),
      ('a.mka', 'flac', stereo),
    ):
      path = pathlib.Path(folder, name)
      made.append(media.write_sound(path, sound, 16000, codec).read_bytes())
  return made


@st.composite
def _damaged(draw, bases: list[bytes]) -> bytes:
  """A file after some accidents; sometimes none."""
  data = bytearray(draw(st.sampled_from(bases)))
  for _ in range(draw(st.integers(0, 3))):
    place = draw(st.integers(0, max(0, len(data) - 1)))
    # Headers decide more than the rest.
    place = place % 64 if draw(st.booleans()) else place
    kind = draw(st.sampled_from(['cut', 'bytes', 'number', 'twice', 'paste']))
    if kind == 'cut':
      del data[place:]
    elif kind == 'bytes':
      rubbish = draw(st.binary(max_size=24))
      data[place : place + len(rubbish)] = rubbish
    elif kind == 'number':
      edge = draw(st.sampled_from([0, 1, 0x7FFF, 0xFFFF, 2**31, 2**32 - 1]))
      order = draw(st.sampled_from(['big', 'little']))
      data[place : place + 4] = edge.to_bytes(4, order)
    elif kind == 'twice':
      data[place:place] = data[place : place + 400]
    else:
      data += draw(st.sampled_from(bases))
  return bytes(data)


@contextlib.contextmanager
def _one_line():
  """Holds the rule: nothing but an `InputError` of one line."""
  try:
    yield
  except errors.InputError as error:
    text = str(error)
    assert 'expected' in text and '\n' not in text, text
    raise


def _check_video(picture, sound, folder: pathlib.Path) -> None:
  """Makes a video as `animate` does, but for the drawing."""
  before = sorted(os.listdir(folder))
  target = folder / 'out.mp4'
  try:
    with _one_line():
      heard = inputs.sound(sound)
      frame = inputs.picture(picture)
      assert frame.dtype == np.uint8 and frame.shape[2] == 3
      wave = heard.wave[:]
      assert np.isfinite(wave).all() and np.abs(wave).max() <= 1.01
      count = max(1, mel.num_frames(len(wave), 25))
      if count > _MOST_FRAMES:
        return
      with video.VideoWriter(target, fps=25, audio=heard.source) as writer:
        for _ in range(count):
          writer.write(frame[:64, :64])
  except errors.InputError:
    assert sorted(os.listdir(folder)) == before
    return
  with av.open(str(target)) as made:
    pictures = sum(1 for _ in made.decode(video=0))
  with av.open(str(target)) as made:
    seconds = sum(f.samples / f.sample_rate for f in made.decode(audio=0))
  assert pictures == count and abs(seconds - count / 25) < 0.05
  assert sorted(os.listdir(folder)) == sorted([*before, 'out.mp4'])


PICTURES, SOUNDS = _pictures(), _sounds()


# Or a file that fails is hidden by what is said of its size.
_any_size = pytest.mark.filterwarnings('ignore:Generating overly large repr')


@_any_size
@examples
@hypothesis.given(_damaged(PICTURES), st.sampled_from(['a', 'a.png', 'a.mp4']))
def test_any_picture(data, name):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, name)
    path.write_bytes(data)
    tone = np.sin(np.arange(1600) / 9)
    _check_video(path, (tone, 16000), pathlib.Path(folder))


@_any_size
@examples
@hypothesis.given(_damaged(SOUNDS))
def test_any_sound(data):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'a')
    path.write_bytes(data)
    picture = np.zeros((64, 64, 3), np.uint8)
    _check_video(picture, path, pathlib.Path(folder))


_values = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
  lambda inner: (
    st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3)
  ),
  max_leaves=6,
)
_names = st.sampled_from(
  ['image', 'audio', 'output', 'seed', 'still', 'fps', 'box', 'input_yaw']
) | st.text(max_size=5)
_good = {'image': 'a.png', 'audio': 'a.wav', 'output': 'a.mp4'}
_lines = st.one_of(
  st.dictionaries(_names, _values, max_size=3).map(
    lambda fields: json.dumps({**_good, **fields}).encode()
  ),
  st.binary(max_size=40),
  st.text(max_size=40).map(lambda text: text.encode(errors='replace')),
)


@examples
@hypothesis.given(st.lists(_lines, max_size=4), st.booleans())
def test_any_manifest(lines, has_mark):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'jobs.jsonl')
    path.write_bytes(b'\xef\xbb\xbf' * has_mark + b'\n'.join(lines))
    try:
      jobs = manifest.read(path)
    except errors.InputError as error:
      assert 'expected' in str(error) and len(str(error)) < 4000
      assert not any(c in str(error) for c in '\0\r')
    else:
      assert all(job.output.suffix.lower() == '.mp4' for job in jobs)
    assert os.listdir(folder) == ['jobs.jsonl']


@pytest.mark.parametrize('data', [b'', b'\0', b'RIFF', b'\xff\xd8', b'<svg'])
def test_stumps_of_files(tmp_path, data):
  (tmp_path / 'a').write_bytes(data)
  for read in (inputs.sound, inputs.picture):
    with pytest.raises(errors.InputError), _one_line():
      read(tmp_path / 'a')
