"""Still pictures: many formats in, PNG and JPEG out.

A picture is uint8 [H, W, 3] RGB, top row first, upright (EXIF orientation is
applied). Transparent parts become white. Grey becomes three equal channels, 16
bits are scaled to 8, CMYK is converted by Pillow's plain formula, colour
profiles are ignored, and of an animation the first picture is taken. Damaged
metadata does not matter where pixels can be decoded (`metadata`).
"""

import io
import os
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from sadtalker_jax import errors
from sadtalker_jax.media import (
  brands,
  containers,
  files,
  limits,
  metadata,
  picture_decoding,
  video,
)

_SUFFIXES = {
  '.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff', '.gif', '.ppm',
  '.pgm', '.jp2', '.avif', '.heic', '.heif', '.hif', '.ico',
  '.icns',
}  # fmt: skip


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
  failure: Exception | None = None
  picture = None
  try:
    picture = picture_decoding.decoded(source, path)
  except picture_decoding.Damaged as error:
    failure = errors.InputError(str(error))
    failure.__cause__ = error
  if picture is None:
    picture = _without_metadata(source, path)
  if picture is None:
    raise failure or picture_decoding.no_picture(source, path)
  return picture


def _without_metadata(
  source: pathlib.Path, path: str | os.PathLike[str]
) -> np.ndarray | None:
  """The picture in a file whose metadata may be damaged; None without one."""
  plain = metadata.pixels_only(source.read_bytes())
  if plain is None:
    return None
  try:
    return picture_decoding.decoded(io.BytesIO(plain[0]), path, plain[1])
  except picture_decoding.Damaged:
    return None


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
  if picture_decoding.is_picture(source):
    return load(path)
  if picture_decoding.begins(source) or brands.is_tiled(source):
    raise picture_decoding.no_picture(source, path)
  containers.open_media(path, 'an image or a video file').close()
  with video.VideoReader(path) as reader:
    limits.check_side(reader.size, path)
    return next(iter(reader))


def checked(picture: Any) -> np.ndarray:
  """A picture that is given as an array, checked as a file would be.

  Args:
    picture: uint8 [H, W, 3] RGB.

  Raises:
    InputError: it has another shape or type, or is too small or too large.
  """
  if not isinstance(picture, np.ndarray):
    raise errors.InputError(
      'image: expected the name of a file or an array uint8 [H, W, 3], '
      f'found {type(picture).__name__}'
    )
  shape = picture.shape
  if picture.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3:
    raise errors.InputError(
      f'image: expected uint8 [H, W, 3], found {picture.dtype} {list(shape)}'
    )
  limits.check_side((shape[1], shape[0]), 'image')
  return picture


def save_png(
  path: str | os.PathLike[str], picture: np.ndarray, *, overwrite: bool = False
) -> None:
  """Writes a picture to a PNG file; the file appears whole or not at all.

  Args:
    path: name of the file.
    picture: uint8 [H, W, 3] RGB, or [H, W, 4] with opacity.
    overwrite: whether an existing file may be replaced.

  Raises:
    InputError: the folder cannot be written to, or the file exists and
      `overwrite` is false.
    ValueError: the picture has another shape or type.
  """
  picture = np.asarray(picture)
  fits = picture.ndim == 3 and picture.shape[2] in (3, 4)
  if not fits or picture.dtype != np.uint8:
    raise ValueError(
      f'expected a picture uint8 [H, W, 3 or 4], found {picture.dtype} '
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


def to_webp(picture: np.ndarray, quality: int = 95) -> bytes:
  """A picture [H, W, 3] uint8 as a WebP file; smaller, and slower to make."""
  buffer = io.BytesIO()
  Image.fromarray(picture).save(buffer, 'WEBP', quality=quality, method=0)
  return buffer.getvalue()


def from_jpeg(data: bytes) -> np.ndarray:
  """The picture of `to_jpeg`, uint8 [H, W, 3] RGB.

  Raises:
    InputError: the bytes are not a whole JPEG file.
  """
  try:
    with Image.open(io.BytesIO(data), formats=['JPEG']) as image:
      return np.array(image.convert('RGB'))
  except Exception as error:
    raise errors.InputError(
      f'expected a JPEG picture, found {len(data)} other bytes ({error})'
    ) from error
