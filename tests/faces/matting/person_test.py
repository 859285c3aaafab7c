"""A person cut out of a picture."""

import numpy as np
import pytest
from scipy import ndimage

from sadtalker_jax.faces.matting import backdrop, person
from sadtalker_jax.faces.matting import place as place_lib

_SIZE = (120, 110)


def _points() -> np.ndarray:
  """Landmarks [468, 2] of a round face in the middle of the picture."""
  points = np.full((468, 2), 55.0)
  turns = np.linspace(0, 2 * np.pi, len(place_lib.OVAL), endpoint=False)
  around = np.stack([np.sin(turns), -1.2 * np.cos(turns)], -1)
  points[list(place_lib.OVAL)] += 20 * around
  points[place_lib.BROW] -= (0.0, 10.0)
  return points


def _picture() -> tuple[np.ndarray, np.ndarray]:
  """A red person before blue stripes [H, W, 3], and where the person is."""
  rng = np.random.default_rng(0)
  y, x = np.indices(_SIZE) + 0.5
  mask = np.hypot(x - 55, (y - 52) / 1.25) < 25
  mask |= (y > 80) & (np.abs(x - 55) < 10 + 1.2 * (y - 80))
  stripes = np.where((x // 12) % 2, 60.0, 90.0)
  behind = np.stack([stripes / 3, stripes / 2, 2 * stripes], -1)
  picture = np.where(mask[..., None], (190.0, 120.0, 90.0), behind)
  return picture + rng.normal(0, 3, picture.shape), mask


def test_layers_give_the_picture_back():
  picture, mask = _picture()
  found = person.find(picture, _points())
  assert found is not None
  alpha = found.alpha[..., None]
  back = found.layer[..., :3] + (1 - alpha) * found.background
  np.testing.assert_allclose(back, picture, atol=1e-3)
  assert found.alpha[mask].mean() > 0.97
  assert found.alpha[~mask].mean() < 0.05


def test_no_person_is_left_in_the_background():
  picture, mask = _picture()
  found = person.find(picture, _points())
  assert found is not None
  red, _, blue = np.moveaxis(found.background[mask], -1, 0)
  assert (red < blue).all()


def test_pattern_of_the_background_stays_with_it():
  """Dark beside bright dots is no strand of hair."""
  picture, mask = _picture()
  y, x = np.indices(_SIZE)
  dots = np.hypot(x % 11 - 5, y % 11 - 5) < 3
  picture[~mask] = np.where(dots, 210.0, 35.0)[~mask, None]
  blurred = ndimage.gaussian_filter(picture, (0.7, 0.7, 0))
  found = person.find(blurred, _points())
  assert found is not None
  away = ndimage.distance_transform_edt(~mask)
  beside = (away > 2) & (away < 6) & (y < 70)
  moves = np.abs(found.layer[beside]).max(-1) > 12.0
  assert moves.mean() < 0.2  # it was .4
  assert found.alpha[mask].mean() > 0.97


def test_a_picture_without_borders_has_no_matte():
  noise = np.random.default_rng(1).normal(128, 20, (*_SIZE, 3))
  assert person.find(noise, _points()) is None


@pytest.mark.parametrize('known', [1, 37])
def test_filling_keeps_what_is_known(known):
  picture = np.full((9, 13, 3), 50.0)
  mask = np.zeros((9, 13), bool)
  mask.ravel()[:known] = True
  picture[~mask] = 200.0
  np.testing.assert_allclose(backdrop.fill(picture, mask), 50.0, atol=1e-6)
