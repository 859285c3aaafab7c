"""Pictures in files, decoded by Pillow; the lower half of `image`."""

import io
import math
import os
import pathlib
from typing import Any, cast
import warnings

import numpy as np
from PIL import Image

from sadtalker_jax import errors
from sadtalker_jax.media import brands, joined_files, limits, metadata

# Formats that need no helper program; Pillow runs Ghostscript for others.
_FORMATS = (
  'JPEG', 'MPO', 'PNG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'PPM', 'JPEG2000', 'AVIF',
  'HEIF', 'ICO', 'ICNS',
)  # fmt: skip
# Files that are no pictures but are given as such, by how they begin.
_OTHERS = {
  b'<svg': 'an SVG drawing',
  b'<?xml': 'XML, perhaps an SVG drawing',
  b'<!DOCTYPE html': 'a web page',
  b'<html': 'a web page',
  b'%PDF': 'a PDF document',
  b'%!PS': 'a PostScript document',
}
_GZIP = b'\x1f\x8b'
# Tags of TIFF: a smaller copy of another picture, and Adobe's raw format.
_SUBFILE, _DNG = 254, 50706


class Damaged(Exception):
  """A picture cannot be decoded; the message is that of an `InputError`."""


def is_picture(source: pathlib.Path) -> bool:
  """Whether the content is of a format that Pillow reads, damaged or not."""
  with open(source, 'rb') as file:
    if file.read(8) == metadata.PNG:
      return True
  try:
    image = _open(source, source)
  except Damaged:
    return True
  if image is not None:
    image.close()
  return image is not None


def stated_size(source: pathlib.Path) -> tuple[int, int] | None:
  """Width and height that a picture file states; None where it is none.

  Nothing is decoded, so that a small file of a huge picture costs nothing.

  Raises:
    InputError: it states more pixels than Pillow would decode.
  """
  try:
    image = _open(source, source)
  except Damaged:
    return None
  if image is None:
    return None
  with image:
    return image.size


def begins(source: pathlib.Path) -> str | None:
  """What a file is whose text or document begins in a known way."""
  with open(source, 'rb') as file:
    head = file.read(2048)
  if head.startswith(_GZIP):
    return 'a gzip file, perhaps an SVG drawing'
  if head[:2] in (b'\xff\xfe', b'\xfe\xff'):  # text in UTF-16
    head = head.replace(b'\0', b'')[2:]
  head = head.removeprefix(b'\xef\xbb\xbf').lstrip()
  if head[:1] == b'<' and b'<svg' in head:
    return _OTHERS[b'<svg']
  return next((w for k, w in _OTHERS.items() if head.startswith(k)), None)


def no_picture(
  source: pathlib.Path, path: str | os.PathLike[str]
) -> errors.InputError:
  """The error of a file that is no picture.

  Args:
    source: File that was looked at.
    path: Its name in the message.
  """
  found = begins(source) or _damaged(source)
  found = found or 'a file that is none or of a format not supported'
  return errors.InputError(
    f'{path}: expected an image file (JPEG, PNG, WebP, HEIC ...), found {found}'
  )


def _damaged(source: pathlib.Path) -> str | None:
  """What a file is that begins as a picture does, and cannot be opened."""
  with open(source, 'rb') as file:
    head = file.read(8)
  names = {b'\x89PNG': 'PNG', b'\xff\xd8\xff': 'JPEG', b'GIF8': 'GIF'}
  return next(
    (f'a damaged {n} file' for k, n in names.items() if head.startswith(k)),
    None,
  )


def decoded(
  source: pathlib.Path | io.BytesIO,
  path: str | os.PathLike[str],
  orientation: int | None = None,
) -> np.ndarray | None:
  """The picture uint8 [H, W, 3] in a file; None where it holds none.

  Args:
    source: What is read.
    path: Name of the file, for messages.
    orientation: EXIF orientation, 1 to 8; None for that of the file.

  Raises:
    InputError: it has a side or values that are not possible.
    Damaged: it cannot be decoded.
  """
  image = _open(source, path)
  if image is None:
    return None
  with image:
    _refuse_previews(image, path)
    limits.check_side(image.size, path)
    try:
      return _to_rgb(image, path, orientation)
    except errors.InputError:
      raise
    except Exception as error:  # Pillow raises of all kinds
      reason = ' '.join(str(error).split()) or type(error).__name__
      raise Damaged(
        f'{path}: expected a whole image, found one that is cut off or '
        f'damaged ({reason})'
      ) from error


def _open(
  source: pathlib.Path | io.BytesIO, path: str | os.PathLike[str]
) -> Image.Image | None:
  """The opened image, not yet decoded; None where the file is no image."""
  Image.init()
  if isinstance(source, pathlib.Path) and brands.is_tiled(source):
    if joined_files.is_cut_off(source):  # would show some of its tiles
      raise Damaged(f'{path}: expected a whole image, found one cut off')
    import pillow_heif  # takes a while, and most pictures do not need it

    pillow_heif.register_heif_opener()
    source = brands.under_usual_brand(source)
  with warnings.catch_warnings():
    # Of damaged metadata, and of sizes that `limits` has a limit for.
    warnings.simplefilter('ignore')
    try:
      image: Any = Image.open(
        source, formats=[f for f in _FORMATS if f in Image.OPEN]
      )
      if image.format == 'ICO':  # the same in several sizes
        image.size = max(image.info['sizes'], key=math.prod)
      return cast(Image.Image, image)
    except Image.UnidentifiedImageError:
      return None
    except Image.DecompressionBombError as error:
      raise errors.InputError(
        f'{path}: expected an image of up to 178 million pixels, found more'
      ) from error
    except Exception as error:  # Pillow raises of all kinds
      raise Damaged(
        f'{path}: expected a whole image, found a damaged one ({error})'
      ) from error


def _refuse_previews(image: Image.Image, path: str | os.PathLike[str]) -> None:
  """Refuses raw files of cameras: Pillow opens their preview of few pixels.

  Raises:
    InputError: the first picture of a TIFF file is a preview.
  """
  tags = getattr(image, 'tag_v2', {}) if image.format == 'TIFF' else {}
  if _DNG in tags or tags.get(_SUBFILE, 0) == 1:
    raise errors.InputError(
      f'{path}: expected a picture (JPEG, PNG, TIFF ...), found the raw file '
      'of a camera: export it as JPEG'
    )


def _to_rgb(
  image: Image.Image,
  path: str | os.PathLike[str],
  orientation: int | None,
) -> np.ndarray:
  """Decodes an opened image."""
  is_tiff = image.format == 'TIFF'
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of damaged metadata
    image.load()
    if orientation is None:
      orientation = metadata.orientation(image)
  image = metadata.upright(image, orientation)
  if image.mode.startswith('I'):  # 16 bits; Pillow's own conversion clips
    grey = np.asarray(image)
    if is_tiff and image.mode == 'I' and 0 <= grey.min() <= grey.max() < 256:
      grey = grey * 257  # 8 bits, kept as 32
    return _from_16_bit(grey, path)
  if image.mode == 'F':
    raise errors.InputError(
      f'{path}: expected an image of 8 or 16 bits, found floating point'
    )
  if image.has_transparency_data:
    coloured = image.convert('RGBA')
    white = Image.new('RGBA', coloured.size, 'white')
    image = Image.alpha_composite(white, coloured)
  return np.array(image.convert('RGB'))


def _from_16_bit(grey: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
  """Grey [H, W] of 16 bits as uint8 [H, W, 3]."""
  if grey.min() < 0 or grey.max() > 65535:
    raise errors.InputError(
      f'{path}: expected an image of 8 or 16 bits, found values from '
      f'{grey.min()} to {grey.max()}'
    )
  eight = ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)
  return np.repeat(eight[:, :, None], 3, axis=2)
