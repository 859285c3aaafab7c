"""Following and cutting, with a detector and landmarks that know the film.

A face is a square of one bright colour in a dark frame; where it is tells what
the networks would say.
"""

import numpy as np
import pytest

from sadtalker_jax.faces import detector, landmarks, mesh
from sadtalker_jax.preparation import options, rejects
from sadtalker_jax.preparation.clip import quality, region
from sadtalker_jax.preparation.input import (
  annotations,
  face_tracks,
  followed_faces,
)

SIZE = 40  # pixels of a face
COLOURS = (250, 230)


def frame(*places, background=20):
  picture = np.full((120, 160, 3), background, np.uint8)
  for colour, place in zip(COLOURS, places, strict=False):
    if place is not None:
      x, y = place
      picture[y : y + SIZE, x : x + SIZE] = colour
  return picture


def faces_of(picture):
  for colour in COLOURS:
    y, x = np.nonzero(picture[..., 0] == colour)
    if len(x):
      yield float(x.min()), float(y.min()), x.max() + 1.0, y.max() + 1.0


class Finder:
  def detect(self, picture, *, thorough=True):
    return [
      detector.Detection(box, 0.9, np.zeros((6, 2)))
      for box in faces_of(picture)
    ]


def points_in(box):
  x0, y0, x1, y1 = box
  rng = np.random.default_rng(0)
  unit = rng.uniform(0, 1, (478, 2))
  unit[[0, 1]] = [[0, 0], [1, 1]]
  unit[33], unit[263] = [0.2, 0.4], [0.8, 0.4]
  points = np.zeros((478, 3), np.float32)
  points[:, :2] = unit * [x1 - x0, y1 - y0] + [x0, y0]
  return points


def look(picture, square):
  """The face about the middle of a square, if there is one."""
  x, y = square.centre
  for box in faces_of(picture):
    if box[0] - 8 <= x <= box[2] + 8 and box[1] - 8 <= y <= box[3] + 8:
      return landmarks.Landmarks(points_in(box), 1.0)
  return landmarks.Landmarks(np.full((478, 3), 5, np.float32), 0.0)


class Landmarker:
  def detect(self, picture, face):
    return look(picture, mesh.square_of_box(face.box))

  def in_squares(self, pictures, squares, *, batch):
    return [look(p, s) for p, s in zip(pictures, squares, strict=True)]


@pytest.fixture(autouse=True)
def _follow(monkeypatch):
  def run(pictures, squares, *, batch):
    found = [look(p, s) for p, s in zip(pictures, squares, strict=True)]
    return [(f.points[:468], f.confidence) for f in found]

  monkeypatch.setattr(mesh, 'run_meshes', run)


def follow(film, **options_):
  tracker = face_tracks.Tracker(
    Finder(),
    Landmarker(),
    **{'max_frames': 1000, 'least_face': 30, **options_},
  )
  found = []
  for start in range(0, len(film), face_tracks.WINDOW):
    found += tracker.feed(film[start : start + face_tracks.WINDOW], start)
  found += tracker.finish()
  return sorted(found, key=lambda t: (t.first, t.box))


def spans(found):
  return [(t.first, t.last) for t in found]


def test_moving_face_is_one_track_in_its_union_box():
  film = [frame((20 + t // 2, 30)) for t in range(50)]
  (track,) = follow(film)
  assert (track.first, track.last) == (0, 50) and track.found.all()
  assert track.box == (20, 30, 20 + 24 + SIZE, 30 + SIZE)
  x0 = track.points[..., 0].min(1)
  np.testing.assert_array_equal(x0, [20 + t // 2 for t in range(50)])


def test_two_faces_are_two_tracks_and_crowd_each_other():
  film = [frame((10, 30), (100, 30)) for _ in range(30)]
  left, right = follow(film)
  assert spans([left, right]) == [(0, 30)] * 2
  assert len(left.crowd) == left.looks
  np.testing.assert_array_equal(left.crowd[0], [100, 30, 140, 70])
  wide = quality.of_track(left, (0, 0, 160, 160), wanted(min_frames=20))
  alone = quality.of_track(left, (0, 20, 60, 80), wanted(min_frames=20))
  assert wide[0] == rejects.Reason.SEVERAL_FACES and alone is None


def test_cut_ends_tracks():
  film = [frame((20, 30)) for _ in range(21)]
  film += [frame((24, 30), background=140) for _ in range(22)]
  assert spans(follow(film)) == [(0, 21), (21, 43)]


def test_short_absence_is_bridged_and_a_long_one_is_not():
  there, away = frame((20, 30)), frame(None)
  (track,) = follow([there] * 20 + [away] * 6 + [there] * 20)
  assert len(track.points) == 46 and track.found.sum() >= 30
  found = follow([there] * 20 + [away] * 30 + [there] * 20)
  assert len(found) == 2 and found[0].last == 20
  assert 50 <= found[1].first <= 59


def test_track_ends_where_its_first_box_is_left_and_at_its_greatest_length():
  film = [frame((5 + t, 30)) for t in range(60)]
  found = follow(film)
  # 40 pixels overlap by a quarter in 16 / 64: from 24 pixels on.
  assert spans(found) == [(0, 25), (25, 50), (50, 60)]
  long = follow([frame((20, 30))] * 50, max_frames=20)
  assert spans(long) == [(0, 20), (20, 40), (40, 50)]


def test_face_that_comes_later_is_found():
  film = [frame(None)] * 40 + [frame((20, 30))] * 40
  (track,) = follow(film)
  assert 40 <= track.first <= 48 and track.last == 80


def test_annotated_face_alone_counts_and_only_then():
  film = [frame((10, 30), (100, 30)) for _ in range(60)]
  boxes = ((95 / 120, 0.25, 145 / 120, 0.6),) * 30
  stretch = annotations.Stretch('00007', 10, boxes, 'height')
  (track,) = follow(film, stretches=[stretch])
  assert (track.first, track.last, track.utterance) == (10, 40, '00007')
  assert track.box[0] == 100


def test_after_a_gap_faces_are_looked_for_at_once():
  tracker = face_tracks.Tracker(
    Finder(), Landmarker(), max_frames=1000, least_face=30
  )
  assert not tracker.feed([frame((20, 30))] * 5, 0)
  first = tracker.finish()
  assert not tracker.feed([frame((90, 30))] * 5, 10)
  assert spans(first + tracker.finish()) == [(0, 5), (10, 15)]


def test_empty_film_has_no_track():
  assert follow([frame(None)] * 20) == []


def wanted(**choices):
  return options.PreparationOptions(
    **{'min_face': 32, 'min_frames': 5, **choices}
  )


def track_of(box, frames=10, found=None):
  points = np.repeat(points_in(box)[None], frames, 0)
  there = np.ones(frames, bool) if found is None else found
  return followed_faces.FaceTrack(
    0, points, there, box, '', np.zeros((0, 4)), 1
  )


@pytest.mark.parametrize(
  ('track', 'square', 'reason'),
  [
    (track_of((0, 0, 50, 50)), (0, 0, 60, 60), None),
    (track_of((0, 0, 50, 50), 4), (0, 0, 60, 60), 'too_short'),
    (track_of((0, 0, 30, 20)), (0, 0, 60, 60), 'too_small'),
    (track_of((0, 0, 50, 50)), None, 'leaves_picture'),
    (
      track_of((0, 0, 50, 50), found=np.arange(10) < 7),
      (0, 0, 60, 60),
      'face_lost',
    ),
  ],
)
def test_tracks_are_left_out_with_their_reason(track, square, reason):
  found = quality.of_track(track, square, wanted())
  assert (found and found[0]) == reason


def test_what_is_too_short_or_small_says_which_flags_would_keep_it():
  limits = wanted(min_face=60, min_frames=10)
  tracks = [track_of((0, 0, 70.5, 50), 7)]
  tracks += [track_of((0, 0, 34 + i, 20), 8 + i) for i in range(12)]
  left_out = []
  for track in tracks:
    found = quality.of_track(track, None, limits)
    assert found is not None
    left_out.append(rejects.Reject(found[0], 'v', detail=found[1]))
  assert left_out[0].detail == '7 frames'
  assert left_out[1].detail == '8 frames of 34 pixels'
  assert rejects.ways(left_out) == '--min_frames 7 --min_face 35'
  assert rejects.ways(left_out[3:4]) == '--min_face 36'
  assert rejects.ways([]) == ''


@pytest.mark.parametrize(
  ('sharp', 'yaw', 'pitch', 'error', 'reason'),
  [
    (20, 10, 5, 2, None),
    (5, 10, 5, 2, 'blurred'),
    (20, 80, 5, 2, 'turned'),
    (20, 10, 60, 2, 'turned'),
    (20, 10, 5, 9, 'bad_fit'),
    (20, 10, 5, np.nan, None),
  ],
)
def test_clips_are_left_out_with_their_reason(sharp, yaw, pitch, error, reason):
  angles = np.radians(np.tile([pitch, yaw, 0.0], (10, 1)))
  found = quality.of_clip(sharp, angles, np.full(10, error), wanted())
  assert (found and found[0]) == reason


def test_blur_and_enlargement_lower_the_sharpness():
  rng = np.random.default_rng(0)
  sharp = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
  soft = (sharp + np.roll(sharp, 1, 0).astype(int) + np.roll(sharp, 1, 1)) / 3
  large = np.kron(sharp[:32, :32], np.ones((2, 2, 1), np.uint8))
  box = (0, 0, 64, 64)
  values = [quality.sharpness(x, box) for x in (sharp, soft, large)]
  assert values[0] > values[1] and values[0] > values[2]
  assert quality.sharpness(sharp * 0 + 7, box) == 0


@pytest.mark.parametrize(
  ('box', 'strict', 'square'),
  [
    # 10 % at both ends of the longer side, about the middle.
    ((40, 40, 80, 90), True, (30, 35, 90, 95)),
    ((5, 40, 45, 90), True, None),
    ((5, 40, 45, 90), False, (0, 35, 60, 95)),  # moved
    ((10, 4, 90, 98), False, (0, 0, 100, 100)),  # smaller
    ((0, 0, 160, 50), False, None),  # wider than the picture is high
  ],
)
def test_square_about_a_face(box, strict, square):
  found = region.enlarge(box, (160, 100), margin=0.1, strict=strict)
  assert found == square


def test_points_of_the_film_are_points_of_the_frame():
  points = np.array([[[30.0, 35.0, 4.0], [90.0, 95.0, -4.0]]])
  found = region.to_frame(points, (30, 35, 90, 95), 256)
  scale = 256 / 60
  np.testing.assert_allclose(
    found[0], [[0, 0, 4 * scale], [256, 256, -4 * scale]], rtol=1e-6
  )
