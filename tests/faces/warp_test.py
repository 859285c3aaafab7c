"""Crops: geometry, antialiasing, borders, and the way back."""

import math

import numpy as np
import pytest

from sadtalker_jax.faces import warp


def _ramp(height, width):
  """Red grows by 2 with x, green by 2 with y: the value is the place.

  The mean of a block is a whole number, so that nothing is rounded.
  """
  y, x = np.mgrid[:height, :width]
  return np.stack([2 * x, 2 * y, 0 * x], -1).astype(np.uint8)


def test_aligned_crop_of_its_own_size_is_the_picture():
  picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
  square = warp.Square((24.0, 20.0), 16.0)
  np.testing.assert_allclose(
    warp.crop(picture, square, 16), picture[12:28, 16:32], atol=1e-3
  )


@pytest.mark.parametrize('angle', [0.0, 0.4, -1.2, math.pi])
@pytest.mark.parametrize('side', [13.0, 20.0, 31.0, 63.0])
def test_crop_shows_what_lies_at_the_mapped_points(angle, side):
  picture = _ramp(120, 126)
  square = warp.Square((62.3, 57.1), side, angle)
  n = 16
  crop = warp.crop(picture, square, n)
  axis = np.arange(n) + 0.5
  places = square.to_picture(np.stack(np.meshgrid(axis, axis), -1), n)
  # A pixel holds the value of its index: its centre is 0.5 further.
  np.testing.assert_allclose(crop[..., :2], 2 * (places - 0.5), atol=1e-3)


def test_points_come_back():
  square = warp.Square((31.0, 70.0), 55.0, 0.7)
  points = np.random.default_rng(0).uniform(0, 100, (10, 2))
  there = square.to_crop(points, 192)
  np.testing.assert_allclose(square.to_picture(there, 192), points, atol=1e-9)
  deep = square.to_picture(np.array([[0.0, 0.0, 192.0]]), 192)
  assert deep[0, 2] == pytest.approx(55.0)  # z is scaled as x and y


def test_positive_angle_turns_the_crop_clockwise():
  square = warp.Square((0.0, 0.0), 2.0, math.pi / 2)
  # The crop's x axis points down in the picture.
  right = square.to_picture(np.array([2.0, 1.0]), 2)
  np.testing.assert_allclose(right, [0, 1], atol=1e-12)


def test_large_shrink_does_not_alias():
  y, x = np.mgrid[:640, :640]
  checks = (((x + y) % 2) * 255).astype(np.uint8)
  picture = np.repeat(checks[..., None], 3, -1)
  crop = warp.crop(picture, warp.Square((320.0, 320.0), 600.0, 0.1), 64)
  # Plain sampling gives anything from 0 to 255; blocks of odd size and the
  # broken ones at the picture's border are off by a few levels.
  np.testing.assert_allclose(crop, 127.5, atol=8.0)


@pytest.mark.parametrize('factor', [2, 3, 7, 40])
def test_shrink_is_the_mean_of_blocks(factor):
  picture = np.random.default_rng(0).integers(0, 256, (31, 25, 3), np.uint8)
  rows, columns = -(-31 // factor), -(-25 // factor)
  result = warp.shrink(picture, factor)
  assert result.shape == (rows, columns, 3)
  index = np.minimum(np.arange(rows * factor), 30)
  edge = picture[index][:, np.minimum(np.arange(columns * factor), 24)]
  blocks = edge.reshape(rows, factor, columns, factor, 3)
  np.testing.assert_allclose(result, blocks.mean((1, 3)), atol=0.51)


def test_outside_is_the_edge_or_black():
  picture = np.full((20, 20, 3), 200, np.uint8)
  square = warp.Square((0.0, 0.0), 20.0)
  assert (warp.crop(picture, square, 20) == 200).all()
  black = warp.crop(picture, square, 20, border='black')
  assert (black[10:, 10:] == 200).all()
  assert black[:10].max() == 0 and black[:, :10].max() == 0


def test_square_outside_of_the_picture_is_harmless():
  picture = _ramp(20, 30)
  for centre in ((-500.0, -500.0), (900.0, 10.0)):
    crop = warp.crop(picture, warp.Square(centre, 300.0, 0.3), 16)
    assert np.isfinite(crop).all()


@pytest.mark.parametrize(
  'picture',
  [
    np.zeros((4, 4, 3), np.float32),
    np.zeros((4, 4), np.uint8),
    np.zeros((4, 4, 4), np.uint8),
    np.zeros((0, 4, 3), np.uint8),
  ],
)
def test_what_is_no_picture_is_refused(picture):
  with pytest.raises(ValueError, match='picture'):
    warp.check_picture(picture)
