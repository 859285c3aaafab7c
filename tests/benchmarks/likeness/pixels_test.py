"""Likeness by pixels: pictures in which edges, rows and shifts are known."""

import numpy as np
import pytest
from scipy import ndimage

from sadtalker_jax.benchmarks.likeness import (
  measures,
  mouths,
  profiles,
  surroundings,
)
from sadtalker_jax.faces.matting import place as place_lib

SIZE = 128


def _face(frames: int = 1) -> np.ndarray:
  """Landmarks [T, 478, 3] with a mouth that is open by 20 pixels."""
  points = np.tile(np.array([64.0, 60.0, 0.0]), (frames, 478, 1))
  for at, place in {
    33: (40, 50), 133: (55, 50), 362: (73, 50), 263: (88, 50), 6: (64, 50),
    197: (64, 58), 5: (64, 64), 4: (64, 66), 9: (64, 42), 8: (64, 46),
    151: (64, 36),
    50: (40, 70), 280: (88, 70), 205: (42, 75), 425: (86, 75),
  }.items():  # fmt: skip
    points[:, at, :2] = place
  for k, at in enumerate(mouths._JAW):
    points[:, at, :2] = 44 + 5 * k, 115
  for k, (upper, lower) in enumerate(
    zip(mouths._UPPER, mouths._LOWER, strict=True)
  ):
    points[:, upper, :2] = 44 + 4 * k, 80
    points[:, lower, :2] = 44 + 4 * k, 100 if 0 < k < 10 else 80
  for outer, inner in mouths._LIPS:
    above = inner in mouths._UPPER
    points[:, outer, :2] = points[:, inner, :2]
    points[:, outer, 1] += -6 if above else 6
  return points


def _picture(row: np.ndarray, flesh: tuple[int, int, int]) -> np.ndarray:
  """Skin, lips, and between them teeth, a dark gap, and flesh below."""
  frame = np.full((SIZE, SIZE, 3), (200, 160, 130), np.float64)
  frame[72:108, 40:88] = (170, 90, 90)
  frame[80:100, 44:84] = (25, 10, 10)
  frame[80:88, 44:84] = row[None, :, None] * np.array([1.0, 0.97, 0.9])
  frame[92:100, 44:84] = flesh
  return np.rint(frame).astype(np.uint8)


def _mouth(row: np.ndarray, flesh=(140, 74, 74)) -> dict[str, float]:
  found = measures.Measures()
  mouths.measure([_picture(row, flesh)], _face(), found)
  return found.values


def test_a_ramp_is_as_wide_as_its_blur():
  x = np.arange(0, 30, profiles.STEP)
  for sigma in (1.0, 2.0):
    step = 100 * ndimage.gaussian_filter1d(
      (x > 15).astype(float), sigma / profiles.STEP
    )
    # From 10 to 90 % of the integral of a Gaussian.
    assert profiles.ramp(step) == pytest.approx(2.56 * sigma, rel=0.1)
  assert np.isnan(profiles.ramp(0.1 * step))  # no edge to be seen


def test_teeth_with_gaps_vary_and_flat_ones_do_not():
  flat = np.full(40, 190.0)
  gaps = flat - 60.0 * (np.arange(40) % 6 == 0)
  assert _mouth(flat)[mouths.ROW] == pytest.approx(0, abs=0.5)
  assert _mouth(gaps)[mouths.ROW] > 5
  assert 0.5 < _mouth(flat)[mouths.TEETH] < 1.5  # as hard as pixels are


def test_the_tongue_has_a_hue_beside_that_of_the_lips():
  row = np.full(40, 190.0)
  assert _mouth(row)[mouths.TONGUE] < 8
  assert _mouth(row, (130, 70, 120))[mouths.TONGUE] > 30


def test_a_shut_mouth_shows_nothing_and_says_so():
  points = _face()
  points[:, :, 1] = np.minimum(points[:, :, 1], 80)
  found = measures.Measures()
  mouths.measure([_picture(np.full(40, 190.0), (1, 1, 1))], points, found)
  assert mouths.ROW not in found.values
  assert found.missing[mouths.ROW] == 'no upper teeth are seen'


def test_a_room_that_moves_is_measured_in_pixels():
  rng = np.random.default_rng(0)
  noise = ndimage.gaussian_filter(rng.normal(0, 1, (SIZE + 8, SIZE + 8)), 2)
  wide = 128 + 60 * noise / noise.std()
  alpha = np.zeros((SIZE, SIZE))
  alpha[40:90, 40:90] = 1

  def room(shift: float) -> np.ndarray:
    moved = ndimage.shift(wide, (0, shift))[4:-4, 4:-4]
    grey = np.clip(np.rint(moved), 0, 255)
    return np.repeat(grey[..., None], 3, -1).astype(np.uint8)

  for shift in (0.0, 1.5):
    found = measures.Measures()
    frames = [room(0.0), *[room(shift)] * 3]
    surroundings.measure(frames, _face(4), alpha, found)
    value = found.values[surroundings.BACKGROUND]
    assert value == pytest.approx(shift, abs=0.1)
  plain = [np.full((SIZE, SIZE, 3), 90, np.uint8)] * 4
  found = measures.Measures()
  surroundings.measure(plain, _face(4), alpha, found)
  assert surroundings.BACKGROUND in found.missing
  found = measures.Measures()
  surroundings.measure(plain, _face(4), None, found)
  assert set(found.missing) == {surroundings.BACKGROUND, surroundings.HAIR}


def test_hair_that_is_blurred_while_it_moves_is_less_sharp(monkeypatch):
  place = place_lib.Place(
    likely=np.zeros((SIZE, SIZE)),
    sure=np.zeros((SIZE, SIZE), bool),
    below=np.zeros((SIZE, SIZE)),
    beside=np.zeros((SIZE, SIZE)),
    upward=np.zeros((SIZE, SIZE)),
    width=60.0,
  )
  monkeypatch.setattr(place_lib, 'find', lambda *_: place)
  rng = np.random.default_rng(0)
  strands = 128 + 40 * rng.normal(0, 1, (SIZE, SIZE))

  def frame(shift: int, sigma: float) -> np.ndarray:
    moved = ndimage.gaussian_filter(np.roll(strands, shift, 1), sigma)
    grey = np.clip(np.rint(moved), 0, 255)
    return np.repeat(grey[..., None], 3, -1).astype(np.uint8)

  points = _face(8)
  points[1:, :, 0] += 3
  alpha = np.ones((SIZE, SIZE))
  values = []
  for sigma in (0.0, 0.8):
    found = measures.Measures()
    frames = [frame(0, 0.0), *[frame(3, sigma)] * 7]
    surroundings.measure(frames, points, alpha, found)
    values.append(found.values[surroundings.HAIR])
  assert values[0] == pytest.approx(1, abs=0.02)
  assert values[1] < 0.5
