"""ArrayRecord files, read through a function that gives ranges of bytes.

The package `array_record` opens paths only. Here a record is one range of a
file, wherever that lies. Files are Riegeli's (github.com/google/riegeli,
doc/riegeli_records_file_format.md) with a table of their chunks at the end;
ours have one record a chunk, uncompressed, as `preparation` writes them.

    64 KiB blocks, each begun by 24 bytes that belong to no chunk
    chunk: hash, size of data, hash, kind and number of records, decoded size
    its data: kind of compression, size of sizes, sizes of records, records

Hashes are not checked: what a damaged record holds is found by its decoder.
"""

import array
from collections.abc import Callable
import struct

_BLOCK, _BLOCK_HEAD = 2**16, 24
_HEAD = struct.Struct('<QQQQQ')
_SIMPLE = ord('r')  # kind of a chunk with records

Read = Callable[[int, int], bytes]  # (start, length) to bytes


class Reader:
  """The records of a file, by place."""

  def __init__(self, read: Read, size: int):
    """Reads the table of a file.

    Args:
      read: Function that gives a range of the file.
      size: Bytes of the file.

    Raises:
      ValueError: It is no such file.
    """
    self._read = read
    if size < 2 * _BLOCK or size % _BLOCK:
      raise ValueError(f'expected whole blocks of 64 KiB, found {size} bytes')
    last = size - _BLOCK
    (end, *_) = _records(_unblocked(read(last, _BLOCK), last))
    table = _number(end)
    # All that lies between table and end is the table.
    _, *chunks = _records(_unblocked(read(table, last - table), table))
    self._starts = array.array('q', [*map(_number, chunks), table])

  def __len__(self) -> int:
    """Number of records."""
    return len(self._starts) - 1

  def __getitem__(self, place: int) -> bytes:
    """A record.

    Raises:
      IndexError: There is no such record.
      ValueError: It is damaged, or not one of an uncompressed chunk of one.
    """
    if not 0 <= place < len(self):
      raise IndexError(f'expected a record below {len(self)}, found {place}')
    start, end = self._starts[place : place + 2]
    found = _records(_unblocked(self._read(start, end - start), start))
    if len(found) != 1:
      raise ValueError(f'expected a chunk of one record, found {len(found)}')
    return found[0]


def _unblocked(data: bytes, start: int) -> bytes:
  """A range of a file from `start` on without the heads of blocks."""
  parts, at = [], 0
  while at < len(data):
    inside = (start + at) % _BLOCK
    if inside < _BLOCK_HEAD:
      at += _BLOCK_HEAD - inside
      inside = _BLOCK_HEAD
    parts.append(data[at : at + _BLOCK - inside])
    at += _BLOCK - inside
  return b''.join(parts)


def _records(chunk: bytes) -> list[bytes]:
  """Records of a chunk that begins there."""
  if len(chunk) < _HEAD.size + 2:
    raise ValueError(f'expected a chunk, found {len(chunk)} bytes')
  _, size, _, kind, _ = _HEAD.unpack_from(chunk)
  data = chunk[_HEAD.size : _HEAD.size + size]
  if kind & 255 != _SIMPLE or len(data) != size or data[0]:
    raise ValueError('expected an uncompressed chunk of records, found none')
  width, at = _varint(data, 1)
  sizes, at = data[at : at + width], at + width
  found, place = [], 0
  for _ in range(kind >> 8):
    length, place = _varint(sizes, place)
    found.append(data[at : at + length])
    at += length
  if at != len(data):
    raise ValueError(f'expected records of {len(data)} bytes, found {at}')
  return found


def _number(message: bytes) -> int:
  """The first field of a message of protocol buffers: a place in the file."""
  if message[:1] != b'\x08':
    raise ValueError('expected the table of an ArrayRecord file, found none')
  return _varint(message, 1)[0]


def _varint(data: bytes, at: int) -> tuple[int, int]:
  """A number of 7 bits a byte, the lowest first, and where it ends."""
  value = shift = 0
  while at < len(data) and shift < 64:
    value |= (data[at] & 127) << shift
    at, shift = at + 1, shift + 7
    if data[at - 1] < 128:
      return value, at
  raise ValueError('expected a number, found the end')
