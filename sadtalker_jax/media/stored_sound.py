"""Decoded sound on disk: an hour of it, 230 MB, is never in memory.

The file has no name, so that nothing is left of it whatever happens. Where none
can be made (no folder for temporary files, a full disk) memory serves.
"""

import array
from collections.abc import Iterable, Iterator
import itertools
import os
import tempfile
from typing import IO
import weakref

import numpy as np

IN_MEMORY = 1 << 22  # samples up to which no file is made, 4.4 minutes
_ITEM = 4  # bytes of a sample
_READ = 1 << 20  # bytes at a time


class StoredSound:
  """Mono float32 samples in a file without a name; slices are arrays.

  Threads may share it.
  """

  ndim = 1
  dtype = np.dtype(np.float32)

  def __init__(self, file: IO[bytes], length: int):
    """Takes a file that is open for reading.

    Args:
      file: Samples, one after the other.
      length: L, their number.
    """
    self._file, self._length = file, length
    weakref.finalize(self, file.close)

  def __len__(self) -> int:
    """L."""
    return self._length

  @property
  def shape(self) -> tuple[int]:
    """(L,)."""
    return (self._length,)

  def __getitem__(self, part: slice, /) -> np.ndarray:
    """Samples [l] of consecutive places, from the file."""
    start, stop, step = part.indices(self._length)
    if step != 1:
      raise ValueError(f'expected samples side by side, found a step of {step}')
    size = max(0, stop - start) * _ITEM
    data = bytearray(size)
    done = 0
    for part_of_file in _read(self._file, start * _ITEM, size):
      data[done : done + len(part_of_file)] = part_of_file
      done += len(part_of_file)
    return np.frombuffer(data, np.float32)


def stored(pieces: Iterable[np.ndarray]) -> np.ndarray | StoredSound:
  """Samples of pieces [n] float32, in memory if they are few.

  Args:
    pieces: Consecutive pieces of sound.

  Returns:
    [L] all of them.
  """
  rest = iter(pieces)
  memory = array.array('f')
  for piece in rest:
    memory.frombytes(_bytes(piece))
    if len(memory) > IN_MEMORY:
      break
  else:
    return np.frombuffer(memory, np.float32)
  try:
    file = tempfile.TemporaryFile(buffering=0)
  except OSError:  # no folder for it
    return gathered(rest, memory)
  written, data = 0, b''
  try:
    for data in itertools.chain([memory.tobytes()], map(_bytes, rest)):
      _write(file, data)
      written += len(data)
  except OSError:  # the disk is full
    memory = array.array('f')
    for part in _read(file, 0, written):
      memory.frombytes(part)
    file.close()
    memory.frombytes(data)
    return gathered(rest, memory)
  return StoredSound(file, written // _ITEM)


def gathered(
  pieces: Iterable[np.ndarray], before: 'array.array[float] | None' = None
) -> np.ndarray:
  """Samples of pieces [n] float32 in memory, however many.

  Args:
    pieces: Consecutive pieces of sound.
    before: Samples before them.

  Returns:
    [L] all of them.
  """
  # Grows in place: a list of the parts would need its room twice.
  memory = array.array('f') if before is None else before
  for piece in pieces:
    memory.frombytes(_bytes(piece))
  return np.frombuffer(memory, np.float32)


def _bytes(piece: np.ndarray) -> bytes:
  return piece.astype(np.float32, copy=False).tobytes()


def _write(file: IO[bytes], data: bytes) -> None:
  """Writes all of it; without a buffer a part alone may be taken."""
  view = memoryview(data)
  while view:
    view = view[file.write(view) :]


def _read(file: IO[bytes], start: int, size: int) -> Iterator[bytes]:
  """Bytes from a place on, whatever other threads read."""
  end = start + size
  while start < end:
    data = os.pread(file.fileno(), min(_READ, end - start), start)
    if not data:
      raise OSError('the end of a temporary file is missing')
    yield data
    start += len(data)
