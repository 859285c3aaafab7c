"""Frames whose computation goes on in pieces of few static shapes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

_LARGEST = 8  # frames that are computed at once


class Work(NamedTuple):
  """Frames whose computation has started."""

  shape: tuple[int, int, int, int]
  parts: Sequence[tuple[np.ndarray, jax.Array]]  # places of frames, frames

  def result(self) -> np.ndarray:
    """All frames; waits until they are computed."""
    out = np.empty(self.shape, np.uint8)
    for index, frames in self.parts:
      out[index] = np.asarray(frames)
    return out


def of(index: np.ndarray) -> Iterator[np.ndarray]:
  """Pieces of `index` of length `_LARGEST`, then of smaller powers of 2.

  So few static shapes are compiled, and no result is thrown away.
  """
  size, start = _LARGEST, 0
  while start < len(index):
    while size > len(index) - start:
      size //= 2
    yield index[start : start + size]
    start += size
