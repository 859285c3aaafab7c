"""Sound files that were pasted together, byte after byte.

`cat a.wav b.wav` gives a file of which players and FFmpeg hear the first half
only, since each header counts its own samples. `split` finds the files again,
by their chunks (RIFF) or boxes (mp4, m4a), so that all of them can be read.
MP3, FLAC and Ogg need none of this.
"""

from collections.abc import Iterator
import io
import os
import struct
from typing import NamedTuple

_UNKNOWN = (0, 2**32 - 1)  # lengths that mean: to the end of the file
_MOST_LEFT = 4096  # bytes after the last file that need no warning


class Part(NamedTuple):
  """Bytes of one file within another."""

  start: int
  end: int


class Split(NamedTuple):
  """What a file holds."""

  parts: tuple[Part, ...]  # at least one
  left_out: int  # bytes after the last part that are none
  is_cut_off: bool  # whether a RIFF header counts more bytes than there are


class PartReader(io.RawIOBase):
  """One part of a file, as if it were a file of its own."""

  def __init__(self, path: str | os.PathLike[str], part: Part):
    super().__init__()
    self._file = open(path, 'rb')
    self._part = part
    self._at = 0

  def readable(self) -> bool:
    """True."""
    return True

  def seekable(self) -> bool:
    """True."""
    return True

  def read(self, size: int = -1) -> bytes:
    """The next bytes, at most `size`."""
    room = max(0, self._part.end - self._part.start - self._at)
    self._file.seek(self._part.start + self._at)
    data = self._file.read(room if size < 0 else min(size, room))
    self._at += len(data)
    return data

  def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
    """Moves to a place, counted from the part's start."""
    length = self._part.end - self._part.start
    start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: length}
    self._at = max(0, start[whence] + offset)
    return self._at

  def tell(self) -> int:
    """The place, counted from the part's start."""
    return self._at

  def close(self) -> None:
    """Closes the file."""
    self._file.close()
    super().close()


def split(path: str | os.PathLike[str]) -> Split:
  """The files that were pasted together; most often there is one."""
  with open(path, 'rb') as file:
    size = file.seek(0, os.SEEK_END)
    if _is_wave(file, 0):
      return _split_waves(file, size)
    if _bytes(file, 4, 4) == b'ftyp':
      return Split(_split_boxes(file, size), 0, False)
  return Split((Part(0, size),), 0, False)


def _bytes(file: io.BufferedReader, start: int, size: int) -> bytes:
  file.seek(start)
  return file.read(size)


def _is_wave(file: io.BufferedReader, start: int) -> bool:
  head = _bytes(file, start, 12)
  return len(head) == 12 and head[:4] == b'RIFF' and head[8:] == b'WAVE'


def _split_waves(file: io.BufferedReader, size: int) -> Split:
  """Walks over the chunks; a header among them begins the next part."""
  parts: list[Part] = []
  start, at, has_sound = 0, 12, False
  while at + 8 <= size:
    if _is_wave(file, at):
      parts.append(Part(start, at))
      start, at, has_sound = at, at + 12, False
      continue
    name, length = struct.unpack('<4sI', _bytes(file, at, 8))
    if has_sound and not all(32 <= letter < 127 for letter in name):
      break
    if name == b'data':
      has_sound = True
      if length in _UNKNOWN:
        at = size
        break
    # An odd chunk is followed by a zero, which some programs leave out.
    odd = length % 2 and not _is_wave(file, at + 8 + length)
    at += 8 + length + bool(odd)
  (counted,) = struct.unpack('<I', _bytes(file, start + 4, 4))
  is_cut_off = counted not in _UNKNOWN and start + 8 + counted > size
  left = max(0, size - at)
  parts.append(Part(start, size))
  return Split(tuple(parts), left if left > _MOST_LEFT else 0, is_cut_off)


def is_cut_off(path: str | os.PathLike[str]) -> bool:
  """Whether a HEIC or AVIF file lacks boxes, or the end of one.

  What some phones append to the file after its boxes does not matter.
  """
  with open(path, 'rb') as file:
    size = file.seek(0, os.SEEK_END)
    ends = {name: end for name, _, end in _boxes(file, size)}
  lengths = [ends.get(name, 0) for name in (b'meta', b'mdat')]
  return b'meta' not in ends or max(lengths) > size


def _boxes(
  file: io.BufferedReader, size: int
) -> Iterator[tuple[bytes, int, int]]:
  """Name, start and end of every box; of the last one as it is declared."""
  at = 0
  while at + 8 <= size:
    length, name = struct.unpack('>I4s', _bytes(file, at, 8))
    if length == 1:
      (length,) = struct.unpack('>Q', _bytes(file, at + 8, 8).ljust(8, b'\0'))
    end = size if length == 0 else at + max(length, 8)
    yield name, at, end
    at = end


def _split_boxes(file: io.BufferedReader, size: int) -> tuple[Part, ...]:
  """Walks over the boxes of mp4; each part has an index of its own."""
  starts: list[int] = []
  indices: list[int] = []
  for name, start, _ in _boxes(file, size):
    if name == b'ftyp':
      starts.append(start)
      indices.append(0)
    elif name == b'moov' and indices:
      indices[-1] += 1
  if len(starts) < 2 or min(indices) != 1:
    return (Part(0, size),)
  return tuple(map(Part, starts, [*starts[1:], size]))
