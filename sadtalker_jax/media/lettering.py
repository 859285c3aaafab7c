"""Readable text on a plate, for pictures.

Letters are white on a dark, half transparent plate with round corners, so that
they can be read on anything. The font is Aileron (CC0), which Pillow brings
with it and which has the letters of English; a file of another font may be
given.
"""

import functools
import os
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sadtalker_jax import errors
from sadtalker_jax.media import files

_OPACITY = 0.72  # of the plate
_PLATE, _LETTERS = 16, 255  # levels
_DENSITY = 4  # times the size at which a plate is drawn and then shrunk
_NO_LETTER = '\uffff'  # which no font has
_MOST_LETTERS = 500  # of a text

Path = str | os.PathLike[str]
_Font = ImageFont.FreeTypeFont


class Plate(NamedTuple):
  """A plate with a text.

  Attributes:
    level: Grey [h, w], 0 to 255.
    opacity: How much of the plate is seen, [h, w], 0 to 1.
  """

  level: np.ndarray
  opacity: np.ndarray

  def over(self, pixels: np.ndarray) -> np.ndarray:
    """The plate over pixels [..., h, w, 3] uint8."""
    share = self.opacity[..., None]
    mixed = (1 - share) * pixels + share * self.level[..., None]
    return np.rint(mixed).astype(np.uint8)


def check(text: str, font: Path | None = None) -> None:
  """Refuses texts that cannot be drawn.

  Args:
    text: One line.
    font: File of a font; None for the one that comes with Pillow.

  Raises:
    InputError: the text is empty, very long or not one line, the font cannot be
      read or lacks letters of it.
  """
  if not text.strip() or len(text) > _MOST_LETTERS:
    raise errors.InputError(
      f'label: expected a text of 1 to {_MOST_LETTERS} letters, found '
      f'{len(text.strip())}'
    )
  face = _font(font, 16)
  lacking = _drawn(face, _NO_LETTER)
  missing = [
    letter
    for letter in dict.fromkeys(text)
    if letter != ' ' and _drawn(face, letter) == lacking
  ]
  if missing:
    others = 'another one' if font else 'one that has them: --label_font FILE'
    raise errors.InputError(
      f'label: expected letters of the font {face.getname()[0]}, found '
      f'{errors.shown("".join(missing))} ({others})'
    )


def plate(text: str, height: int, font: Path | None = None) -> Plate:
  """A plate of a height in pixels, as wide as its text needs.

  Args:
    text: One line that `check` lets pass.
    height: Height of the plate.
    font: As for `check`.
  """
  tall = height * _DENSITY
  face = _font(font, round(0.6 * tall))
  rise, fall = face.getmetrics()
  padding = round(0.35 * tall)
  wide = round(face.getlength(text)) + 2 * padding
  wide += -wide % _DENSITY
  letters, ground = (Image.new('L', (wide, tall)) for _ in range(2))
  top = (tall - rise - fall) / 2
  ImageDraw.Draw(letters).text((padding, top), text, fill=255, font=face)
  ImageDraw.Draw(ground).rounded_rectangle(
    (0, 0, wide - 1, tall - 1), radius=tall // 5, fill=255
  )
  size = wide // _DENSITY, height
  share, cover = (
    np.asarray(part.resize(size, Image.Resampling.BOX), np.float32) / 255
    for part in (letters, ground)
  )
  opacity = np.maximum(_OPACITY * cover, share)
  level = _PLATE + (_LETTERS - _PLATE) * share
  return Plate(level, opacity)


def _font(path: Path | None, size: int) -> _Font:
  return _read_font(None if path is None else os.fspath(path), size)


@functools.lru_cache(16)
def _read_font(path: str | None, size: int) -> _Font:
  if path is None:
    built_in = ImageFont.load_default(size)
    if not isinstance(built_in, _Font):
      raise errors.InputError(
        'label: expected a Pillow with FreeType, found one without'
      )
    return built_in
  source = files.check_source(path, 'a font')
  try:
    return ImageFont.truetype(source, size)
  except (OSError, ValueError) as error:
    raise errors.InputError(
      f'{path}: expected a font (TrueType or OpenType), found none'
    ) from error


def _drawn(font: _Font, letter: str) -> tuple[tuple[int, int], bytes]:
  mask = font.getmask(letter)
  return mask.size, bytes(mask)
