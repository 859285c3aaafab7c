"""One face is followed, lost, found again, and never exchanged."""

import av
import numpy as np
from PIL import Image
import pytest

from sadtalker_jax import errors
from sadtalker_jax.faces import detector, landmarks, tracking


def _scene(portrait, x, y=30, *, height=240, size=(640, 300)):
  image = Image.new('RGB', size, (80, 90, 100))
  small = Image.fromarray(portrait).resize((height * 512 // 600, height))
  image.paste(small, (x, y))
  return np.asarray(image)


def test_moving_face_is_followed(portrait, points):
  steps = [100 + 12 * t for t in range(8)]
  track = landmarks.FaceMesh().track(_scene(portrait, x) for x in steps)
  assert track.found.all() and track.confidence.min() > 0.99
  assert track.points.shape == (8, 478, 3)
  assert track.points.dtype == np.float32
  nose = track.points[:, 4, 0]
  np.testing.assert_allclose(np.diff(nose), 12, atol=1.5)
  at_rest = points[4, 0] * 240 / 600 + steps[0]
  assert nose[0] == pytest.approx(at_rest, abs=2.0)


def test_still_face_stands_still(portrait):
  frames = [_scene(portrait, 100)] * 6
  track = landmarks.FaceMesh().track(frames)
  eye = np.linalg.norm(track.points[0, 33] - track.points[0, 263])
  # The square follows the points and settles; nothing else may move.
  assert np.abs(np.diff(track.points, axis=0)).max() < 0.03 * eye


def test_lost_face_is_reported_and_found_again_elsewhere(portrait):
  empty = np.full((300, 640, 3), 90, np.uint8)
  frames = [
    empty,
    _scene(portrait, 40),
    _scene(portrait, 44),
    empty,
    empty,
    _scene(portrait, 380),
    _scene(portrait, 384),
  ]
  track = landmarks.FaceMesh().track(iter(frames))
  np.testing.assert_array_equal(track.found, [0, 1, 1, 0, 0, 1, 1])
  np.testing.assert_array_equal(track.confidence == 0, ~track.found)
  np.testing.assert_array_equal(track.points[0], track.points[1])
  np.testing.assert_array_equal(track.points[3], track.points[2])
  np.testing.assert_array_equal(track.points[4], track.points[2])
  assert track.points[5, 4, 0] - track.points[2, 4, 0] > 250


def _pair(portrait, *, left=True):
  frame = _scene(portrait, 400, height=200).copy()
  if left:
    frame[:, :320] = _scene(portrait, 40)[:, :320]
  return frame


@pytest.mark.parametrize(('index', 'x'), [(0, 140), (1, 485)])
def test_chosen_face_is_kept(portrait, index, x):
  frames = [_pair(portrait)] * 3
  track = landmarks.FaceMesh().track(frames, face_index=index)
  np.testing.assert_allclose(track.points[:, 4, 0], x, atol=15)


def test_other_face_does_not_replace_the_chosen_one(portrait):
  frames = [_pair(portrait), _pair(portrait, left=False), _pair(portrait)]
  track = landmarks.FaceMesh().track(frames)
  np.testing.assert_array_equal(track.found, [True, False, True])


def test_box_chooses_the_face(portrait):
  frames = [_pair(portrait)] * 2
  track = landmarks.FaceMesh().track(frames, box=(420.0, 60.0, 560.0, 200.0))
  np.testing.assert_allclose(track.points[:, 4, 0], 485, atol=15)


def test_errors_name_what_was_expected_and_found(portrait):
  mesher = landmarks.FaceMesh()
  with pytest.raises(errors.InputError, match='found no frame'):
    mesher.track([])
  empty = np.zeros((60, 80, 3), np.uint8)
  with pytest.raises(errors.InputError, match='in 2 frames of 80x60 pixels'):
    mesher.track([empty, empty])
  with pytest.raises(errors.InputError, match='face_index 2 but only 1 face '):
    mesher.track([_scene(portrait, 40)], face_index=2)


class _Blind:
  """A landmarker and detector that count what is asked of them."""

  def __init__(self):
    self.thorough = []

  def detect(self, picture, face=None, *, thorough=False):
    del picture, face
    self.thorough.append(thorough)
    return []


def test_slow_search_is_rare_while_there_is_no_face():
  blind = _Blind()
  frames = [np.zeros((8, 8, 3), np.uint8)] * 25
  with pytest.raises(errors.InputError):
    tracking.track(frames, landmarks.FaceMesh(), blind)
  assert np.flatnonzero(blind.thorough).tolist() == [0, 10, 20]


def test_real_clips_are_followed_in_every_frame(shared):
  for name in ('grid/grid_s31_bgix9s.mpg', 'video/video-retalking_1.mp4'):
    with av.open(str(shared / 'samples' / name)) as file:
      frames = [
        frame.to_ndarray(format='rgb24')
        for frame, _ in zip(file.decode(video=0), range(40), strict=False)
      ]
    track = landmarks.FaceMesh(detector.BlazeFace()).track(frames)
    assert track.found.all() and track.confidence.min() > 0.95, name
    points = track.points[..., :2]
    eye = np.linalg.norm(points[:, 33] - points[:, 263], axis=1).mean()
    jerk = points[2:] - 2 * points[1:-1] + points[:-2]
    # Of white noise the second difference has 6 times its variance.
    jitter = np.sqrt((jerk**2).sum(-1).mean(1) / 6)
    assert np.median(jitter) < 0.006 * eye, name
