"""What is put behind a person instead of the background of the picture."""

from typing import Protocol

import numpy as np
from PIL import ImageColor

from sadtalker_jax import errors
from sadtalker_jax.media import encoding as encoding_lib
from sadtalker_jax.media import files, image
from sadtalker_jax.ops import resize

TRANSPARENT = 'transparent'
_PASTED = ('full', 'extfull')


class Choices(Protocol):
  """The options that matter here, see `options.Options`."""

  background: str | None
  background_image: files.Path | None
  preprocess: str
  codec: encoding_lib.Codec
  enhancer: str | None
  background_enhancer: str | None
  label: str | None


def is_asked(options: Choices) -> bool:
  """Whether another background is wanted."""
  return options.background is not None or options.background_image is not None


def is_transparent(options: Choices) -> bool:
  """Whether frames have an opacity."""
  return options.background == TRANSPARENT


def check(options: Choices) -> None:
  """Refuses options that do not go together.

  Raises:
    InputError: some do not, or the colour is none.
  """
  if not is_asked(options):
    return
  if options.background is not None:
    if options.background_image is not None:
      raise errors.InputError(
        'background: expected a colour or a background_image, found both'
      )
    if not is_transparent(options):
      colour(options.background)
  if options.preprocess in _PASTED:
    raise errors.InputError(
      'background: expected preprocess crop, extcrop or resize, found '
      f'{options.preprocess}'
    )
  if is_transparent(options):
    _check_transparent(options)


def _check_transparent(options: Choices) -> None:
  if not encoding_lib.KINDS[options.codec].clear:
    raise errors.InputError(
      f'codec: expected one of {", ".join(encoding_lib.CLEAR)} for a '
      f'transparent background, found {options.codec}'
    )
  for name in ('enhancer', 'background_enhancer', 'label'):
    if getattr(options, name) is not None:
      raise errors.InputError(
        f'{name}: expected none with a transparent background'
      )


def colour(text: str) -> np.ndarray:
  """A colour [3] uint8 by its name or number.

  Raises:
    InputError: there is no such colour.
  """
  try:
    return np.array(ImageColor.getrgb(text)[:3], np.uint8)
  except ValueError as error:
    raise errors.InputError(
      'background: expected a colour such as white or #1e90ff, or '
      f'{TRANSPARENT}, found {errors.shown(text)} (pictures: background_image)'
    ) from error


def filled(options: Choices, size: tuple[int, int]) -> np.ndarray:
  """The background of frames, [H, W, 3] uint8; black where it is transparent.

  A picture covers them, its middle in the middle.

  Args:
    options: Options with another background.
    size: Width and height of the frames.

  Raises:
    InputError: the picture cannot be read.
  """
  width, height = size
  if options.background_image is None:
    plain = np.zeros(3, np.uint8)
    if options.background is not None and not is_transparent(options):
      plain = colour(options.background)
    return np.broadcast_to(plain, (height, width, 3)).copy()
  picture = image.load(options.background_image)
  tall, wide = picture.shape[:2]
  scale = min(wide / width, tall / height)
  reach = np.array([width, height]) * scale / 2
  middle = np.array([wide, tall]) / 2
  box = (*(middle - reach), *(middle + reach))
  shown = resize.window(picture, box, size)
  return np.rint(np.clip(shown, 0, 255)).astype(np.uint8)
