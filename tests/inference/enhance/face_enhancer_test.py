"""The enhancer's geometry with a restorer that changes nothing, or everything.

GFPGAN itself is tested in models/gfpgan_test.py and in the parity tests.
"""

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from sadtalker_jax.faces import aligned, detector, landmarks
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.enhance import face_enhancer, frame_enlarger
from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import parsenet

_SIZE = (120, 104)  # rows, columns


class _Faces:
  """Detector and landmarks: the first pixel is the face's place, 0 for none."""

  def detect(self, picture, face=None, *, thorough=True):
    place = int(picture[0, 0, 0])
    if face is None:
      box = (0.0, 0.0, 50.0, 50.0)
      return [detector.Detection(box, 1.0, np.zeros((6, 2)))] if place else []
    points = np.zeros((landmarks.POINTS, 3), np.float32)
    scale = 0.15 + 0.0005 * place
    five = aligned.TEMPLATE * scale + [0.2 * place, 10]
    points[[33, 133], :2], points[[263, 362], :2] = five[0], five[1]
    points[[4, 61, 291], :2] = five[2:]
    return landmarks.Landmarks(points, 1.0 if place else 0.0)


def _frames(places) -> np.ndarray:
  """Waves, different in every frame and channel."""
  i, y, x, k = np.ogrid[: len(places), : _SIZE[0], : _SIZE[1], :3]
  waves = np.sin(x / 19 + k + i) * np.cos(y / 13 - k)
  frames = np.rint(128 + 100 * waves).astype(np.uint8)
  frames[:, 0, 0] = np.array(places)[:, None]
  return frames


def _same(variables, faces):
  assert not variables
  return faces


def _green(variables, faces):
  return jnp.ones_like(faces) * jnp.array([-1.0, 1.0, -1.0]) * variables


def _enhancer(restore=_same, variables=None, upscale=1, **more):
  faces = _Faces()
  return face_enhancer.FaceEnhancer(
    variables, faces, detector=faces, upscale=upscale, restore=restore, **more
  )


@pytest.fixture(scope='module')
def same() -> face_enhancer.FaceEnhancer:
  return _enhancer()


@pytest.fixture(scope='module')
def green() -> face_enhancer.FaceEnhancer:
  return _enhancer(_green, jnp.float32(1), upscale=2)


def test_with_the_same_face_frames_stay_as_they_are(same):
  frames = _frames([60, 90, 120])
  error = np.abs(same.enhance(frames).astype(int) - frames)
  error[:, :2, :2] = 0  # the sharp pixel with the place
  assert error.max() <= 2
  assert error.mean() < 0.3  # rounding


def test_the_face_is_restored_where_it_is(green):
  frames = _frames([60, 140])
  large = green.enhance(frames)
  assert large.shape == (2, 240, 208, 3) and large.dtype == np.uint8
  for place, frame in zip([60, 140], large, strict=True):
    nose = aligned.TEMPLATE[2] * (0.15 + 0.0005 * place) + [0.2 * place, 10]
    x, y = (2 * nose).astype(int)
    assert frame[y, x].tolist() == [0, 255, 0]
    left = round(2 * 0.2 * place)  # the square's edge
    assert frame[y, left + 1].tolist() != [0, 255, 0]


def test_frames_without_a_face_are_only_resized(green):
  frames = _frames([60, 0, 90, 0])
  large = green.enhance(frames)
  plain = np.asarray(aligned.enlarge(jnp.asarray(frames), upscale=2))
  np.testing.assert_array_equal(large[[1, 3]], plain[[1, 3]])
  assert (large[[0, 2]] != plain[[0, 2]]).any()


class _RightHalf:
  """A parser to which the right half of every square is skin."""

  def apply(self, variables, faces):
    skin = jnp.arange(faces.shape[2]) >= variables
    logits = jnp.zeros((*faces.shape[:3], 2))
    logits = logits.at[..., 1].add(jnp.where(skin, 1.0, -1.0))
    return parsenet.Parsing(logits, faces)


def test_the_parser_says_which_pixels_are_face(monkeypatch):
  build = zoo.build
  monkeypatch.setattr(
    zoo,
    'build',
    lambda name, **c: _RightHalf() if name == 'parsenet' else build(name, **c),
  )
  made = _enhancer(_green, jnp.float32(1), upscale=2, parsing=256)
  large = made.enhance(_frames([60]))[0]
  scale = 2 * (0.15 + 0.0005 * 60)
  y = int(scale * 256) + 20
  left, right = (int(scale * x + 2 * 0.2 * 60) for x in (180, 330))
  assert large[y, right].tolist() == [0, 255, 0]
  assert abs(large[y, left] - np.array([0, 255, 0])).max() > 20


def _twice(variables, pictures):
  """Pictures in pixels twice as large, a little darker."""
  return jnp.repeat(jnp.repeat(pictures, 2, 1), 2, 2) * variables


def test_faces_are_put_into_frames_that_a_network_enlarged():
  enlarger = frame_enlarger.FrameEnlarger(
    np.float32(0.5), 2, network=_twice, tile=64
  )
  made = _enhancer(_green, jnp.float32(1), enlarger=enlarger)
  frames = _frames([60, 0])
  large = np.concatenate(list(made.stream([frames])))
  below = np.concatenate(list(enlarger.stream([frames[:1], frames[1:]])))
  assert made.upscale == 2 and large.shape == (2, 240, 208, 3)
  np.testing.assert_array_equal(large[1], below[1])
  np.testing.assert_array_equal(large[0, -20:], below[0, -20:])
  error = below[:, ::2, 1::2] - frames / 2
  assert np.abs(error).max() <= 0.5
  nose = (2 * (aligned.TEMPLATE[2] * 0.18 + [12, 10])).astype(int)
  assert large[0, nose[1], nose[0]].tolist() == [0, 255, 0]


def test_without_upscale_frames_without_a_face_pass_unchanged(same):
  frames = _frames([0, 0])
  np.testing.assert_array_equal(same.enhance(frames), frames)


def test_frames_of_a_batch_do_not_depend_on_each_other(same):
  frames = _frames([60, 0, 90, 120, 75])
  alone = np.concatenate([same.enhance(frame[None]) for frame in frames])
  np.testing.assert_array_equal(same.enhance(frames), alone)


def test_a_stream_does_not_depend_on_its_batches(same):
  frames = _frames([60, 66, 0, 75, 71, 90, 80])
  whole = np.concatenate(list(same.stream([frames])))
  batches = np.split(frames, [1, 3, 6])
  pieces = list(same.stream(batches))
  assert [len(p) for p in pieces] == [1, 2, 3, 1]
  np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_a_stream_of_a_resting_face_is_its_frames_enhanced(green):
  frames = _frames([80] * 3)
  streamed = np.concatenate(list(green.stream([frames[:2], frames[2:]])))
  np.testing.assert_array_equal(streamed, green.enhance(frames))


def test_streams_take_turns_without_disturbing_each_other(same):
  frames = [_frames([60, 63, 70, 80]), _frames([130, 0, 110, 100])]
  alone = [list(same.stream(np.split(f, 4))) for f in frames]
  streams = [same.stream(np.split(f, 4)) for f in frames]
  for i, pair in enumerate(zip(*streams, strict=True)):
    for a, b in zip(pair, [alone[0][i], alone[1][i]], strict=True):
      np.testing.assert_array_equal(a, b)


def test_a_stream_takes_batches_as_it_goes(same):
  taken = []

  def batches():
    for i in range(30):
      taken.append(i)
      yield _frames([60])

  for i, _ in enumerate(same.stream(batches())):
    assert len(taken) <= i + 4  # two to smooth, one that is restored meanwhile


def test_no_batches_give_none(same):
  assert list(same.stream([])) == []


@pytest.mark.parametrize(
  'frames',
  [
    np.zeros((4, 5, 3), np.uint8),
    np.zeros((1, 4, 5, 3), np.float32),
    np.zeros((1, 4, 5, 4), np.uint8),
  ],
)
def test_other_frames_are_refused(same, frames):
  with pytest.raises(ValueError, match='expected'):
    same.enhance(frames)


def test_other_scales_are_refused():
  with pytest.raises(ValueError, match='upscale'):
    _enhancer(upscale=3)


def test_a_real_face_comes_back_through_the_real_landmarks():
  with Image.open(bundle.SAMPLE_PORTRAIT) as image:
    small = image.convert('RGB').resize((256, 300), Image.Resampling.BICUBIC)
  frame = np.asarray(small)[None]
  finder = landmarks.FaceMesh()
  same = face_enhancer.FaceEnhancer({}, finder, upscale=1, restore=_same)
  error = np.abs(same.enhance(frame).astype(int) - frame)
  assert error.mean() < 1 and np.percentile(error, 99) < 12  # two resamplings
  green = face_enhancer.FaceEnhancer(
    jnp.float32(1), finder, upscale=1, restore=_green
  )
  painted = green.enhance(frame)[0]
  assert painted[135, 133].tolist() == [0, 255, 0]  # the nose


@pytest.mark.slow
def test_by_default_gfpgan_restores(monkeypatch):
  build, narrow = zoo.build, {'narrow': 1 / 16, 'style_features': 8}
  monkeypatch.setattr(
    zoo, 'build', lambda name, **c: build(name, **narrow, **c)
  )
  weights = zoo.noise('gfpgan')
  frames = _frames([60])
  faces = _Faces()
  made = face_enhancer.FaceEnhancer(weights, faces, detector=faces)
  large = made.enhance(frames)

  points = aligned.five_points(faces.detect(frames[0], frames).points)
  matrix = aligned.similarity(points[None])
  face = aligned.cut(frames, aligned.inverse(matrix).astype(np.float32))
  apply = jax.jit(zoo.build('gfpgan').apply)
  image = apply(weights, face / 127.5 - 1).image
  want = aligned.paste(
    frames,
    jnp.clip((image + 1) * 127.5, 0, 255),
    matrix.astype(np.float32),
    upscale=2,
  )
  assert made.upscale == 2
  error = np.abs(large.astype(int) - np.asarray(want))
  assert error.mean() < 0.1 and np.percentile(error, 99) <= 2
