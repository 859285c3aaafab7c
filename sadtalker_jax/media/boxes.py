"""Boxes of mp4 files that FFmpeg does not handle: XMP, and those of others.

A file is a row of boxes: 4 bytes of length, 4 of type, content. A box of type
`uuid` begins with the 16 bytes that say what it is.
"""

from collections.abc import Iterator
import os
import struct
from typing import BinaryIO, NamedTuple
import uuid

XMP = uuid.UUID('be7acfcb-97a9-42e8-9c71-999491e3afac')  # XMP specification 3
C2PA = uuid.UUID('d8fec3d6-1b0e-483c-9297-5828877ec481')  # Content Credentials
_MOST_CONTENT = 1 << 20  # bytes of a box that are read
_MOST_BOXES = 10_000  # of a file that are looked at; a fragment has two


class _Box(NamedTuple):
  """A box of the outermost level."""

  kind: bytes
  start: int  # of its content
  size: int  # of its content; to the end of the file where that is unknown


def has(path: str | os.PathLike[str]) -> bool:
  """Whether a file is a row of boxes, mp4 or QuickTime."""
  with open(path, 'rb') as file:
    return file.read(8)[4:] == b'ftyp'


def append(
  path: str | os.PathLike[str], kind: uuid.UUID, content: bytes
) -> None:
  """Adds a `uuid` box at the end of an mp4 file; nothing else moves."""
  with open(path, 'ab') as file:
    file.write(struct.pack('>I4s', 24 + len(content), b'uuid'))
    file.write(kind.bytes + content)


def read(path: str | os.PathLike[str], kind: uuid.UUID) -> bytes | None:
  """Content of the first `uuid` box of a kind, at most 1 MiB of it.

  Returns:
    None where there is none, or the file is no mp4.
  """
  with open(path, 'rb') as file:
    for box in _boxes(file):
      if box.kind != b'uuid' or box.size < 16:
        continue
      file.seek(box.start)
      if file.read(16) == kind.bytes:
        return file.read(min(box.size - 16, _MOST_CONTENT))
  return None


def _boxes(file: BinaryIO) -> Iterator[_Box]:
  """Boxes of a file, as long as it looks like one of boxes."""
  end = file.seek(0, os.SEEK_END)
  place = 0
  for number in range(_MOST_BOXES):
    file.seek(place)
    head = file.read(8)
    if len(head) < 8:
      return
    length, kind = struct.unpack('>I4s', head)
    if number == 0 and kind != b'ftyp':
      return
    start = place + 8
    if length == 1:  # the length follows, in 8 bytes
      long = file.read(8)
      if len(long) < 8:
        return
      length, start = struct.unpack('>Q', long)[0], start + 8
    elif length == 0:  # up to the end
      length = end - place
    if length < start - place:
      return
    yield _Box(kind, start, min(length, end - place) - (start - place))
    place += length
