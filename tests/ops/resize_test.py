"""Windows of pictures, resampled."""

import numpy as np
from PIL import Image
import pytest

from sadtalker_jax.ops import resize


def _picture(height=40, width=50, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_whole_picture_at_its_own_size_is_unchanged():
  picture = _picture()
  same = resize.window(picture, (0, 0, 50, 40), (50, 40))
  np.testing.assert_allclose(same, picture, atol=1e-3)


def test_whole_pixel_window_is_a_slice():
  picture = _picture()
  part = resize.window(picture, (7, 3, 27, 33), (20, 30))
  np.testing.assert_allclose(part, picture[3:33, 7:27], atol=1e-3)


@pytest.mark.parametrize('size', [(83, 67), (320, 280), (44, 256)])
def test_agrees_with_pillow_bicubic_away_from_the_border(size):
  # Mid greys: Pillow clips overshoot at 0 and 255 and after its first pass, we
  # clip at the range of the picture.
  picture = 90 + _picture(160, 200) // 4
  ours = resize.window(picture, (0, 0, 200, 160), size)
  theirs = np.asarray(Image.fromarray(picture).resize(size, Image.BICUBIC))
  # At the border Pillow leaves out the taps that we continue.
  theirs = np.clip(theirs, picture.min(), picture.max())
  height, width = size[1] // 4, size[0] // 4
  gap = np.abs(ours - theirs)[height:-height, width:-width]
  assert gap.max() < 1.6  # Pillow rounds twice, after each axis


def test_border_continues_outside():
  picture = _picture()
  wide = resize.window(picture, (-10, -10, 60, 50), (70, 60))
  first = np.broadcast_to(picture[0], (10, 50, 3))
  np.testing.assert_allclose(wide[:10, 10:60], first, atol=1e-3)
  corner = np.broadcast_to(picture[-1, -1], (10, 10, 3))
  np.testing.assert_allclose(wide[50:, 60:], corner, atol=1e-3)


def test_shrinking_does_not_alias():
  stripes = np.zeros((64, 64, 3), np.uint8)
  stripes[:, ::2] = 255
  small = resize.window(stripes, (0, 0, 64, 64), (16, 16))
  np.testing.assert_allclose(small[:, 2:-2], 127.5, atol=2.0)


def test_empty_window_raises():
  with pytest.raises(ValueError, match='expected a window'):
    resize.window(_picture(), (5, 5, 5, 9), (4, 4))
