"""Video in: turns, rates, files that are cut off or none."""

import fractions
import pathlib
import struct

import av
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import audio, video
from tests.media import numbered

Fraction = fractions.Fraction


def _turn(path: pathlib.Path, degrees: int) -> None:
  """Sets the display matrix of an mp4 file (ISO 14496-12, tkhd)."""
  a, b, c, d = {
    90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0),
  }[degrees]  # fmt: skip
  data = bytearray(path.read_bytes())
  box = data.find(b'tkhd') + 4
  one = 1 << 16
  matrix = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
  data[box + 40 : box + 76] = struct.pack('>9i', *matrix)
  path.write_bytes(bytes(data))


@pytest.mark.parametrize('clockwise', [90, 180, 270])
def test_rotation_tag_is_applied(tmp_path, clockwise):
  frame = np.full((48, 64, 3), 120, np.uint8)
  frame[:24, :32] = 220, 60, 60  # top left
  path = tmp_path / 'a.mp4'
  numbered.write(path, [frame] * 3)
  _turn(path, clockwise)
  reader = video.VideoReader(path)
  want = np.rot90(frame, -clockwise // 90)
  assert reader.info.rotation == (360 - clockwise) % 360
  assert reader.size == (want.shape[1], want.shape[0])
  got = next(iter(reader))
  assert got.shape == want.shape
  assert np.abs(got.astype(int) - want).mean() < 4


def test_pixels_become_square(tmp_path, video_file):
  path = video_file(
    tmp_path / 'a.mp4', numbered.plain(3, 64, 48), aspect=Fraction(15, 16)
  )
  reader = video.VideoReader(path)
  assert reader.size == (60, 48)
  assert next(iter(reader)).shape == (48, 60, 3)


def test_constant_rate_gives_each_frame_once(tmp_path):
  numbered.write(tmp_path / 'a.mp4', numbered.plain(30))
  reader = video.VideoReader(tmp_path / 'a.mp4')
  assert [numbered.number(f) for f in reader.frames(25)] == list(range(30))


@pytest.mark.parametrize(
  ('source', 'wanted', 'count'),
  [
    (30, 25, 50),
    (25, 30, 60),
    (50, 25, 50),
    (12.5, 25, 50),
    (Fraction(30000, 1001), 25, 50),
    (25, 10, 20),
    (10, 60, 120),
  ],
)
def test_frames_at_another_rate_are_the_nearest(
  tmp_path, source, wanted, count
):
  frames = numbered.plain(round(2 * float(source)))
  numbered.write(tmp_path / 'a.mp4', frames, fps=source)
  got = [
    numbered.number(f)
    for f in video.VideoReader(tmp_path / 'a.mp4').frames(wanted)
  ]
  assert len(got) == count
  for index, shown in enumerate(got):
    at, period = index / wanted, 1 / float(source)
    nearest = min(at / period, len(frames) - 1)
    assert abs(shown - nearest) <= 0.5 + 1e-3, index


def test_variable_rate_is_sampled_by_time(tmp_path, video_file):
  times = [0, 40, 80, 400, 440, 1000, 1040, 1080]
  path = video_file(tmp_path / 'a.mkv', numbered.plain(8), times_ms=times)
  got = [numbered.number(f) for f in video.VideoReader(path).frames(25)]
  want = [
    int(np.argmin(np.abs(np.array(times) - at)))
    for at in range(0, times[-1] + 1, 40)
  ]
  assert got[: len(want)] == want
  assert [numbered.number(f) for f in video.VideoReader(path)] == list(range(8))


def test_frames_that_are_due_again_are_not_converted_again(tmp_path):
  numbered.write(tmp_path / 'a.mp4', numbered.plain(5), fps=5)
  got = list(video.VideoReader(tmp_path / 'a.mp4').frames(25))
  assert len({id(f) for f in got}) == 5


def test_reading_can_start_again_and_stop_early(tmp_path):
  numbered.write(tmp_path / 'a.mp4', numbered.plain(20))
  with video.VideoReader(tmp_path / 'a.mp4') as reader:
    assert numbered.number(next(iter(reader))) == 0
    half_read = iter(reader)
    next(half_read)
    assert len(list(reader)) == 20
  with pytest.raises(StopIteration):
    next(half_read)


def test_file_cut_in_half_gives_what_there_is_and_a_warning(
  tmp_path, caplog, speech_like
):
  path = tmp_path / 'a.mp4'
  rng = np.random.default_rng(0)
  frames = [rng.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(50)]
  numbered.write(path, frames, audio=(speech_like(2, 16000), 16000))
  data = path.read_bytes()
  path.write_bytes(data[: len(data) // 2])
  count = len(list(video.VideoReader(path)))
  assert 10 < count < 40
  assert 'is the file cut off' in caplog.text


def test_file_without_its_index_is_an_error(tmp_path):
  path = tmp_path / 'a.mp4'
  path.write_bytes(b'\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41' + b'\0' * 999)
  with pytest.raises(errors.InputError, match='is none or is cut off'):
    video.VideoReader(path)


def test_pictures_that_cannot_be_decoded_are_an_error(tmp_path):
  path = tmp_path / 'a.mp4'
  numbered.write(path, numbered.plain(5))
  data = bytearray(path.read_bytes())
  start = data.find(b'mdat') + 4
  data[start:] = bytes(len(data) - start)
  path.write_bytes(bytes(data))
  with pytest.raises(errors.InputError, match='none that can be decoded'):
    video.VideoReader(path)


@pytest.mark.parametrize(
  ('make', 'found'),
  [
    (lambda path: None, 'no such file'),
    (pathlib.Path.mkdir, 'a directory'),
    (pathlib.Path.touch, 'an empty file'),
    (lambda path: path.write_text('moving words\n' * 50), 'that is none'),
  ],
)
@pytest.mark.parametrize('call', [video.VideoReader, video.probe])
def test_bad_files_are_one_line_with_path_and_finding(
  tmp_path, make, found, call
):
  path = tmp_path / 'a.mp4'
  make(path)
  with pytest.raises(errors.InputError) as error:
    call(path)
  message = str(error.value)
  assert str(path) in message and found in message and '\n' not in message


def test_sound_file_is_no_video(tmp_path, sound_file, speech_like):
  path = sound_file(
    tmp_path / 'a.wav', speech_like(0.1, 16000), 16000, 'pcm_s16le'
  )
  with pytest.raises(
    errors.InputError, match='with pictures, found only audio'
  ):
    video.VideoReader(path)


def test_cover_art_of_a_song_is_no_video(tmp_path):
  path = tmp_path / 'a.mp3'
  with av.open(str(path), 'w') as container:
    sound = container.add_stream('libmp3lame', rate=16000)
    sound.layout = 'mono'
    cover = container.add_stream('png', rate=1)
    cover.width, cover.height, cover.pix_fmt = 64, 48, 'rgb24'
    cover.disposition = av.stream.Disposition.attached_pic
    picture = av.VideoFrame.from_ndarray(numbered.plain(1)[0], format='rgb24')
    container.mux([*cover.encode(picture), *cover.encode(None)])
    silence = np.zeros((1, 16000), np.int32)
    frame = av.AudioFrame.from_ndarray(silence, 's32p', 'mono')
    frame.sample_rate = 16000
    container.mux([*sound.encode(frame), *sound.encode(None)])
  with pytest.raises(errors.InputError, match='found only audio, cover art'):
    video.VideoReader(path)
  assert len(audio.load(path)) == 16000


def test_real_clips_read_at_their_length(shared):
  folder = shared / 'samples'
  paths = [
    *sorted((folder / 'video').glob('d1[28].mp4')),
    *sorted((folder / 'grid').glob('*.mpg'))[:1],
  ]
  assert len(paths) == 3
  for path in paths:
    with video.VideoReader(path) as reader:
      count = sum(1 for _ in reader)
      assert reader.num_frames in (None, count), path
      frame = next(iter(reader))
      assert frame.shape == (reader.size[1], reader.size[0], 3)
      assert 20 < frame.mean() < 235
      resampled = sum(1 for _ in reader.frames(25))
      assert abs(resampled - count * 25 / reader.fps) <= 1, path
