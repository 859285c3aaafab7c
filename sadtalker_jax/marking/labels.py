"""A label that people read: a text on a plate, beside the faces.

It stands still at one place of the frame, drawn before the invisible mark is
added. Faces are boxes (x0, y0, x1, y1) in pixels of the frame.
"""

from collections.abc import Iterable, Iterator, Sequence
import os

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import lettering

Box = tuple[float, float, float, float]

PLACES = (
  'bottom',
  'top',
  'bottom-left',
  'bottom-right',
  'top-left',
  'top-right',
)
AUTO = 'auto'  # the first of the places that is beside all faces
_SHARE = 1 / 14  # of the frame's shorter side, height of a plate
_LEAST_HEIGHT, _MOST_HEIGHT = 16, 64  # pixels; less cannot be read
_MARGIN = 1 / 80  # of the frame's shorter side, about a plate


class Label:
  """A label for frames of one size.

  Attributes:
    box: Where it is, (x0, y0, x1, y1).
  """

  def __init__(
    self,
    text: str,
    size: tuple[int, int],
    faces: Sequence[Box],
    place: str = AUTO,
    font: str | os.PathLike[str] | None = None,
  ):
    """Draws the plate and finds room for it.

    Args:
      text: One line that `lettering.check` lets pass.
      size: Width and height of the frames.
      faces: What the label never covers.
      place: One of `PLACES`, or `AUTO`.
      font: File of a font; None for the one that comes with Pillow.

    Raises:
      InputError: the text is too long for the frame, or a face is in its way.
    """
    shorter = min(size)
    margin = max(2, round(_MARGIN * shorter))
    plate = _fitting(text, size, margin, font)
    height, width = plate.level.shape
    places = PLACES if place == AUTO else (place,)
    boxes = [_box(name, (width, height), size, margin) for name in places]
    free = [box for box in boxes if not any(_meet(box, f) for f in faces)]
    if not free:
      tried = 'at its edge' if place == AUTO else f'at the {place}'
      raise errors.InputError(
        f'label: expected {width} x {height} pixels beside the face {tried} of '
        f'{size[0]} x {size[1]}, found the face there (a shorter text, another '
        '--label_place, or --preprocess full gives room)'
      )
    self.box = x0, y0, x1, y1 = free[0]
    self._rows, self._columns = slice(y0, y1), slice(x0, x1)
    self._plate = plate

  def draw(self, frames: np.ndarray) -> np.ndarray:
    """Labelled frames [..., H, W, 3] uint8 RGB."""
    result = frames.copy()
    part = result[..., self._rows, self._columns, :]
    part[...] = self._plate.over(part)
    return result

  def stream(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Labelled batches [b, H, W, 3]."""
    return (self.draw(batch) for batch in batches)


def _fitting(
  text: str,
  size: tuple[int, int],
  margin: int,
  font: str | os.PathLike[str] | None,
) -> lettering.Plate:
  """The largest plate that is no wider than the frame."""
  most = min(_MOST_HEIGHT, max(_LEAST_HEIGHT, round(_SHARE * min(size))))
  if min(size) < 3 * _LEAST_HEIGHT:
    raise errors.InputError(
      f'label: expected frames of {3 * _LEAST_HEIGHT} pixels a side or more, '
      f'found {size[0]} x {size[1]}'
    )
  for height in range(most, _LEAST_HEIGHT - 1, -1):
    plate = lettering.plate(text, height, font)
    width = plate.level.shape[1]
    if width <= size[0] - 2 * margin:
      return plate
  raise errors.InputError(
    f'label: expected a text of at most {size[0] - 2 * margin} pixels for '
    f'frames {size[0]} wide, found {width} pixels in the smallest letters'
  )


def _box(
  place: str, plate: tuple[int, int], size: tuple[int, int], margin: int
) -> tuple[int, int, int, int]:
  """The box of a plate at a place."""
  (width, height), (wide, tall) = plate, size
  x0 = (wide - width) // 2
  if place.endswith('left'):
    x0 = margin
  elif place.endswith('right'):
    x0 = wide - margin - width
  y0 = margin if place.startswith('top') else tall - margin - height
  return x0, y0, x0 + width, y0 + height


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
  """Whether two boxes have a part in common."""
  across = min(one[2], other[2]) > max(one[0], other[0])
  return across and min(one[3], other[3]) > max(one[1], other[1])
