"""Inner lips where a picture has them."""

import numpy as np
from scipy import ndimage

from sadtalker_jax.inference.puppet import lip_line

SIDE, CENTRE = 96, 48.0


def _landmarks(gap: float, off: float) -> np.ndarray:
  """A mouth of 48 pixels whose inner rims are guessed too low by `off`."""
  points = np.zeros((478, 2))
  points[list(lip_line.EYES)] = [[8.0, 20.0], [88.0, 20.0]]
  x = np.linspace(24.0, 72.0, 11)
  bow = 1.0 - ((x - CENTRE) / 24.0) ** 2
  for rim, outer, sign in (
    (lip_line.UPPER_RIM, lip_line.OUTER_UPPER, -1.0),
    (lip_line.LOWER_RIM, lip_line.OUTER_LOWER, 1.0),
  ):
    inner = CENTRE + sign * 0.5 * gap * bow
    points[list(rim)] = np.stack([x, inner + off * bow], 1)[1:-1]
    points[list(outer)] = np.stack([x, inner + sign * 10.0 * bow], 1)[1:-1]
  for corners in (lip_line.CORNERS, lip_line.OUTER_CORNERS):
    points[list(corners)] = [[24.0, CENTRE], [72.0, CENTRE]]
  return points


def _middle(points: np.ndarray) -> np.ndarray:
  """Heights of the middle third of both rims."""
  rims = np.array([lip_line.UPPER_RIM, lip_line.LOWER_RIM])
  return points[rims[:, 3:6], 1].mean(1)


def _picture(gap: float) -> np.ndarray:
  """Lips with teeth between them, or with a dark line if they are shut."""
  y, x = np.indices((SIDE, SIDE)) + 0.5
  bow = 1.0 - ((x - CENTRE) / 24.0) ** 2
  away = np.abs(y - CENTRE)
  picture = np.full((SIDE, SIDE, 3), (190.0, 140.0, 120.0))
  picture[away < (0.5 * gap + 10.0) * bow] = (170.0, 80.0, 85.0)
  inside = away < np.maximum(0.5 * gap, 0.8) * bow
  picture[inside] = (215.0, 205.0, 190.0) if gap else (80.0, 40.0, 40.0)
  return ndimage.gaussian_filter(picture, (0.6, 0.6, 0.0))


def test_shut_lips_meet_in_the_dark_line():
  found = lip_line.met(_landmarks(0.0, 2.0), _picture(0.0))
  np.testing.assert_allclose(_middle(found), CENTRE, atol=0.6)


def test_open_lips_end_where_their_colour_does():
  found = lip_line.met(_landmarks(14.0, 2.5), _picture(14.0))
  np.testing.assert_allclose(
    _middle(found), CENTRE + np.array([-7.0, 7.0]), atol=1.0
  )


def test_mouth_without_a_line_stays():
  points = _landmarks(0.0, 2.0)
  flat = np.full((SIDE, SIDE, 3), 120.0)
  np.testing.assert_array_equal(lip_line.met(points, flat), points)
  np.testing.assert_array_equal(lip_line.met(0.1 * points, flat), 0.1 * points)
