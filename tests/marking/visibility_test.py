"""The measures of visibility, against published values."""

import numpy as np
import pytest

from sadtalker_jax.marking import visibility

# Pairs of Sharma, Wu and Dalal (2005), table 1: numbers 1, 7, 9, 17, 21, 25.
PAIRS = [
  ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
  ((50, 0, 0), (50, -1, 2), 2.3669),
  ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
  ((50, 2.5, 0), (73, 25, -18), 27.1492),
  ((50, 2.5, 0), (50, 3.1736, 0.5854), 1.0),
  ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
]


@pytest.mark.parametrize('one, other, expected', PAIRS)
def test_differences_are_the_published_ones(one, other, expected):
  found = visibility.difference(np.array(one), np.array(other))
  assert found == pytest.approx(expected, abs=1e-4)


def test_colours_in_lab():
  found = visibility.lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]]))
  expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]
  np.testing.assert_allclose(found, expected, atol=0.02)


def test_psnr_of_one_level():
  flat = np.zeros((4, 4, 3), np.uint8)
  assert visibility.psnr(flat, flat + 1) == pytest.approx(48.13, abs=0.01)
