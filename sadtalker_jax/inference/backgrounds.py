"""What is put behind a person instead of the background of the picture."""

from typing import NamedTuple

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import colours, files
from sadtalker_jax.ops import resize

TRANSPARENT = 'transparent'


class Background(NamedTuple):
  """A colour, a picture, or nothing.

  Attributes:
    colour: [3] uint8; None for what is not plain.
    picture: File of a picture; None for what is none.
  """

  colour: np.ndarray | None = None
  picture: files.Path | None = None

  @classmethod
  def of(cls, text: str | None, picture: files.Path | None) -> 'Background':
    """What two options say, of which one is there.

    Args:
      text: Name or number of a colour, or `TRANSPARENT`.
      picture: File of a picture, which is read later.

    Raises:
      InputError: both are there, or there is no such colour.
    """
    if text is None or picture is not None:
      if text is not None:
        raise errors.InputError(
          'background: expected a colour or a background_image, found both'
        )
      return cls(picture=picture)
    if text == TRANSPARENT:
      return cls()
    try:
      return cls(colours.named(text))
    except ValueError as error:
      raise errors.InputError(
        'background: expected a colour such as white or #1e90ff, or '
        f'{TRANSPARENT}, found {errors.shown(text)} (pictures: '
        'background_image)'
      ) from error

  @property
  def is_transparent(self) -> bool:
    """Whether there is nothing behind the person."""
    return self.colour is None and self.picture is None

  def filled(self, size: tuple[int, int]) -> np.ndarray:
    """The background of frames, [H, W, 3] uint8; black where it is nothing.

    A picture covers them, its middle in the middle.

    Args:
      size: Width and height of the frames.

    Raises:
      InputError: the picture cannot be read.
    """
    from sadtalker_jax.media import image  # needs PyAV; options do not

    width, height = size
    if self.picture is None:
      colour = np.zeros(3, np.uint8) if self.colour is None else self.colour
      return np.broadcast_to(colour, (height, width, 3)).copy()
    picture = image.load(self.picture)
    tall, wide = picture.shape[:2]
    scale = min(wide / width, tall / height)
    reach = np.array([width, height]) * scale / 2
    middle = np.array([wide, tall]) / 2
    shown = resize.window(picture, (*(middle - reach), *(middle + reach)), size)
    return np.rint(np.clip(shown, 0, 255)).astype(np.uint8)
