"""Faces are found at every size and place, and nowhere else."""

import numpy as np
from PIL import Image
import pytest

from sadtalker_jax.faces import detector

# Where the face of the portrait is, measured by hand: eyebrows to chin, cheek
# to cheek. BlazeFace's box reaches from the brows to below the chin.
_FACE = (170.0, 148.0, 365.0, 345.0)


def _resized(picture, longer):
  scale = longer / max(picture.shape[:2])
  size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
  image = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
  return np.asarray(image), scale


def test_portrait_has_one_face_at_its_place(detection):
  assert detection.score > 0.8
  assert detector.overlap(detection.box, _FACE) > 0.85
  left_eye, right_eye, nose, mouth = detection.keypoints[:4]
  assert left_eye[0] < nose[0] < right_eye[0]
  assert max(left_eye[1], right_eye[1]) < nose[1] < mouth[1]


@pytest.mark.parametrize('longer', [60, 250, 2500, 8000])
def test_size_of_the_picture_does_not_matter(portrait, longer):
  picture, scale = _resized(portrait, longer)
  (face,) = detector.BlazeFace().detect(picture)
  found = [value / scale for value in face.box]
  assert detector.overlap(found, _FACE) > 0.75


def test_small_faces_are_found_largest_first(portrait):
  wall = np.full((700, 1100, 3), (90, 110, 100), np.uint8)
  # Heights of the pictures; the faces have a third of that.
  places = {300: (30, 20), 180: (500, 60), 120: (900, 420), 90: (700, 560)}
  for height, (x, y) in places.items():
    small, _ = _resized(portrait, height)
    wall[y : y + small.shape[0], x : x + small.shape[1]] = small
  faces = detector.BlazeFace().detect(wall)
  assert len(faces) == len(places)
  for face, (height, (x, y)) in zip(faces, places.items(), strict=True):
    scale = height / 600
    place = np.array(_FACE) * scale + [x, y, x, y]
    assert detector.overlap(face.box, tuple(place)) > 0.6
  areas = [face.area for face in faces]
  assert areas == sorted(areas, reverse=True)


def test_quick_search_sees_the_large_face_only(portrait):
  wall = np.full((700, 1100, 3), 100, np.uint8)
  wall[20:620, 30:542] = portrait
  small, _ = _resized(portrait, 90)
  wall[500:590, 900 : 900 + small.shape[1]] = small
  finder = detector.BlazeFace()
  assert len(finder.detect(wall)) == 2
  assert len(finder.detect(wall, thorough=False)) == 1


@pytest.mark.parametrize('quarter_turns', [0, 1])
def test_long_pictures(portrait, quarter_turns):
  strip = np.full((1600, 300, 3), 60, np.uint8)
  small, _ = _resized(portrait, 250)
  strip[1200:1450, 40 : 40 + small.shape[1]] = small
  if quarter_turns:
    strip = np.ascontiguousarray(strip.transpose(1, 0, 2))[:, ::-1]
    wide = np.full((300, 1600, 3), 60, np.uint8)
    wide[20:270, 1200 : 1200 + small.shape[1]] = small
    strip = wide
  assert len(detector.BlazeFace().detect(strip)) == 1


@pytest.mark.parametrize('margin', [-10, 0, 30])
def test_face_that_fills_the_picture(portrait, margin):
  x0, y0, x1, y1 = (int(v) for v in _FACE)
  tight = portrait[y0 - margin : y1 + margin, x0 - margin : x1 + margin]
  (face,) = detector.BlazeFace().detect(tight)
  moved = face.moved(x0 - margin, y0 - margin)
  assert detector.overlap(moved.box, _FACE) > 0.75


def _negatives():
  rng = np.random.default_rng(0)
  yield 'noise', rng.integers(0, 256, (300, 420, 3), np.uint8)
  coarse = rng.integers(0, 256, (40, 60, 3), np.uint8)
  blobs = Image.fromarray(coarse).resize((600, 400), Image.Resampling.BICUBIC)
  yield 'blobs', np.asarray(blobs)
  yield 'blank', np.full((200, 300, 3), 255, np.uint8)
  y, x = np.mgrid[:400, :500]
  wave = 127 + 127 * np.sin(x / 13) * np.cos(y / 17)
  yield 'texture', np.repeat(wave[..., None], 3, -1).astype(np.uint8)
  yield 'one pixel', np.full((1, 1, 3), 7, np.uint8)


@pytest.mark.parametrize(
  'picture', [pytest.param(p, id=name) for name, p in _negatives()]
)
def test_no_face_where_there_is_none(picture):
  assert detector.BlazeFace().detect(picture) == []


def test_portrait_without_its_face_has_none(portrait):
  blank = portrait.copy()
  blank[60:360, 140:390] = portrait.mean((0, 1)).astype(np.uint8)
  assert detector.BlazeFace().detect(blank) == []


def test_merge_averages_by_score_and_keeps_what_is_apart():
  def face(x, score):
    points = np.full((6, 2), x, np.float64)
    return detector.Detection((x, 0.0, x + 10.0, 10.0), score, points)

  first, second = detector.merge([face(0, 0.6), face(2, 0.9), face(50, 0.7)])
  assert first.score == 0.9 and second.score == 0.7
  assert first.box[0] == pytest.approx(2 * 0.9 / 1.5)
  assert first.keypoints[0, 0] == pytest.approx(2 * 0.9 / 1.5)
  assert second.box == (50.0, 0.0, 60.0, 10.0)


def test_overlap_by_hand():
  assert detector.overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
  assert detector.overlap((0, 0, 1, 1), (1, 0, 2, 1)) == 0


def test_every_sample_picture_shows_its_face(shared):
  files = sorted((shared / 'samples/image').iterdir())
  assert len(files) == 9
  for file in files:
    with Image.open(file) as image:
      picture = np.asarray(image.convert('RGB'))
    faces = detector.BlazeFace().detect(picture)
    # One painting shows a monkey, too, which may or may not count.
    assert 1 <= len(faces) <= (2 if file.stem == 'art_12' else 1), file
    assert faces[0].score > 0.75, file
