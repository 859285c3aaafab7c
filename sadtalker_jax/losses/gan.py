"""Losses of generators and discriminators.

Scores are any shape, one for each patch, high for what a discriminator takes
for real.
"""

from collections.abc import Callable, Sequence

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


def gradient_penalty(
  scores: Callable[[jax.Array], jax.Array], real: jax.Array
) -> jax.Array:
  """Half the squared slope of scores at real examples: R1.

  Of Mescheder et al., "Which training methods for GANs do actually converge?",
  2018; the score of an example is the mean of its patches.

  Args:
    scores: Function of examples [B, ...] to their scores [B, ...]; none may
      depend on another example.
    real: Real examples.
  """

  def summed(x: jax.Array) -> jax.Array:
    found = scores(x).astype(jnp.float32)
    return found.reshape(len(found), -1).mean(1).sum()

  slope = jax.grad(summed)(real).reshape(len(real), -1)
  return 0.5 * jnp.square(slope).sum(1).mean()


def adaptive_factor(
  others: Callable[[jax.Array], jax.Array],
  adversarial: Callable[[jax.Array], jax.Array],
  made: jax.Array,
  most: float,
) -> jax.Array:
  """What makes a GAN's term pull on an example as hard as the others, [].

  As in VQGAN (Esser et al., 2021), but by the gradients at what the generator
  makes, in place of those of its last layer's weights.

  Args:
    others: Sum of the weighted other terms, a function of `made`.
    adversarial: The GAN's term with its weight, likewise.
    made: What the generator makes, [B, ...].
    most: Largest factor.

  Returns:
    A constant for gradients, from 0 to `most`.
  """
  pulls = [jax.grad(f)(made) for f in (others, adversarial)]
  wanted, own = (jnp.sqrt(jnp.square(pull).sum()) for pull in pulls)
  tiny = jnp.finfo(jnp.float32).tiny
  factor = jnp.minimum(wanted / jnp.maximum(own, tiny), most)
  return jax.lax.stop_gradient(factor)


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
