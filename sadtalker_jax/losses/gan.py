"""Losses of generators and discriminators.

Scores are any shape, one for each patch, high for what a discriminator takes
for real.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp


def least_squares_discriminator(real: jax.Array, fake: jax.Array) -> jax.Array:
  """Squared distance of real scores from 1, and of fake ones from 0, summed."""
  return jnp.square(real - 1).mean() + jnp.square(fake).mean()


def least_squares_generator(fake: jax.Array) -> jax.Array:
  """Squared distance of fake scores from 1."""
  return jnp.square(fake - 1).mean()


def hinge_discriminator(real: jax.Array, fake: jax.Array) -> jax.Array:
  """Real scores shall be above 1, fake ones below -1 (method 5.10)."""
  return jax.nn.relu(1 - real).mean() + jax.nn.relu(1 + fake).mean()


def hinge_generator(fake: jax.Array) -> jax.Array:
  """Fake scores shall be high (method 5.10)."""
  return -fake.mean()


def cross_entropy(logits: jax.Array, label: int) -> jax.Array:
  """Binary cross-entropy of logits against one label, 1 for real."""
  return jax.nn.softplus(-logits if label else logits).mean()


def feature_matching(
  real: Sequence[jax.Array], fake: Sequence[jax.Array]
) -> jax.Array:
  """Mean distance of a discriminator's maps, summed over them.

  What comes from real pictures is constant (method 5.10).
  """
  return sum(
    (
      jnp.abs(jax.lax.stop_gradient(r) - f).mean()
      for r, f in zip(real, fake, strict=True)
    ),
    jnp.zeros(()),
  )
