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


@pytest.mark.parametrize('size', [(23, 17), (80, 70), (11, 64)])
def test_agrees_with_pillow_bicubic(size):
  picture = _picture()
  ours = resize.window(picture, (0, 0, 50, 40), size)
  theirs = np.asarray(Image.fromarray(picture).resize(size, Image.BICUBIC))
  # Pillow leaves taps outside of the picture out, we continue its border, and
  # it rounds between the two passes.
  inner = np.abs(ours - theirs)[5:-5, 5:-5] if min(size) > 20 else ours - theirs
  assert np.percentile(np.abs(inner), 95) < 2.0


def test_border_continues_outside():
  picture = _picture()
  wide = resize.window(picture, (-10, -10, 60, 50), (70, 60))
  np.testing.assert_allclose(wide[:10, 10:60], wide[10:11, 10:60], atol=60)
  np.testing.assert_allclose(wide[0, 10:60], picture[0], atol=1e-3)


def test_shrinking_does_not_alias():
  stripes = np.zeros((64, 64, 3), np.uint8)
  stripes[:, ::2] = 255
  small = resize.window(stripes, (0, 0, 64, 64), (16, 16))
  np.testing.assert_allclose(small[:, 2:-2], 127.5, atol=2.0)


def test_empty_window_raises():
  with pytest.raises(ValueError, match='expected a window'):
    resize.window(_picture(), (5, 5, 5, 9), (4, 4))
