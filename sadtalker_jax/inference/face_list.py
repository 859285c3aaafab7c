"""The faces of a picture, numbered, to say who speaks."""

from collections.abc import Mapping

import numpy as np

from sadtalker_jax.faces import crop
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.media import lettering

_COLOUR = np.array([255, 210, 0], np.uint8)


def numbered(picture: np.ndarray, bundle: bundle_lib.Bundle) -> np.ndarray:
  """A picture whose faces have frames and the numbers of `face_index`.

  Args:
    picture: [H, W, 3] uint8 RGB.
    bundle: Bundle with the face detector.

  Raises:
    InputError: it shows no face.
  """
  found = bundle.detector.detect(picture)
  height, width = picture.shape[:2]
  crop.pick(found, 0, (width, height))  # raises where there is none
  return drawn(picture, dict(enumerate(face.box for face in found)))


def drawn(
  picture: np.ndarray, boxes: Mapping[int, crop.Box], least: int = 14
) -> np.ndarray:
  """A picture with frames around faces, and their numbers.

  Args:
    picture: [H, W, 3] uint8 RGB.
    boxes: Faces by number.
    least: Height of the numbers, pixels, at least.
  """
  height, width = picture.shape[:2]
  shown = picture.copy()
  line = max(1, round(min(height, width) / 250))
  for box in boxes.values():
    limits = (width, height, width, height)
    x0, y0, x1, y1 = (
      int(np.clip(round(side), 0, limit - 1))
      for side, limit in zip(box, limits, strict=True)
    )
    inside = picture[y0 + line : y1 - line, x0 + line : x1 - line]
    shown[y0:y1, x0:x1] = _COLOUR
    shown[y0 + line : y1 - line, x0 + line : x1 - line] = inside
  for number, box in boxes.items():
    side = int(max(least, min(64, 0.25 * (box[3] - box[1]))))
    _stamp(shown, str(number), (box[0], box[1]), side)
  return shown


def _stamp(
  shown: np.ndarray, text: str, corner: tuple[float, float], height: int
) -> None:
  """Draws a plate at a corner, moved into the picture."""
  plate = lettering.plate(text, height)
  tall, wide = plate.opacity.shape[:2]
  rows, columns = shown.shape[:2]
  if tall > rows or wide > columns:
    return
  x = int(np.clip(round(corner[0]), 0, columns - wide))
  y = int(np.clip(round(corner[1]), 0, rows - tall))
  here = slice(y, y + tall), slice(x, x + wide)
  shown[here] = plate.over(shown[here])
