"""Sounds at once."""

import numpy as np

from sadtalker_jax.media import mixing


def test_sounds_begin_together_and_never_clip():
  loud, short = np.full(6, 0.8, np.float32), np.full(2, 0.4, np.float32)
  mixed = mixing.mixed([loud, short])
  np.testing.assert_allclose(mixed[:2], 1)
  np.testing.assert_allclose(mixed[2:], 0.8 / 1.2)
  np.testing.assert_array_equal(mixing.mixed([short]), short)


def test_arrays_become_one_channel_at_the_common_rate():
  wave = np.full((2, 1600), 0.25, np.float32)
  loaded = mixing.loaded((wave, 16000))
  assert loaded.ndim == 1 and abs(len(loaded) - 4800) <= 3
  np.testing.assert_allclose(loaded[1000:3000], 0.25, atol=1e-2)
