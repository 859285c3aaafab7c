"""Sound that is read in parts, so that hours of it need no memory.

A `Wave` is mono sound at 16 kHz of which slices are taken: an array, or a
recording on disk (`media.stored_sound`). What analyses sound takes slices of
bounded length and never all of it.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

BLOCK = 1 << 18  # samples at a time, 16 s


class Wave(Protocol):
  """Mono float32 samples [L], of which slices [l] are arrays."""

  @property
  def ndim(self) -> int:
    """1."""

  @property
  def dtype(self) -> Any:
    """Type of the samples."""

  def __len__(self) -> int:
    """L."""

  def __getitem__(self, part: slice, /) -> Any:
    """Samples of consecutive places."""


def checked(wave: Any) -> Wave:
  """The sound as it is, or as float32 where it is an array of other numbers.

  Args:
    wave: [L] sound; L may be 0.

  Raises:
    ValueError: it is not one-dimensional.
  """
  if getattr(wave, 'dtype', None) != np.float32:
    wave = np.asarray(wave, np.float32)
  if wave.ndim != 1:
    raise ValueError(f'expected sound of shape [L], found {wave.shape}')
  result: Wave = wave
  return result


def blocks(wave: Wave, size: int = BLOCK) -> Iterator[np.ndarray]:
  """The sound in parts of `size` samples, the last one shorter."""
  for first in range(0, len(wave), size):
    yield np.asarray(wave[first : first + size])


def between(wave: Wave, start: int, end: int) -> np.ndarray:
  """Samples [end - start] from a place on; silence beyond the sound's ends."""
  inside = np.asarray(wave[max(start, 0) : max(end, 0)])
  before = min(max(0, -start), end - start)
  return np.pad(inside, (before, end - start - before - len(inside)))
