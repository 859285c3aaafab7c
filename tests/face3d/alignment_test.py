"""Alignment of pictures against the published program, and known poses."""

import numpy as np
from PIL import Image
import pytest

from sadtalker_jax.face3d import alignment


@pytest.fixture(scope='module')
def golden(testdata):
  with np.load(testdata / 'alignment.npz') as stored:
    return dict(stored)


def _trans(golden) -> alignment.TransParams:
  height, width = golden['align_in_image'].shape[:2]
  return alignment.align(golden['align_in_landmarks'], width, height)


def test_standard_points_are_the_reduction_of_the_standard_face(golden):
  five = alignment.five_points(golden['align_lm3d_68'])
  np.testing.assert_allclose(five, alignment.STANDARD_POINTS, atol=1e-7)
  np.testing.assert_allclose(
    golden['align_lm3d_5'], alignment.STANDARD_POINTS, atol=1e-7
  )


def test_transform_equals_the_reference(golden):
  np.testing.assert_allclose(
    _trans(golden), golden['align_out_transform'], rtol=1e-6
  )


def test_crop_equals_the_reference(golden):
  crop = alignment.crop(golden['align_in_image'], _trans(golden))
  difference = np.abs(crop.astype(int) - golden['align_out_image'].astype(int))
  # Another version of Pillow may round a few pixels to the next level.
  assert difference.max() <= 1 and (difference > 0).mean() < 1e-2


def test_landmarks_equal_the_reference_and_map_back(golden):
  trans, points = _trans(golden), golden['align_in_landmarks']
  mapped = alignment.map_landmarks(points, trans)
  np.testing.assert_allclose(mapped, golden['align_out_landmarks'], rtol=1e-6)
  again = alignment.unmap_landmarks(mapped, trans)
  np.testing.assert_allclose(again, points, rtol=1e-9)


def test_recovers_a_known_scaled_orthographic_pose():
  points = alignment.STANDARD_POINTS[:, :2] * 50 + [120, 80]
  trans = alignment.align(points, 240, 200)
  expected = (240, 200, 102 / 50, 120, 80)
  np.testing.assert_allclose(trans, expected, rtol=1e-9)


def test_no_face_fills_the_picture_with_the_standard_face():
  trans = alignment.align(np.full((68, 2), -1.0), 200, 200)
  # (X + 1) / 2 x 200 is a scale of 100 about the centre.
  np.testing.assert_allclose(trans, (200, 200, 1.02, 100, 100), rtol=1e-6)


@pytest.mark.parametrize(
  'trans',
  [
    alignment.TransParams(97.0, 61.0, 2.9, 40.0, 33.0),
    alignment.TransParams(97.0, 61.0, 1.1, 3.0, 60.0),
    alignment.TransParams(97.0, 61.0, 14.3, 90.0, 5.0),
  ],
)
def test_partial_resize_equals_resizing_the_whole(trans, monkeypatch):
  monkeypatch.setattr(alignment, '_MOST_PIXELS', 0)
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (61, 97, 3), dtype=np.uint8)
  (w, h), (left, top) = alignment.crop_origin(trans)
  whole = Image.fromarray(image).resize((w, h), Image.Resampling.BICUBIC)
  whole = whole.crop((left, top, left + 224, top + 224))
  found = alignment.crop(image, trans).astype(int)
  difference = np.abs(found - np.asarray(whole).astype(int))
  # Pillow holds the part's borders in single precision; on noise this moves a
  # few pixels by a level in each of its two passes.
  assert difference.max() <= 2 and (difference > 0).mean() < 0.05


def test_a_tiny_face_in_a_huge_picture_is_cheap():
  image = np.zeros((4000, 6000, 3), np.uint8)
  image[1995:2005, 2995:3005] = 255
  trans = alignment.TransParams(6000.0, 4000.0, 10.0, 3000.0, 2000.0)
  crop = alignment.crop(image, trans)  # the whole would be 60,000 x 40,000
  assert crop.shape == (224, 224, 3)
  assert crop[112, 112, 0] > 250 and crop[5, 5, 0] == 0


def test_a_face_outside_the_picture_gives_black():
  trans = alignment.TransParams(50.0, 50.0, 1.0, 900.0, 900.0)
  assert not alignment.crop(np.full((50, 50, 3), 9, np.uint8), trans).any()


def test_centring_offset_moves_the_five_points_to_the_standard_mean(golden):
  own = golden['align_lm3d_68'] * 1.1 + [1.0, 2.0, 3.0]
  moved = own + alignment.centring_offset(own)
  np.testing.assert_allclose(
    alignment.five_points(moved).mean(0),
    alignment.STANDARD_POINTS.mean(0),
    atol=1e-9,
  )


def test_misuse_is_named():
  with pytest.raises(ValueError, match='span a face'):
    alignment.align(np.zeros((5, 2)), 10, 10)
  with pytest.raises(ValueError, match='68 landmarks'):
    alignment.five_points(np.zeros((67, 2)))
  trans = alignment.TransParams(50.0, 50.0, 1.0, 25.0, 25.0)
  with pytest.raises(ValueError, match='50 x 50 pixels, found 40 x 50'):
    alignment.crop(np.zeros((50, 40, 3), np.uint8), trans)
