import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.face3d import measures
from sadtalker_jax.ops import mel
from sadtalker_jax.preparation import experts, options
from sadtalker_jax.preparation.clip import features, teacher


def test_blink_goes_from_open_to_closed_whatever_the_eyes_size():
  openness = np.array([1, 1, 0.9, 0.5, 0.25, 0.2, 0.6, 1, 1, 1])
  for width in (50.0, 100.0):
    points = np.zeros((10, 478, 3), np.float32)
    points[:, 263, 0] = width
    for lids in (measures.RIGHT_LIDS, measures.LEFT_LIDS):
      for _, lower in lids:
        points[:, lower, 1] = 0.1 * width * openness
    found = features.blink(points)
    expected = ((1 - openness) / 0.75).clip(0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
  still = np.ones((4, 478, 3)) * np.arange(478)[:, None]
  assert not features.blink(still).any()


def test_median_takes_out_a_jump_and_keeps_a_ramp():
  ramp = np.arange(20.0)[:, None, None] * np.ones((1, 3, 2))
  jump = ramp.copy()
  jump[10] += 40
  calm = features._median(ramp, 5)
  np.testing.assert_array_equal(calm[2:-2], ramp[2:-2])
  assert np.abs(features._median(jump, 5) - ramp).max() <= 1


def test_teachers_windows_are_those_of_its_training():
  rng = np.random.default_rng(0)
  sound = (3000 * rng.standard_normal(30 * 640)).astype(np.int16)
  found = teacher._windows(sound, 30)
  wave = sound.astype(np.float32) / 32768
  spectrogram = np.asarray(mel.log_mel(wave, 'reflect'))
  assert found.shape == (30, 80, 16, 1)
  for t in (1, 2, 7, 20):
    start = int(3.2 * (t - 1) + 1e-9)
    np.testing.assert_array_equal(
      found[t, :, :, 0], spectrogram[start : start + 16].T
    )
  # Before the first and after the last row the edge is repeated.
  np.testing.assert_array_equal(found[0, :, 0, 0], spectrogram[0])
  np.testing.assert_array_equal(found[29, :, -1, 0], spectrogram[-1])


def test_what_a_bundle_lacks_is_told():
  with pytest.raises(errors.InputError, match='recon, found none'):
    experts.load(options.PreparationOptions(method='recon'))
  with pytest.raises(errors.InputError):
    experts.fingerprint('/nowhere/bundle')
  assert experts.fingerprint(None) == ''
