"""The skin mask of a face made of squares."""

import numpy as np
import pytest

from sadtalker_jax.face3d import regions
from sadtalker_jax.face3d.fitting import priors

SIZE = (60, 50)


def _landmarks() -> np.ndarray:
  """A face whose rim is a square, with small squares for eyes and mouth."""
  points = np.zeros((478, 3))
  _square(points, priors.CONTOUR, (30, 25), 20)
  for outline, centre in (
    (regions.RIGHT_EYE, (22, 18)),
    (regions.LEFT_EYE, (38, 18)),
    (regions.RIGHT_BROW, (22, 10)),
    (regions.LEFT_BROW, (38, 10)),
    (regions.LIPS, (30, 36)),
  ):
    _square(points, outline, centre, 2)
  return points


def _square(points, outline, centre, half) -> None:
  corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
  place = np.linspace(0, 4, len(outline), endpoint=False)
  for axis in (0, 1):
    along = np.interp(place, np.arange(5), corners[:, axis])
    points[list(outline), axis] = centre[axis] + half * along


def test_skin_is_the_face_without_eyes_brows_and_lips():
  mask = regions.skin_mask(_landmarks(), SIZE)
  assert mask.shape == SIZE[::-1] and mask.dtype == np.float32
  assert mask[25, 30] == 1
  for x, y in ((22, 18), (38, 18), (22, 10), (38, 10), (30, 36), (5, 25)):
    assert mask[y, x] == 0
  # Corners of the square fall between two points of the outline.
  assert abs(mask.sum() - (40**2 - 5 * 4**2)) < 0.05 * 40**2


def test_border_pixels_count_by_their_covered_share():
  points = _landmarks()
  whole = regions.skin_mask(points, SIZE)
  points[:, 0] += 0.5
  moved = regions.skin_mask(points, SIZE)
  assert whole[25, 9] < 0.3 and whole[25, 10] > 0.7
  assert 0.2 < moved[25, 10] < 0.8


def test_misuse_is_named():
  with pytest.raises(ValueError, match=r'found \[68, 2\]'):
    regions.skin_mask(np.zeros((68, 2)), SIZE)
  with pytest.raises(ValueError, match='finite'):
    regions.skin_mask(np.full((468, 2), np.nan), SIZE)
