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
  # Together: means 0 and 0.3, variances 0.64 + 0.36 = 1 and 2.56 + 0.44 = 3.
  mean = jnp.asarray([[0.8, 1.9], [-0.8, -1.3]])
  log_variance = jnp.log(jnp.asarray([[0.36, 0.24], [0.36, 0.64]]))
  found = coeffs.aggregate_divergence(mean, log_variance)
  assert found == pytest.approx(0.5 * (3 + 0.09 - 1 - np.log(3)), abs=1e-6)
