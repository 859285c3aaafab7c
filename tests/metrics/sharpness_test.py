"""CPBD against the public code, pixel by pixel, and on pictures made for it."""

import numpy as np
import pytest
from scipy import ndimage

from sadtalker_jax.metrics import edges, sharpness


def _unpacked(bits: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
  size = int(np.prod(shape))
  return np.unpackbits(bits)[:size].reshape(shape).astype(bool)


def test_scores_are_the_reference(golden):
  found = [sharpness.cpbd(picture) for picture in golden['cpbd/in/images']]
  np.testing.assert_allclose(found, golden['cpbd/out/score'], atol=1e-12)


def test_scores_of_colour_frames_are_the_reference(golden):
  found = sharpness.cpbd_clip(golden['edges/in/frames'])
  np.testing.assert_allclose(found, golden['edges/out/score'], atol=1e-12)


def test_every_edge_pixel_is_the_reference(golden):
  pictures = sharpness.grey(golden['edges/in/frames'])
  shape = pictures.shape
  canny = _unpacked(golden['edges/out/canny'], shape)
  vertical = _unpacked(golden['edges/out/vertical'], shape)
  for i, picture in enumerate(pictures):
    np.testing.assert_array_equal(edges.canny(picture), canny[i])
    np.testing.assert_array_equal(edges.vertical(picture), vertical[i])
    np.testing.assert_array_equal(
      edges.widths(picture, vertical[i]), golden['edges/out/widths'][i]
    )


def test_widths_of_an_edge_made_by_hand():
  # Up by ten a pixel from column 20 to 26, and noise that gives angles.
  picture = np.tile(10.0 * np.clip(np.arange(64) - 20, 0, 6), (64, 1))
  picture[0, 40] = 5.0
  mark = np.zeros(picture.shape, bool)
  mark[30, [23, 24]] = True
  found = edges.widths(picture, mark)
  assert np.flatnonzero(found[30]).tolist() == [23, 24]
  assert found[30, 23] == 6  # 2 + 2 steps beyond the neighbours, and 2
  falling = edges.widths(picture[:, ::-1], mark[:, ::-1])[:, ::-1]
  np.testing.assert_array_equal(falling, found)


def test_a_long_slope_stops_at_the_reach():
  picture = np.tile(np.arange(400.0), (3, 1))
  picture[0, 0] = 5.0
  mark = np.zeros(picture.shape, bool)
  mark[1, 200] = True
  assert edges.widths(picture, mark)[1, 200] == 2 * 101


def test_blur_lowers_the_score_step_by_step():
  noise = np.random.default_rng(0).normal(size=(256, 256))
  scores = [
    sharpness.cpbd(2000 * ndimage.gaussian_filter(noise, sigma))
    for sigma in (0.7, 1.0, 1.4, 1.8, 2.2)
  ]
  assert np.all(np.diff(scores) < -0.05) and scores[0] > 0.6


def test_a_step_that_is_perfectly_sharp_has_no_edge():
  # Two pixels share the largest gradient, and only strict maxima count: a trait
  # of the published code, which real pictures hardly meet.
  step = np.where(np.arange(128) < 70, 20.0, 230.0) * np.ones((128, 1))
  assert not edges.vertical(step).any() and sharpness.cpbd(step) == 0


@pytest.mark.parametrize('value', [0.0, 255.0])
def test_a_picture_without_edges_scores_nothing(value):
  assert sharpness.cpbd(np.full((64, 128), value)) == 0.0


def test_grey_weighs_the_colours():
  colours = np.eye(3, dtype=np.uint8)[None] * 100
  np.testing.assert_allclose(sharpness.grey(colours), [[29.9, 58.7, 11.4]])


def test_other_input_is_told():
  with pytest.raises(ValueError, match='64 pixels'):
    sharpness.cpbd(np.zeros((63, 200)))
  with pytest.raises(ValueError, match='grey'):
    sharpness.cpbd(np.zeros((64, 64, 3)))
  with pytest.raises(ValueError, match='uint8'):
    sharpness.grey(np.zeros((64, 64, 3)))
  with pytest.raises(ValueError, match='T > 0'):
    sharpness.cpbd_clip(np.zeros((0, 64, 64, 3), np.uint8))
