"""What training measures of batches, against numpy and made beats."""

import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.metrics import of_batches

T = 40


def mel_of(loud):
  """Windows [1, T, 80, 16] of frames that are this loud."""
  return jnp.broadcast_to(
    jnp.asarray(loud, jnp.float32)[None, :, None, None], (1, T, 80, 16)
  )


def test_speech_is_what_is_not_far_below_the_loudest():
  loud = np.full(T, 1.0)
  loud[:10], loud[10:20] = -4, -0.9
  found = of_batches.in_speech(mel_of(loud))[0]
  np.testing.assert_array_equal(found, np.arange(T) >= 10)


def test_lips_are_compared_in_speech_about_their_own_means():
  rng = np.random.default_rng(0)
  real, made = rng.normal(size=(2, 3, T)).astype(np.float32)
  real += np.float32([[0], [5], [9]])  # faces of other sizes tell nothing
  spoken = rng.random((3, T)) < 0.6
  a, b = (
    np.concatenate([x[i, s] - x[i, s].mean() for i, s in enumerate(spoken)])
    for x in (made, real)
  )
  found = of_batches.lip_likeness(made, real, jnp.asarray(spoken))
  expected = (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
  assert found['lip_correlation'] == pytest.approx(expected, abs=1e-5)
  same = of_batches.lip_likeness(real, real, jnp.asarray(spoken))
  assert same['lip_correlation'] == pytest.approx(1, abs=1e-5)
  assert same['lip_jitter'] == pytest.approx(1)
  still = of_batches.lip_likeness(0 * real, real, jnp.asarray(spoken))
  assert still['lip_correlation'] == 0 and still['lip_jitter'] == 0
  short = of_batches.lip_likeness(made[:, :2], real[:, :2], jnp.ones((3, 2)))
  assert set(short) == {'lip_correlation'}


def test_beats_of_a_head_that_rests_at_onsets_align():
  onsets = np.array([10, 30])
  loud = np.full(T, -4.0)
  loud[onsets] = 4
  # Speed is least, of motion as a sine, where it turns.
  turns = np.cos((np.arange(T) - 9.8) / 20 * np.pi)
  angles = np.zeros((1, T, 3), np.float32)
  angles[0, :, 1] = turns
  near = of_batches.beat_align(mel_of(loud), jnp.asarray(angles))
  angles[0, :, 1] = np.roll(turns, 10)
  far = of_batches.beat_align(mel_of(loud), jnp.asarray(angles))
  assert near > 0.9 > 0.4 > far
  assert of_batches.beat_align(mel_of(loud), jnp.zeros((1, T, 3))) == 0


def test_heads_are_compared_by_spread_and_beats():
  rng = np.random.default_rng(0)
  real = rng.normal(size=(1, T, 6)).astype(np.float32)
  mel = mel_of(rng.normal(size=T))
  same = of_batches.head_likeness(mel, real, real)
  assert same['motion'] == 0 and same['spread/roll'] == 1
  half = of_batches.head_likeness(mel, real / 2, real)
  assert half['spread/x'] == pytest.approx(0.5)
  assert half['motion'] == pytest.approx(np.log(2), rel=1e-5)
