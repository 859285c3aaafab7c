"""Losses on coefficients and on the latents that they come from."""

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import Array

_REST = 1e-4  # mean square of motion that is none, so that it has a logarithm


def squared_error(
  prediction: jax.Array, target: jax.Array, scale: Array | None = None
) -> jax.Array:
  """Mean squared error over everything.

  Args:
    prediction: Coefficients [..., C].
    target: Coefficients [..., C].
    scale: Divisors, [C] of the channels or of any shape that broadcasts;
      standard deviations make radians and decimetres count alike (method 4.6).
  """
  error = prediction - target
  if scale is not None:
    error = error / jnp.asarray(scale, error.dtype)
  return jnp.square(error).mean()


def spread_error(made: jax.Array, true: jax.Array) -> jax.Array:
  """How far motion is from other motion in size, whatever it does.

  A decoder that squared errors have taught gives the mean of what a latent may
  stand for, which is smaller than any of it.

  Args:
    made: Motion [B, T, C] in units in which clips and channels are alike.
    true: The same shape; row by row under the same conditions.

  Returns:
    [], mean square of the logarithm of the ratio of their root mean squares:
    that of the channels over all clips, and that of the clips.
  """
  sizes = [
    [jnp.square(x).mean(axes) + _REST for x in (made, true)]
    for axes in ((0, 1), (1, 2))
  ]
  return sum(
    (jnp.square(0.5 * jnp.log(m / t)).mean() for m, t in sizes), jnp.zeros(())
  )


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
  together should be distributed like it: the divergence of a normal
  distribution that has their mean and covariance (Kumar et al. 2018, DIP-VAE,
  matches the same two). Variances alone, dimension by dimension, are not
  enough: 64 numbers that say the same thing pass, and of 64 that are drawn
  apart the mean says nothing.

  Args:
    mean: Means [B, Z] of the posteriors.
    log_variance: Logarithms [B, Z] of their variances.

  Returns:
    [], nats; a batch that is not much larger than Z has more of them than all
    latents have.
  """
  centre = mean.mean(0)
  apart = mean - centre
  # Positive definite for any B, as every posterior has a variance.
  covariance = apart.T @ apart / len(mean) + jnp.diag(
    jnp.exp(log_variance).mean(0)
  )
  return 0.5 * (
    jnp.trace(covariance)
    + jnp.square(centre).sum()
    - mean.shape[-1]
    - jnp.linalg.slogdet(covariance)[1]
  )
