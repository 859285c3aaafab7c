"""Loop carries under `shard_map` that vary over the axes of the mesh.

`shard_map` tracks the axes of the mesh over which each value varies, and a loop
must keep those of its carry. A constant that the loop turns into a shard's own
result has to vary from the start. jax's functions for this have changed names
from one version to the next; a choice between a value and itself works in all
of them.
"""

import functools
from typing import TypeVar

import jax
from jax import lax
import jax.numpy as jnp

_Tree = TypeVar('_Tree')


def like(tree: _Tree, *values: jax.Array) -> _Tree:
  """`tree`, varying over every axis of the mesh over which `values` vary.

  Args:
    tree: arrays that start a loop or enter a custom derivative.
    values: non-empty arrays whose axes the result gets.

  Returns:
    Equal arrays; XLA removes the choice.
  """
  first = [jnp.ravel(value)[0] for value in values]
  whatever = functools.reduce(jnp.logical_or, [a != a for a in first])
  return jax.tree.map(lambda leaf: lax.select(whatever, leaf, leaf), tree)
