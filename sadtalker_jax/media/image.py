"""Still pictures: many formats in, PNG and JPEG out.

A picture is uint8 [H, W, 3] RGB, top row first, upright (EXIF orientation is
applied). Transparent parts become white. Grey becomes three equal channels, 16
bits are scaled to 8, CMYK is converted by Pillow's plain formula, colour
profiles are ignored, and of an animation the first picture is taken.
"""

import io
import os
import pathlib
import struct
import warnings

import numpy as np
from PIL import Image, ImageOps

from sadtalker_jax import errors
from sadtalker_jax.media import files, video

MIN_SIDE = 60  # pixels; a face in a smaller picture cannot be found
MAX_SIDE = 16384
# Formats that need no helper program; Pillow runs Ghostscript for others.
_FORMATS = (
  'JPEG', 'MPO', 'PNG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'PPM', 'JPEG2000', 'AVIF',
)  # fmt: skip
_SUFFIXES = {
  '.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff', '.gif', '.ppm',
  '.pgm', '.jp2', '.avif',
}  # fmt: skip
# Errors of Pillow on damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error)


def load(path: str | os.PathLike[str]) -> np.ndarray:
  """A picture from an image file.

  Args:
    path: name of a file: JPEG, PNG, WebP, TIFF, BMP, GIF and so on; its content
      decides, not its suffix.

  Returns:
    uint8 [H, W, 3] RGB, 60 to 16,384 pixels a side.

  Raises:
    InputError: the file is missing, a directory, empty, no image, cut off or
      damaged, or the picture is too small or too large.
  """
  source = files.check_source(path, 'an image file')
  image = _open(source)
  if image is None:
    raise errors.InputError(
      f'{path}: expected an image file, found a file that is none or of a '
      'format not supported'
    )
  with image:
    _check_size(image.size, path)
    try:
      return _to_rgb(image, path)
    except errors.InputError:
      raise
    except _DAMAGE as error:
      reason = ' '.join(str(error).split()) or type(error).__name__
      raise errors.InputError(
        f'{path}: expected a whole image, found one that is cut off or '
        f'damaged ({reason})'
      ) from error


def load_first_frame(path: str | os.PathLike[str]) -> np.ndarray:
  """A picture from an image file, or the first frame of a video.

  As --source_image of the published program (method 11.1): a file with the
  suffix of an image is one; any other is an image if its content is, otherwise
  a video.

  Returns:
    uint8 [H, W, 3] RGB, 60 to 16,384 pixels a side.

  Raises:
    InputError: as `load` or `video.VideoReader`.
  """
  source = files.check_source(path, 'an image or a video file')
  if source.suffix.lower() in _SUFFIXES:
    return load(path)
  image = _open(source)
  if image is not None:
    image.close()
    return load(path)
  with video.VideoReader(path) as reader:
    _check_size(reader.size, path)
    return next(iter(reader))


def save_png(
  path: str | os.PathLike[str], picture: np.ndarray, *, overwrite: bool = False
) -> None:
  """Writes a picture to a PNG file; the file appears whole or not at all.

  Args:
    path: name of the file.
    picture: uint8 [H, W, 3] RGB.
    overwrite: whether an existing file may be replaced.

  Raises:
    InputError: the folder cannot be written to, or the file exists and
      `overwrite` is false.
    ValueError: the picture has another shape or type.
  """
  picture = np.asarray(picture)
  if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
    raise ValueError(
      f'expected a picture uint8 [H, W, 3], found {picture.dtype} '
      f'{picture.shape}'
    )
  with files.replacing(path, overwrite=overwrite) as part:
    Image.fromarray(picture).save(part, format='PNG')


def to_jpeg(picture: np.ndarray, quality: int = 95) -> bytes:
  """A picture uint8 [H, W, 3] RGB as a JPEG file in memory.

  Colour is stored at full resolution: lips are narrow and red.
  """
  data = io.BytesIO()
  Image.fromarray(picture).save(
    data, format='JPEG', quality=quality, subsampling=0
  )
  return data.getvalue()


def from_jpeg(data: bytes) -> np.ndarray:
  """The picture of `to_jpeg`, uint8 [H, W, 3] RGB.

  Raises:
    InputError: the bytes are not a whole JPEG file.
  """
  try:
    with Image.open(io.BytesIO(data), formats=['JPEG']) as image:
      return np.array(image.convert('RGB'))
  except (Image.UnidentifiedImageError, *_DAMAGE) as error:
    raise errors.InputError(
      f'expected a JPEG picture, found {len(data)} other bytes ({error})'
    ) from error


def _open(source: pathlib.Path) -> Image.Image | None:
  """The opened image, not yet decoded; None where the file is no image."""
  Image.init()
  with warnings.catch_warnings():
    # Pillow warns from 89 million pixels on; `_check_size` has a limit of its
    # own, and Pillow's error from twice as many on is reported below.
    warnings.simplefilter('ignore', Image.DecompressionBombWarning)
    try:
      return Image.open(
        source, formats=[f for f in _FORMATS if f in Image.OPEN]
      )
    except Image.UnidentifiedImageError:
      return None
    except Image.DecompressionBombError as error:
      raise errors.InputError(
        f'{source}: expected an image of up to 178 million pixels, found more'
      ) from error
    except _DAMAGE as error:
      raise errors.InputError(
        f'{source}: expected a whole image, found a damaged one ({error})'
      ) from error


def _check_size(size: tuple[int, int], path: str | os.PathLike[str]) -> None:
  width, height = size
  if not MIN_SIDE <= min(size) <= max(size) <= MAX_SIDE:
    raise errors.InputError(
      f'{path}: expected a picture of {MIN_SIDE} to {MAX_SIDE} pixels a side, '
      f'found {width} x {height}'
    )


def _to_rgb(image: Image.Image, path: str | os.PathLike[str]) -> np.ndarray:
  """Decodes an opened image."""
  image.load()
  image = ImageOps.exif_transpose(image)
  if image.mode.startswith('I'):  # 16 bits; Pillow's own conversion clips
    return _from_16_bit(np.asarray(image), path)
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
