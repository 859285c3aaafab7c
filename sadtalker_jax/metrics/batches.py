"""Networks applied to clips in batches of one size, so as to compile once."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from sadtalker_jax.typing import Array, PyTree


def apply(
  network: Callable[..., Any], *arrays: Array, size: int = 16
) -> PyTree:
  """Results of a function of batches for all rows.

  The last batch is filled up with its last row; the results of those rows are
  dropped.

  Args:
    network: function of one batch [B, ...] of each array; returns an array, or
      a tree of arrays, with B rows.
    *arrays: arrays [T, ...], T at least 1.
    size: batch size B.

  Returns:
    The network's result, or tree of results, as numpy arrays [T, ...].

  Raises:
    ValueError: there are no rows, numbers of rows differ, or `size` is below 1.
  """
  counts = {len(array) for array in arrays}
  if len(counts) != 1 or counts == {0} or size < 1:
    raise ValueError(
      'expected arrays with one number of rows, at least 1, and batches of at '
      f'least 1, found {[len(a) for a in arrays]} rows, batches of {size}'
    )
  count = counts.pop()
  parts = []
  for start in range(0, count, size):
    batch = [_filled(array[start : start + size], size) for array in arrays]
    parts.append(jax.tree.map(np.asarray, network(*batch)))
  missing = -count % size

  def joined(*rows: np.ndarray) -> np.ndarray:
    return np.concatenate([*rows[:-1], rows[-1][: size - missing]])

  return jax.tree.map(joined, *parts)


def _filled(rows: Array, size: int) -> Array:
  """Rows [N, ...] followed by copies of the last one: [size, ...]."""
  missing = size - len(rows)
  if not missing:
    return rows
  rows = np.asarray(rows)
  return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
