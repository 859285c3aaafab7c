"""The crop rule against a slow one written from the text of method 6.7."""

import math

import numpy as np
from PIL import Image
import pytest

from sadtalker_jax import errors
from sadtalker_jax.faces import crop, detector, landmarks


def _slow(points, picture, mode):
  """Method 6.7 number by number, with the published mistakes."""
  width, height = picture
  if mode == 'resize':
    return (width, height), None, None

  def mean(first, last):
    part = points[first : last + 1]
    return (
      sum(p[0] for p in part) / len(part),
      sum(p[1] for p in part) / len(part),
    )

  eye_l, eye_r = mean(36, 41), mean(42, 47)
  e = (eye_r[0] - eye_l[0], eye_r[1] - eye_l[1])
  eyes = ((eye_l[0] + eye_r[0]) / 2, (eye_l[1] + eye_r[1]) / 2)
  mouth = (
    (points[48][0] + points[54][0]) / 2,
    (points[48][1] + points[54][1]) / 2,
  )
  m = (mouth[0] - eyes[0], mouth[1] - eyes[1])
  x = (e[0] + m[1], e[1] - m[0])
  length = math.hypot(*x)
  times = max(2 * math.hypot(*e), 1.8 * math.hypot(*m))
  x = (x[0] / length * times, x[1] / length * times)
  y = (-x[1], x[0])
  c = (eyes[0] + 0.1 * m[0], eyes[1] + 0.1 * m[1])
  quad = [
    [c[0] - x[0] - y[0], c[1] - x[1] - y[1]],
    [c[0] - x[0] + y[0], c[1] - x[1] + y[1]],
    [c[0] + x[0] + y[0], c[1] + x[1] + y[1]],
    [c[0] + x[0] - y[0], c[1] + x[1] - y[1]],
  ]
  qsize = 2 * math.hypot(*x)
  k = math.floor(qsize / 512 * 0.5)
  if k > 1:
    width, height = int(np.rint(width / k)), int(np.rint(height / k))
    quad = [[u / k, v / k] for u, v in quad]
    qsize /= k
  b = max(int(np.rint(0.1 * qsize)), 3)
  outer = (
    max(math.floor(min(u for u, _ in quad)) - b, 0),
    max(math.floor(min(v for _, v in quad)) - b, 0),
    min(math.ceil(max(u for u, _ in quad)) + b, width),
    min(math.ceil(max(v for _, v in quad)) + b, height),
  )
  quad = [[u - outer[0] + 0.5, v - outer[1] + 0.5] for u, v in quad]
  q0, q1, q2, q3 = quad
  inner = (
    max(min(q0[0], q1[0]), 0),
    max(min(q0[1], q3[1]), 0),
    min(max(q2[0], q3[0]), width),
    min(max(q1[1], q2[1]), width),
  )
  inner = tuple(int(value) for value in inner)
  size = (inner[2] - inner[0], inner[3] - inner[1])
  return size, outer, inner


# A face: only the eyes and the corners of the mouth count.
_EYES = [(-1, 0), (-0.7, -0.2), (-0.4, -0.2), (-0.1, 0), (-0.4, 0.15)]
_EYES = [*_EYES, (-0.7, 0.15)]


def _random_face(rng, width, height, scale):
  """68 points of a face somewhere in the picture, turned and distorted."""
  points = rng.normal(0, 1, (68, 2))
  points[36:42] = np.array(_EYES) + rng.normal(0, 0.05, (6, 2))
  points[42:48] = np.array(_EYES) * [-1, 1] + rng.normal(0, 0.05, (6, 2))
  points[48], points[54] = (-0.5, 1.1), (0.5, 1.1)
  points *= [1, rng.uniform(0.5, 1.5)]
  points *= [rng.uniform(0.5, 1.2), 1]
  angle = rng.normal(0, 0.4)
  c, s = math.cos(angle), math.sin(angle)
  centre = rng.uniform((0.2 * width, 0.2 * height), (0.8 * width, 0.8 * height))
  return points @ [[c, s], [-s, c]] * scale + centre


def _poses():
  rng = np.random.default_rng(0)
  for _ in range(300):
    width, height = (int(v) for v in rng.integers(60, 3000, 2))
    scale = min(width, height) * rng.uniform(0.03, 0.4)
    yield _random_face(rng, width, height, scale), (width, height)


def _pasted(outer, inner, mode):
  if mode.startswith('ext'):
    return outer
  x, y = outer[:2]
  return (x + inner[0], y + inner[1], x + inner[2], y + inner[3])


@pytest.mark.parametrize('mode', crop.MODES)
def test_quirks_reproduce_the_reference_in_300_poses(mode):
  shrunk = limited = 0
  for points, picture in _poses():
    size, outer, inner = _slow(points.tolist(), picture, mode)
    info = crop.crop_box(points, picture, mode, original_quirks=True)
    assert (info.size, info.outer, info.inner) == (size, outer, inner)
    if mode == 'resize':
      assert info.box == (0, 0, *picture)
      continue
    assert info.box == _pasted(outer, inner, mode)
    shrunk += info.picture_size != picture
    limited += inner[3] == info.picture_size[0]
  if mode != 'resize':  # the poses do meet the mistakes
    assert shrunk >= 10 and limited >= 3


@pytest.mark.parametrize('mode', ['crop', 'extcrop', 'full', 'extfull'])
def test_without_quirks_boxes_are_right(mode):
  same = 0
  for points, (width, height) in _poses():
    info = crop.crop_box(points, (width, height), mode)
    x0, y0, x1, y1 = info.outer
    assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    lx, ly, rx, ry = info.inner
    assert 0 <= lx < rx <= x1 - x0 and 0 <= ly < ry <= y1 - y0
    assert info.box == _pasted(info.outer, info.inner, mode)  # quirk Q18
    assert info.picture_size == (width, height)
    assert info.size == (info.box[2] - info.box[0], info.box[3] - info.box[1])
    old = crop.crop_box(points, (width, height), mode, original_quirks=True)
    inside = old.inner[2] <= x1 - x0 and old.inner[3] <= y1 - y0
    cut = old.inner[3] == width
    if old.picture_size == (width, height) and inside and not cut:
      assert (old.outer, old.inner, old.box) == (
        info.outer,
        info.inner,
        info.box,
      )
      same += 1
  assert same > 50


def _face_at(x, y, scale):
  points = _random_face(np.random.default_rng(4), 1, 1, scale)
  return points + np.array([x, y]) - points[36:48].mean(0)


def test_tall_picture_is_cut_at_its_height_not_its_width():
  """As quirk Q17 says, the published program cuts it at the picture's width."""
  points = _face_at(100, 500, 60)
  info = crop.crop_box(points, (200, 900), 'full')
  old = crop.crop_box(points, (200, 900), 'full', original_quirks=True)
  assert old.inner[3] == 200 < info.inner[3]


def test_ext_modes_have_the_size_of_the_outer_box():
  points = _face_at(300, 300, 60)
  inner = crop.crop_box(points, (600, 600), 'crop')
  for mode in ('extcrop', 'extfull'):
    info = crop.crop_box(points, (600, 600), mode)
    x0, y0, x1, y1 = info.outer
    assert info.box == info.outer and info.size == (x1 - x0, y1 - y0)
    old = crop.crop_box(points, (600, 600), mode, original_quirks=True)
    assert old.size == inner.size != info.size  # quirk Q19


def test_portrait_crop_holds_the_face(points):
  info = crop.crop_box(landmarks.to_68(points), (512, 600), 'crop')
  x0, y0, x1, y1 = info.box
  low, high = points[:468, :2].min(0), points[:468, :2].max(0)
  assert x0 < low[0] and y0 < low[1] and high[0] < x1 and high[1] < y1
  assert (x1 - x0) / (y1 - y0) == pytest.approx(1, abs=0.05)


def test_crop_errors():
  points = _random_face(np.random.default_rng(4), 500, 500, 60)
  with pytest.raises(errors.InputError, match="found 'zoom'"):
    crop.crop_box(points, (500, 500), 'zoom')
  with pytest.raises(errors.InputError, match='outside of the picture of 500x'):
    crop.crop_box(points + 3000, (500, 500), 'crop')


def test_pick_names_what_is_wrong():
  face = detector.Detection((0.0, 0.0, 9.0, 9.0), 0.9, np.zeros((6, 2)))
  assert crop.pick([face, face], 1, (80, 60)) is face
  with pytest.raises(
    errors.InputError, match='face_index 3 but only 2 faces found'
  ):
    crop.pick([face, face], 3, (80, 60))
  with pytest.raises(errors.InputError, match='only 1 face found'):
    crop.pick([face], -1, (80, 60))
  with pytest.raises(errors.InputError, match='picture of 80x60 pixels'):
    crop.pick([], 0, (80, 60))


def test_manual_box_must_lie_in_the_picture():
  assert crop.check_box((0, 0, 80, 60), (80, 60)) == (0.0, 0.0, 80.0, 60.0)
  for box in (
    (-1, 0, 10, 10),
    (0, 0, 81, 10),
    (0, 0, 10, 61),
    (10, 0, 10, 10),
    (0, 20, 10, 10),
    (math.nan, 0, 10, 10),
  ):
    with pytest.raises(errors.InputError, match='80x60 pixels') as caught:
      crop.check_box(box, (80, 60))
    assert '\n' not in str(caught.value)
    assert f'{box[2]}, {box[3]})' in str(caught.value)
  with pytest.raises(errors.InputError, match='x0, y0, x1, y1'):
    crop.check_box((1, 2, 3), (80, 60))


def _slow_resize(picture, width, height):
  """Bilinear with pixel centres at halves, by hand."""
  h, w = picture.shape[:2]
  result = np.zeros((height, width, 3))
  for j in range(height):
    for i in range(width):
      x = min(max((i + 0.5) * w / width - 0.5, 0), w - 1)
      y = min(max((j + 0.5) * h / height - 0.5, 0), h - 1)
      x0, y0 = int(x), int(y)
      x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
      a, b = x - x0, y - y0
      top = (1 - a) * picture[y0, x0] + a * picture[y0, x1]
      bottom = (1 - a) * picture[y1, x0] + a * picture[y1, x1]
      result[j, i] = (1 - b) * top + b * bottom
  return result


@pytest.mark.parametrize('size', [(7, 5), (31, 40), (90, 64)])
def test_plain_resize_is_bilinear(size):
  picture = np.random.default_rng(0).integers(0, 256, (33, 47, 3), np.uint8)
  result = crop.resize_plain(picture, size)
  assert result.shape == (size[1], size[0], 3)
  np.testing.assert_allclose(
    # Half for rounding, half for digits that fixed-point sums lose.
    result,
    _slow_resize(picture.astype(float), *size),
    atol=1.0,
  )


def test_plain_resize_is_that_of_opencv(testdata):
  # cv2.resize(picture, (256, 256)) of OpenCV 4.14, every fifth row and column.
  golden = np.load(testdata / 'resize_opencv.npz')
  result = crop.resize_plain(golden['picture'], (256, 256))
  np.testing.assert_array_equal(result[::5, ::5], golden['resized'])


def test_resize_shrinks_without_aliasing_unless_quirks():
  y, x = np.mgrid[:300, :320]
  checks = ((((x // 2) + (y // 2)) % 2) * 255).astype(np.uint8)
  picture = np.repeat(checks[..., None], 3, -1)
  box = (10, 20, 300, 280)
  smooth = crop.resize_to(picture, box, 32)
  assert smooth.shape == (32, 32, 3) and smooth.dtype == np.uint8
  assert np.abs(smooth.astype(float) - 127.5).max() < 20
  plain = crop.resize_to(picture, box, 32, original_quirks=True)
  np.testing.assert_array_equal(
    plain, crop.resize_plain(picture[20:280, 10:300], (32, 32))
  )
  assert plain.astype(float).std() > 60


def test_resize_of_a_box_of_its_size_is_the_box(portrait):
  for quirks in (False, True):
    np.testing.assert_array_equal(
      crop.resize_to(portrait, (5, 7, 69, 71), 64, original_quirks=quirks),
      portrait[7:71, 5:69],
    )
  with pytest.raises(ValueError, match='not inside 512x600'):
    crop.resize_to(portrait, (0, 0, 513, 10), 64)


def test_square_maps_follow_the_pixels():
  box = (20, 10, 120, 60)
  points = np.array([[20, 10], [120, 60], [70.5, 22.25]])
  squeezed = crop.to_square(points, box, 256)
  np.testing.assert_allclose(squeezed[:2], [[0, 0], [256, 256]])
  np.testing.assert_allclose(crop.from_square(squeezed, box, 256), points)
  picture = np.zeros((80, 140, 3), np.uint8)
  picture[20:30, 60:80] = 255
  small = crop.resize_to(picture, box, 50)
  y, x = np.nonzero(small[..., 0] > 127)
  low = crop.to_square(np.array([60.0, 20.0]), box, 50)
  high = crop.to_square(np.array([80.0, 30.0]), box, 50)
  np.testing.assert_allclose([x.min(), y.min()], low, atol=0.6)
  np.testing.assert_allclose([x.max() + 1, y.max() + 1], high, atol=0.6)


@pytest.mark.parametrize('side', [96, 500, 2100])
def test_resize_keeps_the_picture(portrait, side):
  """Against Pillow, through one step and through blocks and a step."""
  large = Image.fromarray(portrait[100:400, 100:400]).resize((side, side))
  expected = np.asarray(large.resize((64, 64), Image.Resampling.BICUBIC))
  result = crop.resize_to(np.asarray(large), (0, 0, side, side), 64)
  assert np.abs(result.astype(int) - expected).mean() < 1.0
