"""Sound in memory is checked as files are."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import samples

WAVE = np.sin(np.arange(800) / 9).astype(np.float32)


@pytest.mark.parametrize(
  'given',
  [
    WAVE,
    WAVE.tolist(),
    WAVE.astype(np.float64),
    WAVE[None],
    WAVE[:, None],
    np.stack([WAVE, WAVE]),
    np.stack([WAVE, WAVE], axis=1),
    np.round(WAVE * 32768).clip(-32768, 32767).astype(np.int16),
    np.round(WAVE * 2.0**31).clip(-(2**31), 2**31 - 1).astype(np.int32),
  ],
)
def test_all_usual_forms_are_the_same_sound(given):
  wave, rate = samples.checked((given, 16000.0))
  assert wave.dtype == np.float32 and rate == 16000
  for channel in wave:
    np.testing.assert_allclose(channel, WAVE, atol=1e-4)


def test_bytes_are_centred():
  wave, _ = samples.checked((np.array([0, 128, 255] * 9, np.uint8), 16000))
  np.testing.assert_allclose(wave[0, :3], [-1, 0, 127 / 128])


@pytest.mark.parametrize(
  ('given', 'found'),
  [
    (None, 'NoneType'),
    (WAVE, 'found ndarray'),
    ((16000, WAVE), 'found ndarray'),
    ((np.zeros((6, 900)), 16000), r'found \[6, 900\]'),
    ((np.zeros((900, 6)), 16000), r'found \[900, 6\]'),
    ((np.zeros((1, 2, 900)), 16000), r'found \[1, 2, 900\]'),
    ((np.zeros(0), 16000), r'found \[0\]'),
    ((np.float32(1), 16000), r'found \[\]'),
    (([[1.0], [1.0, 2.0]], 16000), 'found list'),
    ((WAVE.astype(np.complex64), 16000), 'found complex64'),
    ((WAVE.astype(np.int64), 16000), 'found int64'),
    ((WAVE.astype(object), 16000), 'found object'),
    ((['a', 'b'], 16000), 'found <U1'),
    ((WAVE * np.nan, 16000), 'NaN'),
    ((WAVE.astype(np.float64) * 1e300, 16000), 'NaN or infinity'),
    ((WAVE * 32767, 16000), r'\[-1, 1\], found 3.*e\+04'),
    ((WAVE, 0), 'found 0'),
    ((WAVE, -16000), 'found -16000'),
    ((WAVE, 2 * 10**9), 'found 2000000000'),
    ((WAVE, 10**5000), 'found a number of'),
    ((WAVE, 16000.5), 'found 16000.5'),
    ((WAVE, float('nan')), 'found nan'),
    ((WAVE, True), 'found True'),
    ((WAVE, '16000'), "found '16000'"),
    ((WAVE, None), 'found None'),
  ],
)
def test_anything_else_is_one_line(given, found):
  with pytest.raises(errors.InputError, match=f'audio: expected .*{found}'):
    samples.checked(given)


def test_loud_floats_are_clipped_with_a_warning(caplog):
  wave, _ = samples.checked((WAVE * 3, 16000))
  assert np.abs(wave).max() == 1 and 'clipped' in caplog.text


def test_channels_that_cancel_leave_the_louder_one(caplog):
  lone = samples.mono(np.stack([0.9 * WAVE, -WAVE]))
  np.testing.assert_array_equal(lone[0], -WAVE)
  assert 'channel 1' in caplog.text
