"""Losses on coefficients and latents against closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.losses import coeffs


def test_a_scale_makes_channels_count_alike():
  target = np.zeros((4, 3, 2), np.float32)
  prediction = target + np.float32([0.01, 10])
  assert coeffs.squared_error(prediction, target) == pytest.approx(50.00005)
  scale = np.float32([0.01, 10])
  assert coeffs.squared_error(prediction, target, scale) == pytest.approx(1)


def test_spread_error_is_of_sizes_alone():
  true = np.random.default_rng(0).normal(size=(64, 32, 6)).astype(np.float32)
  assert coeffs.spread_error(-true, true) == pytest.approx(0, abs=1e-6)
  # Twice as large everywhere: log(2)^2 of the channels and of the clips.
  found = coeffs.spread_error(2 * true, true)
  assert found == pytest.approx(2 * np.log(2) ** 2, rel=1e-3)
  # Half of the clips larger, half smaller: of the clips.
  sizes = np.where(np.arange(64) % 2, 1.5, 0.5)[:, None, None] / np.sqrt(1.25)
  found = coeffs.spread_error(jnp.asarray(sizes * true), true)
  expected = np.square(np.log([1.5, 0.5]) - 0.5 * np.log(1.25)).mean()
  assert found == pytest.approx(expected, rel=0.02)


def test_divergence_is_that_of_samples():
  """KL is the mean of log q - log p over samples of q."""
  mean, log_variance = np.float64([0.5, -1.5]), np.float64([0.4, -0.9])
  noise = np.random.default_rng(0).normal(size=(400_000, 2))
  x = mean + np.exp(log_variance / 2) * noise
  log_q = -((x - mean) ** 2) / np.exp(log_variance) - log_variance
  sampled = (0.5 * (log_q + x**2)).mean(0).sum()
  found = coeffs.divergence(jnp.asarray([mean]), jnp.asarray([log_variance]))
  assert found == pytest.approx(sampled, abs=0.01)


def test_free_nats_are_of_each_dimension_over_the_batch():
  # 0.5 m^2 nats each: 2 and 0 in the first dimension, 0.02 in the second.
  mean = jnp.asarray([[2.0, 0.2], [0.0, 0.2]])
  zeros = jnp.zeros_like(mean)
  assert coeffs.divergence(mean, zeros) == pytest.approx(1.02)
  assert coeffs.divergence(mean, zeros, free=0.05) == pytest.approx(1.05)
  assert coeffs.divergence(zeros, zeros, free=0.05) == pytest.approx(0.1)


def test_aggregate_divergence_is_that_of_all_latents_together():
  # Together: means 0 and 0.3, variances 0.64 + 0.36 = 1 and 2.56 + 0.44 = 3,
  # covariance 0.8 x 1.6.
  mean = jnp.asarray([[0.8, 1.9], [-0.8, -1.3]])
  log_variance = jnp.log(jnp.asarray([[0.36, 0.24], [0.36, 0.64]]))
  found = coeffs.aggregate_divergence(mean, log_variance)
  expected = 0.5 * (1 + 3 + 0.09 - 2 - np.log(3 - 1.28**2))
  assert found == pytest.approx(expected, abs=1e-6)


def test_latents_that_repeat_each_other_are_not_the_prior():
  noise = np.random.default_rng(0).normal(size=(4096, 1))
  mean = jnp.asarray(np.sqrt(0.99) * np.repeat(noise, 4, axis=1))
  log_variance = jnp.full(mean.shape, np.log(0.01))
  assert mean.var(0) + 0.01 == pytest.approx(1, abs=0.05)
  assert coeffs.aggregate_divergence(mean, log_variance) > 4
