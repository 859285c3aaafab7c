"""Losses on whether lips fit a sound (method 7.2, method 7.4, method 8.3)."""

import jax
import jax.numpy as jnp

_SURE = 1e-6  # least distance of a cosine from 0 and 1
_LEAST = 1e-12  # squared length of a feature that is divided by


def cross_entropy(
  sound: jax.Array, face: jax.Array, label: jax.Array
) -> jax.Array:
  """Binary cross-entropy of the cosine of two embeddings.

  Args:
    sound: Embeddings [B, N] of length 1, not negative.
    face: Embeddings [B, N], likewise.
    label: 1 in sync, 0 not, [B].

  Returns:
    [].
  """
  # A sure mistake costs much, and its gradient is no infinity.
  cosine = jnp.clip((sound * face).sum(-1), _SURE, 1 - _SURE)
  return -(label * jnp.log(cosine) + (1 - label) * jnp.log1p(-cosine)).mean()


def agreement(sound: jax.Array, face: jax.Array, label: jax.Array) -> jax.Array:
  """Share of a batch on whose label a threshold of 1/2 decides rightly."""
  cosine = (sound * face).sum(-1)
  return ((cosine > 0.5) == (label > 0.5)).astype(jnp.float32).mean()


def feature_distance(prediction: jax.Array, target: jax.Array) -> jax.Array:
  """1 less the mean cosine of features [..., N]; the target is constant."""
  target = jax.lax.stop_gradient(target)
  lengths = [
    jnp.sqrt(jnp.maximum(jnp.square(x).sum(-1), _LEAST))
    for x in (prediction, target)
  ]
  cosine = (prediction * target).sum(-1) / (lengths[0] * lengths[1])
  return 1 - cosine.mean()
