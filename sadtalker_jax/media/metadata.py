"""Metadata of picture files: the turn is read from it, nothing else.

Cameras, editors and messengers write EXIF with wrong types, broken offsets and
texts of megabytes. None of that may decide whether good pixels load, so the
turn is read here without a parser for the rest, and `pixels_only` gives a file
without metadata, for libraries that stumble over it.
"""

import contextlib
import struct

from PIL import Image

_ORIENTATION = 0x0112  # EXIF's tag
# Sizes of EXIF's whole numbers by type: byte, short, long, signed ones.
_WHOLE = {1: 'B', 3: 'H', 4: 'I', 6: 'b', 8: 'h', 9: 'i'}
PNG = b'\x89PNG\r\n\x1a\n'
_PNG_CHUNKS = {b'IHDR', b'PLTE', b'tRNS', b'IDAT', b'IEND'}
_WEBP_CHUNKS = {b'VP8 ', b'VP8L', b'VP8X', b'ALPH', b'ANIM', b'ANMF'}
_ADOBE = 0xEE  # APP14 says how colours of JPEG are stored
_TURNS = {
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, orientation: int) -> Image.Image:
  """A decoded picture as its EXIF orientation, 1 to 8, asks for."""
  turn = _TURNS.get(orientation)
  return image if turn is None else image.transpose(turn)


def orientation(image: Image.Image) -> int:
  """EXIF orientation of an opened picture, 1 to 8; 1 where it is unreadable."""
  if image.format == 'HEIF':  # its reader has turned it
    return 1
  found = None
  exif = image.info.get('exif')
  if isinstance(exif, bytes):
    found = _from_exif(exif)
  if found is None:  # TIFF, XMP
    with contextlib.suppress(Exception):  # whatever is wrong with the rest
      found = image.getexif().get(_ORIENTATION)
  return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _from_exif(exif: bytes) -> int | None:
  """The orientation in EXIF data; other tags are not looked at."""
  data = exif.removeprefix(b'Exif\0\0')
  order = {b'II': '<', b'MM': '>'}.get(data[:2])
  with contextlib.suppress(struct.error):
    if order is None:
      return None
    (start,) = struct.unpack_from(f'{order}I', data, 4)
    (count,) = struct.unpack_from(f'{order}H', data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
      tag, kind, _ = struct.unpack_from(f'{order}HHI', data, place)
      if tag != _ORIENTATION:
        continue
      if kind in _WHOLE:
        return struct.unpack_from(order + _WHOLE[kind], data, place + 8)[0]
      text = data[place + 8 : place + 12].split(b'\0')[0]
      return int(text) if text.isdigit() else None
  return None


def pixels_only(data: bytes) -> tuple[bytes, int] | None:
  """A picture file without its metadata; pixels are copied as they are.

  Args:
    data: Content of a PNG, JPEG or WebP file, perhaps cut off.

  Returns:
    Content of a file, and the orientation that was left out; None for other
    formats.
  """
  plain = _plain(data)
  if plain is None:
    return None
  found = _from_exif(_exif(data))
  return plain, found if found in _TURNS else 1


def _exif(data: bytes) -> bytes:
  """What follows the first mark of EXIF data in a file; empty without one."""
  # Of PNG and WebP the name of a chunk, which WebP's length follows.
  mark, gap = {b'\x89PNG': (b'eXIf', 0), b'RIFF': (b'EXIF', 4)}.get(
    data[:4], (b'Exif\0\0', 0)
  )
  place = data.find(mark)
  return b'' if place < 0 else data[place + len(mark) + gap :]


def _plain(data: bytes) -> bytes | None:
  if data.startswith(PNG):
    return PNG + b''.join(
      data[start:end]
      for name, start, end in _png_chunks(data)
      if name in _PNG_CHUNKS
    )
  if data.startswith(b'\xff\xd8'):
    return _plain_jpeg(data)
  if data[:4] == b'RIFF' and data[8:12] == b'WEBP':
    return _plain_webp(data)
  return None


def _png_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
  """Names and places of the chunks of a PNG file."""
  chunks = []
  at = len(PNG)
  while at + 8 <= len(data):
    length, name = struct.unpack_from('>I4s', data, at)
    chunks.append((name, at, at + 12 + length))
    at += 12 + length
  return chunks


def _plain_jpeg(data: bytes) -> bytes:
  """A JPEG file without APPn and comments, but for Adobe's."""
  kept = [data[:2]]
  at = 2
  while at + 4 <= len(data) and data[at] == 0xFF:
    marker, length = struct.unpack_from('>xBH', data, at)
    if marker == 0xDA:  # pixels from here on
      break
    is_metadata = 0xE0 <= marker <= 0xEF or marker == 0xFE
    if not is_metadata or marker == _ADOBE:
      kept.append(data[at : at + 2 + length])
    at += 2 + length
  return b''.join([*kept, data[at:]])


def _plain_webp(data: bytes) -> bytes:
  """A WebP file with chunks of pixels only, and no flags of others."""
  kept = []
  at = 12
  while at + 8 <= len(data):
    name, length = struct.unpack_from('<4sI', data, at)
    chunk = data[at : at + 8 + length + length % 2]
    if name == b'VP8X' and len(chunk) > 8:
      chunk = chunk[:8] + bytes([chunk[8] & 0b10010]) + chunk[9:]
    if name in _WEBP_CHUNKS:
      kept.append(chunk)
    at += 8 + length + length % 2
  body = b'WEBP' + b''.join(kept)
  return b'RIFF' + struct.pack('<I', len(body)) + body
