"""Marks go in unseen, and come out of copies."""

import io

import numpy as np
from PIL import Image
import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference import bundle
from sadtalker_jax.marking import (
  embedding,
  files,
  payloads,
  visibility,
)
from sadtalker_jax.media import encoding, video

PAYLOAD = payloads.Payload(1, 0x03AF91)
OWN = b'a key of my own, long enough'


def _portrait(size: int) -> np.ndarray:
  picture = Image.open(bundle.SAMPLE_PORTRAIT).convert('RGB')
  picture = picture.crop((50, 0, 480, 430)).resize((size, size))
  return np.asarray(picture)


def _clip(size: int, count: int = 12) -> np.ndarray:
  """Frames [T, H, W, 3] whose middle moves."""
  host = _portrait(size)
  frames = np.stack([host] * count)
  inner = slice(size // 4, 3 * size // 4)
  for i, frame in enumerate(frames):
    frame[inner, inner] = np.roll(host, i % 5, axis=1)[inner, inner]
  return frames


@pytest.fixture(scope='module', params=[256, 512])
def marked(request) -> tuple[np.ndarray, np.ndarray]:
  frames = _clip(request.param)
  size = (request.param, request.param)
  return frames, embedding.Marker(frames[0], size, PAYLOAD).mark(frames)


def _copy(path, frames: np.ndarray, crf: float = 23) -> np.ndarray:
  with video.VideoWriter(
    path, fps=25, encoding=encoding.Encoding(crf=crf, preset='medium')
  ) as writer:
    for frame in frames:
      writer.write(np.ascontiguousarray(frame))
  return np.stack(list(video.VideoReader(path)))


def test_marks_keep_to_their_bounds(marked):
  frames, result = marked
  least = embedding.least_psnr(frames.shape[2:0:-1])
  assert least == (42 if frames.shape[1] == 256 else 46)
  assert visibility.psnr(frames, result) > least - 0.1  # levels at 0 and 255
  seen = visibility.difference(
    visibility.lab(frames[0]), visibility.lab(result[0])
  )
  assert seen.mean() < 1.1


def test_marks_on_a_wall_are_weak_and_without_peaks():
  noise = np.random.default_rng(0).normal(165, 1.5, (512, 512, 3))
  wall = np.rint(noise).astype(np.uint8)
  result = embedding.Marker(wall, (512, 512), PAYLOAD).mark(wall)
  seen = visibility.difference(visibility.lab(wall), visibility.lab(result))
  assert seen.mean() < 0.75 and seen.max() < 2
  assert files.find_in_frames([result]).payload == PAYLOAD


def test_marks_survive_h264(marked, tmp_path):
  _, result = marked
  copies = _copy(tmp_path / '18.mp4', result, 18)
  _copy(tmp_path / '23.mp4', copies, 23)
  finding = files.detect(tmp_path / '23.mp4')
  assert finding.payload == PAYLOAD
  assert finding.mark.kind == 'payload' and finding


def test_marks_of_512_survive_what_people_do(tmp_path):
  frames = _clip(512)
  frames = embedding.Marker(frames[0], (512, 512), PAYLOAD).mark(frames)
  frames = _copy(tmp_path / 'own.mp4', frames, 18)
  jpeg = io.BytesIO()
  Image.fromarray(frames[3]).resize((410, 410)).save(jpeg, 'JPEG', quality=75)
  for name, copies in {
    'mirrored': frames[:, :, ::-1],
    'cropped': _copy(tmp_path / 'c.mp4', frames[:, 26:-26, 26:-26]),
    'corner': _copy(tmp_path / 'l.mp4', frames[:, 52:, 52:]),
    'screenshot': np.asarray(Image.open(jpeg))[None],
    'turned': [np.asarray(Image.fromarray(f).rotate(2)) for f in frames],
  }.items():
    finding = files.find_in_frames(copies)
    assert finding.payload == PAYLOAD, name


def test_other_keys_and_plain_pictures_find_nothing(marked):
  frames, result = marked
  assert not files.find_in_frames(frames[:3])
  assert not files.find_in_frames(result[:3], OWN)


def test_own_keys_work(tmp_path):
  frame = _portrait(256)
  marker = embedding.Marker(frame, (256, 256), PAYLOAD, OWN)
  path, key = tmp_path / 'x.png', tmp_path / 'key'
  Image.fromarray(marker.mark(frame)).save(path)
  key.write_bytes(OWN)
  assert files.detect(path, key=key).payload == PAYLOAD
  assert not files.detect(path)


def test_frames_are_marked_by_themselves():
  frames = _clip(256, 5)
  marker = embedding.Marker(frames[0], (256, 256), PAYLOAD)
  whole = marker.mark(frames)
  parts = np.concatenate(list(marker.stream([frames[:2], frames[2:]])))
  np.testing.assert_array_equal(whole, parts)
  again = embedding.Marker(frames[0], (256, 256), PAYLOAD).mark(frames)
  np.testing.assert_array_equal(whole, again)


@pytest.mark.parametrize('level', [0, 128, 255])
def test_flat_pictures_do_not_wrap_round(level):
  frame = np.full((200, 300, 3), level, np.uint8)
  marker = embedding.Marker(frame, (300, 200), PAYLOAD)
  change = marker.mark(frame).astype(int) - frame
  assert np.abs(change).max() < 20
  assert level in (0, 255) or (change < 0).any() and (change > 0).any()


def test_frames_without_room_are_refused():
  frame = np.zeros((47, 300, 3), np.uint8)
  with pytest.raises(errors.InputError, match='48 pixels .* found 300 x 47'):
    embedding.Marker(frame, (300, 47), PAYLOAD)


def test_scenes_of_ours_are_found_in_longer_films(tmp_path):
  frames = embedding.Marker(_portrait(256), (256, 256), PAYLOAD).mark(
    _clip(256, 24)
  )
  other = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
  _copy(tmp_path / 'film.mp4', [*[other] * 72, *frames], 18)
  assert files.detect(tmp_path / 'film.mp4').payload == PAYLOAD


def test_pictures_in_pictures_are_found(tmp_path):
  marked = embedding.Marker(_portrait(256), (256, 256), PAYLOAD).mark(
    _clip(256, 4)
  )
  screen = np.full((4, 360, 640, 3), 90, np.uint8)
  screen[:, 40:296, 300:556] = marked
  _copy(tmp_path / 'screen.mp4', screen)
  report = files.detect(tmp_path / 'screen.mp4')
  assert report.payload == PAYLOAD
  assert report.mark.place.startswith('a picture in the picture, 25')


def test_greyscale_copies_are_known(marked, tmp_path):
  _, result = marked
  copies = _copy(tmp_path / '18.mp4', result, 18)
  weights = np.array([0.299, 0.587, 0.114])
  grey = np.rint(copies @ weights).astype(np.uint8)[..., None]
  copies = _copy(tmp_path / 'grey.mp4', np.repeat(grey, 3, axis=-1))
  inner = slice(len(copies[0]) // 20, -(len(copies[0]) // 20))
  cropped = np.repeat(grey, 3, axis=-1)[:, inner, inner]
  for name, frames in {'whole': copies, 'cropped': cropped}.items():
    finding = files.find_in_frames(frames)
    assert finding.kind == 'mark' and 'in luma' in finding.place, name


def test_frames_of_one_colour_have_no_mark():
  finding = files.find_in_frames([np.full((64, 64, 3), 9, np.uint8)])
  assert not finding and finding.score < 1


def test_text_is_unreadable(tmp_path):
  path = tmp_path / 'x.mp4'
  path.write_text('hello')
  with pytest.raises(errors.InputError, match='a picture or a video'):
    files.detect(path)
