"""Brands of HEIF and AVIF files: what a file says it is, and what else it is.

The first, major brand is what libraries look at. Newer cameras write others
there (`mif2`, `tmap`, `miaf`), and the usual ones after it.
"""

import io
import pathlib
import struct

# FFmpeg would take the first tile of these for the picture.
_PICTURES = b'heic', b'heix', b'avif', b'heim', b'heis', b'mif1'
_SEQUENCES = b'hevc', b'hevx', b'avis', b'msf1'
_MOST = 64  # brands of a file


def is_tiled(source: pathlib.Path) -> bool:
  """Whether a file says that it is HEIF or AVIF."""
  return _brand(source) is not None


def under_usual_brand(source: pathlib.Path) -> pathlib.Path | io.BytesIO:
  """The file, or a copy in memory whose major brand is a usual one."""
  brand = _brand(source)
  with open(source, 'rb') as file:
    if brand is None or file.read(12)[8:] == brand:
      return source
    file.seek(0)
    data = bytearray(file.read())
  data[8:12] = brand
  return io.BytesIO(bytes(data))


def _brand(source: pathlib.Path) -> bytes | None:
  """The usual brand of a file of tiles, its major one if that is one."""
  with open(source, 'rb') as file:
    head = file.read(16 + 4 * _MOST)
  if head[4:8] != b'ftyp':
    return None
  (length,) = struct.unpack('>I', head[:4])
  if head[8:12] in _PICTURES + _SEQUENCES:
    return head[8:12]
  others = {head[i : i + 4] for i in range(16, min(length, len(head)), 4)}
  return next((brand for brand in _PICTURES if brand in others), None)
