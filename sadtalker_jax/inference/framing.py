"""What of a picture frames show: faces in them, and formats cut out of them.

Boxes are (x0, y0, x1, y1), sizes (width, height), in pixels of a frame; a share
is a box in units of the whole frame.
"""

import numpy as np

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.media import blend

IntBox = tuple[int, int, int, int]
Share = tuple[float, float, float, float]

FEATHER = 0.06  # soft border of a pasted window, share of its shorter side
WHOLE: Share = (0.0, 0.0, 1.0, 1.0)
_HEIGHT = 0.42  # of a face's middle in a format, share from above


def inside(size: tuple[int, int], share: Share) -> tuple[slice, slice]:
  """Rows and columns of a part of pictures of a height and width."""
  height, width = size
  left, top = int(width * share[0]), int(height * share[1])
  right, bottom = round(width * share[2]), round(height * share[3])
  return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def pasted_box(portrait: portrait_lib.Portrait) -> IntBox:
  """The window of a portrait in its picture, whole pixels."""
  x0, y0, x1, y1 = (round(side) for side in portrait.window.box)
  return x0, y0, x1, y1


def paster(portrait: portrait_lib.Portrait) -> blend.Paster:
  """What pastes frames of a portrait into its picture."""
  x0, y0, x1, y1 = pasted_box(portrait)
  return blend.Paster(
    portrait.picture,
    (x0, y0, x1, y1),
    feather=FEATHER * min(x1 - x0, y1 - y0),
    color_match=True,
  )


def faces(
  portrait: portrait_lib.Portrait,
  size: tuple[int, int],
  bundle: bundle_lib.Bundle,
) -> list[np.ndarray]:
  """Boxes of the faces that the detector finds, in frames of a size."""
  picture, window = portrait.picture, portrait.window
  left, top, right, bottom = window.box
  if window.paste:
    left, top, right, bottom = 0, 0, picture.shape[1], picture.shape[0]
  scale = np.array([size[0] / (right - left), size[1] / (bottom - top)])
  corner = np.array([left, top])
  return [
    ((np.reshape(face.box, (2, 2)) - corner) * scale).reshape(4)
    for face in bundle.detector.detect(picture)
  ]


def cut(
  portrait: portrait_lib.Portrait,
  size: tuple[int, int],
  ratio: tuple[int, int],
  bundle: bundle_lib.Bundle,
) -> IntBox:
  """The largest box of a format in frames, its face in the middle.

  Args:
    portrait: Portrait that is animated.
    size: Size of the frames.
    ratio: Width and height of the format.
    bundle: Bundle with the face detector.

  Returns:
    The box, with even sides.
  """
  width, height = size
  share = min(width / ratio[0], height / ratio[1])
  sides = np.array([max(2, int(share * side / 2) * 2) for side in ratio])
  middle = np.array(size) * [0.5, _HEIGHT]
  found = faces(portrait, size, bundle)
  if found:
    middles = [(box[:2] + box[2:]) / 2 for box in found]
    middle = min(
      middles, key=lambda m: np.abs(m - _expected(portrait, size)).sum()
    )
  corner = np.round(middle - sides * [0.5, _HEIGHT])
  x0, y0 = (int(c) for c in np.clip(corner, 0, np.array(size) - sides))
  return x0, y0, x0 + int(sides[0]), y0 + int(sides[1])


def _expected(
  portrait: portrait_lib.Portrait, size: tuple[int, int]
) -> np.ndarray:
  """Where the face is that moves, nearly: in the middle of its window."""
  window = portrait.window
  if not window.paste:
    return np.array(size) / 2
  height, width = portrait.picture.shape[:2]
  x0, y0, x1, y1 = window.box
  return np.array([x0 + x1, y0 + y1]) / 2 * (np.array(size) / [width, height])
