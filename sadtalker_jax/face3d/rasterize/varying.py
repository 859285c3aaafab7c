"""Loops under `shard_map`: what starts equal on all devices may end unequal.

`shard_map` checks which values vary over which axes of the mesh, and a loop
must keep those axes. A constant that the loop turns into a shard's own result
has to vary before. The functions that say so have changed names from one jax to
the next; a choice between a value and itself says it in all of them.
"""

import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp


def like(tree: Any, *values: jax.Array) -> Any:
  """`tree`, varying over every axis of the mesh that any of `values` does.

  Args:
    tree: arrays that start a loop or enter a custom derivative.
    values: arrays, not empty, that the result has to be compatible with.

  Returns:
    Equal arrays; XLA removes the choice.
  """
  first = [jnp.ravel(value)[0] for value in values]
  whatever = functools.reduce(jnp.logical_or, [a != a for a in first])
  return jax.tree.map(lambda leaf: lax.select(whatever, leaf, leaf), tree)
