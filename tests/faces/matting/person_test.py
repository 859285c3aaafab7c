"""A person cut out of a picture."""

import numpy as np
import pytest
from scipy import ndimage

from sadtalker_jax.faces.matting import backdrop, person
from sadtalker_jax.faces.matting import hair as hair_lib
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


def _with_hair() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """A person with dark hair before a wall, the hair and the person [H, W]."""
  picture, mask = _picture()
  rng = np.random.default_rng(2)
  y, x = np.indices(_SIZE) + 0.5
  grain = rng.normal(0, 1, (*_SIZE, 1))
  face = np.hypot((x - 55) / 20, (y - 55) / 24) < 1
  hair = (np.hypot(x - 55, (y - 50) / 1.25) < 29) & ~face & (y < 70)
  # It falls to one side, over the shoulder, down to the picture's corner.
  hair |= (np.abs(x - 77 - 0.35 * (y - 45)) < 11) & (y > 45) & ~face
  wall = 150.0 + 2.0 * rng.normal(0, 1, (*_SIZE, 1))
  picture = np.where(mask[..., None], picture, wall)
  picture[hair] = ((35.0, 28.0, 30.0) + 9.0 * grain)[hair]
  return picture, hair, mask | hair


def test_hair_belongs_to_the_person_however_far_it_hangs():
  picture, hair, person_is = _with_hair()
  found = person.find(picture, _points())
  assert found is not None
  far = ndimage.binary_erosion(hair, iterations=2)
  far[:75] = False
  assert found.alpha[far].mean() > 0.9
  room = ~ndimage.binary_dilation(person_is, iterations=3)
  assert found.alpha[room].mean() < 0.02


def test_light_behind_the_head_is_not_of_the_person():
  """A halo as bright as the face, which is grey as well."""
  picture, hair, person_is = _with_hair()
  grain = np.random.default_rng(3).normal(0, 1, (*_SIZE, 1))
  y, x = np.indices(_SIZE) + 0.5
  away = ndimage.distance_transform_edt(~person_is)
  halo = 90.0 + 110.0 * np.exp(-((away / 14.0) ** 2))
  skin = 60.0 + 150.0 * np.clip((x - 35) / 40, 0, 1)
  grey = np.where(person_is, skin, halo)[..., None] + 4.0 * grain
  picture = np.where(hair[..., None], picture, grey)
  found = person.find(picture, _points())
  assert found is not None
  beside = (away > 4) & (away < 14) & (y < 75)
  assert found.alpha[beside].mean() < 0.02
  assert found.alpha[hair].mean() > 0.9


@pytest.mark.parametrize('bright', [60.0, 90.0, 150.0])
def test_beside_the_head_nothing_but_hair_is_of_the_person(bright):
  """A lamp out of focus beside the jaw, grey as the shaded face is."""
  picture, hair, person_is = _with_hair()
  grain = np.random.default_rng(3).normal(0, 1, (*_SIZE, 1))
  y, x = np.indices(_SIZE) + 0.5
  lamp = 70.0 + bright * np.exp(-((np.hypot(x - 40, y - 70) / 20.0) ** 2))
  skin = 60.0 + 150.0 * np.clip((x - 35) / 40, 0, 1)
  grey = np.where(person_is, skin, lamp)[..., None] + 4.0 * grain
  picture = np.where(hair[..., None], picture, grey)
  found = person.find(picture, _points())
  assert found is not None
  away = ndimage.distance_transform_edt(~person_is)
  beside = (away > 3) & (y < 76) & (x < 55)
  assert found.alpha[beside].max() < 0.5  # it was .63, .99, .78
  assert found.alpha[hair].mean() > 0.9


def test_clothes_of_the_colour_of_the_wall_are_told_by_their_texture():
  """A knitted hood before a smooth wall."""
  picture, person_is = _picture()
  rng = np.random.default_rng(5)
  y, x = np.indices(_SIZE) + 0.5
  face = person_is & (y < 82)
  hood = (y > 78) & (np.abs(x - 55) < 30 + (y - 78))
  hood |= (np.hypot(x - 55, y - 84) < 30) & (y > 70)
  hood &= ~face
  wool = 150.0 + np.where(hood, 8.0, 1.5) * rng.normal(0, 1, _SIZE)
  picture = np.where(face[..., None], picture, wool[..., None])
  found = person.find(picture, _points())
  assert found is not None
  assert found.alpha[hood].mean() > 0.9  # it was .78
  room = ndimage.distance_transform_edt(~(face | hood)) > 4
  assert found.alpha[room].mean() < 0.01


def test_hair_is_told_from_what_hangs_beside_it():
  """A picture on the wall beside a cheek, in the colours of skin."""
  picture, hair, person_is = _with_hair()
  y, x = np.indices(_SIZE) + 0.5
  pinned = (x > 8) & (x < 22) & (y > 38) & (y < 62)
  assert not (pinned & person_is).any()
  picture[pinned] = (190.0, 120.0, 90.0)
  found = hair_lib.find(
    picture.reshape(-1, 3),
    hair_lib.texture(picture),
    person_is.astype(float),
    place_lib.find(_points(), _SIZE),
  )
  assert found is not None
  assert not found[pinned].any()
  inner = ndimage.binary_erosion(hair, iterations=2)
  assert found[inner].mean() > 0.9


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


def test_a_layer_goes_on_beyond_its_edge_without_streaks():
  """Grain in the last column is no line to the right of it."""
  rng = np.random.default_rng(6)
  layer = np.full((60, 40, 4), 90.0)
  layer[..., :3] += rng.normal(0, 12, (60, 40, 3))
  layer[..., 3] = np.where(np.arange(60) < 30, 1.0, 0.0)[:, None]
  layer[..., :3] *= layer[..., 3:]
  wide = backdrop.beyond(layer, ((0, 0), (0, 30), (0, 0)))
  np.testing.assert_array_equal(wide[:, :40], layer)
  # Above the person goes on, below there is none.
  assert (wide[:20, 40:, 3] > 0.99).all()
  assert (wide[45:, 40:] < 0.01).all()
  far = wide[:20, 50:, 0]
  lines = far.mean(1).std()
  assert lines < 0.5 * layer[:20, -1, 0].std()
  assert far.std() > lines  # there is grain
  np.testing.assert_allclose(far.mean(), 90.0, atol=6.0)
