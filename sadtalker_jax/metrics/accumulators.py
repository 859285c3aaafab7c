"""Running statistics that can be merged over batches, clips, devices and hosts.

An accumulator is a tree of numpy arrays with a function that merges two of
them, like `Mean` here and `frechet.Moments`. `host_rows` brings results of
devices to the host, `across_hosts` merges accumulators of hosts. Sums are kept
in float64 on the host, as devices have float32.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
from jax.experimental import multihost_utils
import numpy as np

from sadtalker_jax.typing import Array

_Tree = TypeVar('_Tree')


class Mean(NamedTuple):
  """A running mean."""

  total: np.ndarray  # [] or [D] float64, sum of the values
  number: np.ndarray  # [] float64, number of values


def mean_of(values: Array) -> Mean:
  """The accumulator of the given values.

  Args:
    values: [N] or [N, D]; N may be 0.
  """
  values = np.asarray(values, np.float64)
  return Mean(values.sum(0), np.array(float(len(values))))


def merge_means(first: Mean, second: Mean) -> Mean:
  """The accumulator of the values of both."""
  return Mean(first.total + second.total, first.number + second.number)


def mean_value(mean: Mean) -> np.ndarray:
  """The mean, [] or [D] float64.

  Raises:
    ValueError: there is no value.
  """
  if mean.number < 1:
    raise ValueError('expected a mean of at least 1 value, found none')
  return mean.total / mean.number


def host_rows(array: Array) -> np.ndarray:
  """The rows of a result that this host has to add up.

  Over all hosts each row is added once.

  Args:
    array: [N, ...]; a jax array may be sharded along its first axis over the
      devices of several hosts, and replicated over others.

  Returns:
    [n, ...]; the parts of all hosts together are the rows of `array`.
  """
  if not isinstance(array, jax.Array) or array.is_fully_addressable:
    return np.asarray(array)
  parts = [
    np.asarray(shard.data)
    for shard in array.addressable_shards
    if shard.replica_id == 0
  ]
  empty = np.zeros((0, *array.shape[1:]), array.dtype)
  return np.concatenate([empty, *parts])


def across_hosts(item: _Tree, merge: Callable[[_Tree, _Tree], _Tree]) -> _Tree:
  """The accumulators of all hosts merged into one, on every host.

  Every host must call it. Numbers are exchanged bit by bit: float64 stays
  exact.

  Args:
    item: tree of numpy arrays, with the same structure and shapes on all hosts.
    merge: function that makes one accumulator of two.
  """
  if jax.process_count() == 1:
    return item
  leaves, structure = jax.tree.flatten(item)
  arrays = [np.asarray(leaf, np.float64) for leaf in leaves]
  bits = [array.reshape(-1).view(np.uint32) for array in arrays]
  gathered = [np.asarray(multihost_utils.process_allgather(b)) for b in bits]
  items = [
    jax.tree.unflatten(
      structure,
      [
        np.ascontiguousarray(rows[host]).view(np.float64).reshape(array.shape)
        for rows, array in zip(gathered, arrays, strict=True)
      ],
    )
    for host in range(jax.process_count())
  ]
  result = items[0]
  for other in items[1:]:
    result = merge(result, other)
  return result
