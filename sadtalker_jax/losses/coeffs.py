"""Losses on coefficients and on the latents that they come from."""

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import Array


def squared_error(
  prediction: jax.Array, target: jax.Array, scale: Array | None = None
) -> jax.Array:
  """Mean squared error over everything.

  Args:
    prediction: Coefficients [..., C].
    target: Coefficients [..., C].
    scale: Divisors [C] of the channels; standard deviations make radians and
      decimetres count alike (method 4.6).
  """
  error = prediction - target
  if scale is not None:
    error = error / jnp.asarray(scale, error.dtype)
  return jnp.square(error).mean()


def divergence(
  mean: jax.Array, log_variance: jax.Array, *, free: float = 0.0
) -> jax.Array:
  """KL divergence of normal posteriors from the standard normal distribution.

  Args:
    mean: Means [B, Z] of the posteriors.
    log_variance: Logarithms [B, Z] of their variances.
    free: Nats of each dimension, averaged over the batch, that cost nothing
      (method 4.6); a posterior that is the prior holds no information.

  Returns:
    [], the sum over dimensions of the mean over the batch.
  """
  each = -0.5 * (
    1 + log_variance - jnp.square(mean) - jnp.exp(log_variance)
  )  # [B, Z]
  return jnp.maximum(each.mean(0), free).sum()


def aggregate_divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
  """KL divergence of the latents of a whole batch from the prior.

  Latents are decoded from the standard normal distribution, so all posteriors
  together should be distributed like it: the marginal part of the divergence
  (Chen et al. 2018, beta-TCVAE), of a normal distribution that has the batch's
  mean and variance.

  Args:
    mean: Means [B, Z] of the posteriors.
    log_variance: Logarithms [B, Z] of their variances.

  Returns:
    [], the sum over dimensions.
  """
  variance = mean.var(0) + jnp.exp(log_variance).mean(0)  # [Z]
  return divergence(mean.mean(0)[None], jnp.log(variance)[None])
