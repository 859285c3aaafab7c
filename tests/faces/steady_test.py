"""Places of a face are smooth, and do not depend on batches."""

import numpy as np
import pytest

from sadtalker_jax.faces import aligned, detector, landmarks, steady

_NONE = np.full((5, 2), np.nan)


class _Faces:
  """A detector and a landmarker in one; a frame's first pixel says where.

  Value 0 is no face, else the face is that many pixels to the right.
  """

  def __init__(self):
    self.searches = []  # thorough or not
    self.looks = 0

  def detect(self, picture, face=None, *, thorough=True):
    place = float(picture[0, 0, 0])
    if face is None:
      self.searches.append(thorough)
      box = (place, 0.0, place + 50.0, 50.0)
      return [detector.Detection(box, 1.0, np.zeros((6, 2)))] if place else []
    self.looks += 1
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 50, (landmarks.POINTS, 3)).astype(np.float32)
    points[[33, 133], 0] -= 50  # the eyes are apart
    points[:, 0] += place
    return landmarks.Landmarks(points, 0.9 if place else 0.1)


def _frames(places) -> np.ndarray:
  frames = np.zeros((len(places), 8, 8, 3), np.uint8)
  frames[:, 0, 0, 0] = places
  return frames


def _stream(places, sizes):
  faces = _Faces()
  frames = _frames(places)
  batches = np.split(frames, np.cumsum(sizes)[:-1])
  found = list(steady.stream(batches, steady.Chase(faces, faces)))
  assert [len(f) for f, _ in found] == sizes
  np.testing.assert_array_equal(np.concatenate([f for f, _ in found]), frames)
  return np.concatenate([points for _, points in found])


_PLACES = [50, 52, 50, 55, 0, 60, 61, 59, 64, 0, 0]


@pytest.mark.parametrize('sizes', [[1] * 11, [3, 3, 3, 2], [10, 1], [2, 0, 9]])
def test_batches_change_nothing(sizes):
  np.testing.assert_array_equal(_stream(_PLACES, sizes), _stream(_PLACES, [11]))


def test_a_frame_is_averaged_with_its_neighbours_and_only_if_it_has_a_face():
  points = _stream(_PLACES, [11])
  faceless = np.isnan(points).any((1, 2))
  assert faceless.tolist() == [place == 0 for place in _PLACES]
  x = points[:, 0, 0] - (points[0, 0, 0] - (6 * 50 + 4 * 52 + 50) / 11)
  assert x[2] == pytest.approx((50 + 4 * 52 + 6 * 50 + 4 * 55) / 15)
  assert x[6] == pytest.approx((4 * 60 + 6 * 61 + 4 * 59 + 64) / 15)


def test_a_resting_face_rests_and_an_even_motion_stays_even():
  rest = _stream([70] * 7, [2, 2, 3])
  np.testing.assert_allclose(rest, rest[:1].repeat(7, 0), atol=1e-4)
  moving = _stream(list(range(50, 60)), [10])[:, 0, 0]
  np.testing.assert_allclose(np.diff(moving)[2:-2], 1, atol=1e-4)


def test_frames_are_held_back_for_two_frames_only():
  taken = []

  def batches():
    for i in range(50):
      taken.append(i)
      yield _frames([60])

  faces = _Faces()
  for i, _ in enumerate(steady.stream(batches(), steady.Chase(faces, faces))):
    assert len(taken) <= i + 3


def test_the_face_is_searched_for_once_and_then_followed():
  faces = _Faces()
  chase = steady.Chase(faces, faces)
  for frame in _frames([50] * 6):
    chase.step(frame)
  assert faces.searches == [True] and faces.looks == 6


def test_after_a_frame_without_a_face_the_search_is_quick():
  faces = _Faces()
  chase = steady.Chase(faces, faces)
  for frame in _frames([50, 0, 0, 50, 50]):
    chase.step(frame)
  assert faces.searches == [True, False, False, False]


def test_tiny_faces_do_not_count():
  class Tiny(_Faces):
    def detect(self, picture, face=None, *, thorough=True):
      found = super().detect(picture, face, thorough=thorough)
      if face is None:
        return found
      points = found.points * np.float32(0.05)
      return landmarks.Landmarks(points, found.confidence)

  faces = Tiny()
  np.testing.assert_array_equal(
    steady.Chase(faces, faces).step(_frames([50])[0]), _NONE
  )


def test_the_portrait_is_found_where_its_landmarks_are(portrait, points):
  chase = steady.Chase(landmarks.FaceMesh(), detector.BlazeFace())
  first, second = (chase.step(portrait) for _ in range(2))
  want = aligned.five_points(points)
  np.testing.assert_allclose(first, want, atol=1e-3)
  # Followed by its landmarks instead of a detection: nearly the same.
  assert np.abs(second - want).max() < 1.0
