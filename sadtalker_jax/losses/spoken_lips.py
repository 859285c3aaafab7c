"""Losses of lips that are heard, and of the phones.

Letters: B examples, N rows, M measures, C classes. Weights are [B, N], 0 where
nothing is known.
"""

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import Array


def position(
  made: jax.Array, real: jax.Array, weight: jax.Array, scale: Array
) -> jax.Array:
  """Mean square of scaled differences, [].

  Args:
    made: [B, N, M].
    real: [B, N, M].
    weight: [B, N].
    scale: [M], what the measures are multiplied by.
  """
  difference = (made - real) * jnp.asarray(scale)
  return (jnp.square(difference) * weight[..., None]).mean()


def velocity(
  made: jax.Array, real: jax.Array, weight: jax.Array, scale: Array
) -> jax.Array:
  """As `position`, of the change from row to row."""
  difference = (made - real) * jnp.asarray(scale)
  change = jnp.diff(difference, axis=1) * weight[:, 1:, None]
  return jnp.square(change).mean()


def classes(
  logits: jax.Array, number: jax.Array, weight: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Cross-entropy of classes, and the share that is right, [] each.

  Args:
    logits: [B, N, C].
    number: [B, N] the right ones.
    weight: [B, N].
  """
  total = jnp.maximum(weight.sum(), 1.0)
  logs = jax.nn.log_softmax(logits)
  right = jnp.take_along_axis(logs, number[..., None], axis=-1)[..., 0]
  hit = (logits.argmax(-1) == number).astype(jnp.float32)
  return -(right * weight).sum() / total, (hit * weight).sum() / total
