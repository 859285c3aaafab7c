"""Breath of a clip."""

import numpy as np

from sadtalker_jax.inference.motion import breathing


def test_breath_is_slow_smooth_and_of_the_seed():
  raised = breathing.track(5, 1500)
  assert raised[0] == 0.0
  assert raised.min() >= 0.0
  assert 0.7 < raised.max() <= 1.0
  assert np.abs(np.diff(raised)).max() < 0.06
  peaks = (raised[1:-1] > raised[:-2]) & (raised[1:-1] >= raised[2:])
  assert 0.2 <= peaks.sum() / 60.0 <= 0.3  # Hz
  np.testing.assert_array_equal(raised, breathing.track(5, 1500))
  assert np.abs(raised - breathing.track(6, 1500)).max() > 0.3
  np.testing.assert_array_equal(breathing.track(5, 300), raised[:300])


def test_clip_without_frames_has_no_breath():
  assert breathing.track(0, 0).shape == (0,)
