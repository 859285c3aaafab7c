"""PSNR, SSIM and LPIPS against scikit-image's answers and by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.metrics import image


def _frames(count: int, height: int = 24, width: int = 20) -> np.ndarray:
  rng = np.random.default_rng(count)
  return rng.integers(0, 256, (count, height, width, 3), np.uint8)


def _pair(golden) -> tuple[np.ndarray, np.ndarray]:
  return golden['psnr_ssim/in/image_a'][None], golden['psnr_ssim/in/image_b'][
    None
  ]


def test_psnr_is_the_reference(golden):
  found = image.psnr(*_pair(golden))
  # float32 sums: 5e-7 dB were seen.
  np.testing.assert_allclose(found, golden['psnr_ssim/out/psnr'], rtol=1e-6)


@pytest.mark.parametrize(
  'window, key', [('uniform', 'ssim'), ('gaussian', 'ssim_gaussian')]
)
def test_ssim_is_the_reference(golden, window, key):
  found = image.ssim(*_pair(golden), window=window)
  # float32: 3e-7 was seen.
  np.testing.assert_allclose(found, golden[f'psnr_ssim/out/{key}'], rtol=1e-6)


def test_equal_frames_have_no_noise_and_all_similarity():
  frames = _frames(3)
  assert np.isposinf(image.psnr(frames, frames)).all()
  np.testing.assert_array_equal(image.ssim(frames, frames), np.ones(3))


def test_psnr_of_a_constant_difference():
  frames = _frames(11) // 2
  found = image.psnr(frames, frames + np.uint8(10))
  np.testing.assert_allclose(found, 20 * np.log10(25.5), rtol=1e-6)


def test_frames_are_measured_one_by_one():
  one, two = _frames(11), _frames(11)[::-1].copy()
  for measure in (image.psnr, image.ssim):
    whole = measure(one, two)
    assert whole.shape == (11,) and whole.dtype == np.float64
    alone = [measure(one[i : i + 1], two[i : i + 1])[0] for i in (0, 5, 10)]
    np.testing.assert_allclose(whole[[0, 5, 10]], alone, rtol=1e-6)


def test_floats_with_their_own_peak_are_like_bytes():
  one, two = _frames(2), _frames(2)[::-1].copy()
  a, b = (x.astype(np.float32) / 255 for x in (one, two))
  for measure in (image.psnr, image.ssim):
    np.testing.assert_allclose(
      measure(a, b, peak=1.0), measure(one, two), rtol=1e-5, atol=1e-7
    )


def test_lpips_gives_the_network_pictures_in_unit_range():
  one, two = _frames(5), _frames(5)[::-1].copy()

  def distance(a, b):
    assert a.shape == (4, 24, 20, 3) and a.dtype == jnp.float32
    return jnp.abs(a - b).mean((1, 2, 3))

  found = image.lpips(distance, one, two, batch=4)
  want = np.abs(one / 255 - two / 255).mean((1, 2, 3))
  np.testing.assert_allclose(found, want, rtol=1e-5)
  assert not image.lpips(distance, one, one, batch=4).any()


@pytest.mark.parametrize(
  'one, two',
  [
    (_frames(2), _frames(3)),
    (_frames(2)[:0], _frames(2)[:0]),
    (_frames(2)[0], _frames(2)[0]),
  ],
)
def test_frames_that_do_not_pair_are_told(one, two):
  for measure in (image.psnr, image.ssim):
    with pytest.raises(ValueError, match='expected frames'):
      measure(one, two)


def test_pictures_smaller_than_the_window_are_told():
  small = _frames(1, 6, 30)
  with pytest.raises(ValueError, match='7 pixels'):
    image.ssim(small, small)
  with pytest.raises(ValueError, match='uniform'):
    image.ssim(_frames(1), _frames(1), window='round')
