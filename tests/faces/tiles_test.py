"""Tiles: they cover the picture, and their points lead back to it."""

import numpy as np
import pytest

from sadtalker_jax.faces import tiles


@pytest.mark.parametrize('size', [(100, 70), (333, 512), (128, 128), (60, 900)])
@pytest.mark.parametrize('longer', [64, 128, 256, 512])
def test_tiles_cover_every_pixel_at_its_place(size, longer):
  height, width = size
  picture = np.random.default_rng(0).integers(1, 256, (*size, 3), np.uint8)
  small = tiles.scaled(picture, longer)
  assert max(small.shape[:2]) == longer
  seen = np.zeros(small.shape[:2], bool)
  for tile in tiles.cut(picture, longer):
    x, y = (int(v) for v in tile.origin)
    for j, i in ((0, 0), (tiles.SIDE - 1, tiles.SIDE - 1), (64, 70), (97, 3)):
      row, column = y + j, x + i
      if 0 <= row < small.shape[0] and 0 <= column < small.shape[1]:
        np.testing.assert_array_equal(tile.pixels[j, i], small[row, column])
      else:
        assert not tile.pixels[j, i].any()
    seen[max(y, 0) : y + tiles.SIDE, max(x, 0) : x + tiles.SIDE] = True
    middle = tile.to_picture(np.array([0.0, 0.0]) - (x, y) + small.shape[1::-1])
    np.testing.assert_allclose(middle, (width, height))
  assert seen.all()


def test_boxes_at_a_cut_are_not_held_but_at_the_border_they_are():
  picture = np.zeros((128, 256, 3), np.uint8)
  left, middle, right = tiles.cut(picture, 256)
  boxes = np.array([[0, 10, 50, 60], [60, 10, 128, 60], [30, 0, 90, 60.0]])
  np.testing.assert_array_equal(left.holds(boxes), [True, False, True])
  np.testing.assert_array_equal(middle.holds(boxes), [False, False, True])
  np.testing.assert_array_equal(right.holds(boxes), [False, True, True])


def test_small_faces_lie_whole_in_some_tile():
  picture = np.zeros((300, 512, 3), np.uint8)
  pieces = tiles.cut(picture, 512)
  rng = np.random.default_rng(0)
  for x, y in rng.uniform((0, 0), (512 - 62, 300 - 62), (200, 2)):
    held = []
    for tile in pieces:
      box = np.array([x, y, x + 62, y + 62]) - np.tile(tile.origin, 2)
      held.append(box.min() >= 0 and box.max() <= 128)
      held[-1] &= bool(tile.holds(box[None])[0])
    assert any(held)


def test_enlarging_stops_where_nothing_is_gained():
  picture = np.zeros((90, 60, 3), np.uint8)
  scales = [64, 128, 256, 512]
  assert [tiles.useful(picture, s) for s in scales] == [
    True,
    True,
    False,
    False,
  ]
