"""Networks over clips: in batches of one size, so that they compile once."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from sadtalker_jax.typing import Array, PyTree


def apply(
  network: Callable[..., Any], *arrays: Array, size: int = 16
) -> PyTree:
  """What a function of batches says of all rows.

  The last batch is filled up with its last row, and what that gives is left
  out.

  Args:
    network: batches [B, ...] of each array to arrays with B rows, or to a tree
      of such.
    *arrays: [T, ...] each, T at least 1.
    size: B.

  Returns:
    The network's tree with numpy arrays [T, ...].

  Raises:
    ValueError: no rows, different numbers of rows, or a size below 1.
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
  """[N, ...] with its last row repeated: [size, ...]."""
  missing = size - len(rows)
  if not missing:
    return rows
  rows = np.asarray(rows)
  return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
