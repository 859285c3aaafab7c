"""Parts of a picture of a face, outlined by landmarks.

Conventions: landmarks are the FaceMesh points [468 or 478, 2 or more], x and y
in pixels of the picture, y down, pixel centres at half-integers. Right and left
are the person's own.
"""

import numpy as np
from PIL import Image, ImageDraw

from sadtalker_jax.face3d.fitting import priors

# Closed outlines as indices of FaceMesh points.
RIGHT_EYE = (
  33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
)  # fmt: skip
LEFT_EYE = (
  263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388,
  466,
)  # fmt: skip
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LIPS = (
  61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37,
  39, 40, 185,
)  # fmt: skip
_FINE = 4  # samples along each side of a pixel


def skin_mask(landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Mask of a face's skin: the face without eyes, brows and lips.

  Hair, beards and glasses in front of the skin are not detected, and count as
  skin.

  Args:
    landmarks: FaceMesh points [468 or 478, 2 or more] in pixels, y down.
    size: (width, height) of the picture in pixels.

  Returns:
    [H, W] float32, the covered share of each pixel.

  Raises:
    ValueError: landmarks have another shape or are not finite.
  """
  points = np.asarray(landmarks, np.float64)
  counts = (priors.NUM_FACE, priors.NUM_LANDMARKS)
  if points.ndim != 2 or len(points) not in counts or points.shape[1] < 2:
    raise ValueError(
      f'expected landmarks [468 or 478, 2], found {list(points.shape)}'
    )
  if not np.isfinite(points).all():
    raise ValueError('expected finite landmarks, found others')
  width, height = size
  picture = Image.new('L', (width * _FINE, height * _FINE))
  draw = ImageDraw.Draw(picture)
  holes = (RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW, LIPS)
  for outline in (priors.CONTOUR, *holes):
    # Pillow's pixel centres are integers.
    corners = points[list(outline), :2] * _FINE - 0.5
    inside = 1 if outline is priors.CONTOUR else 0
    draw.polygon([tuple(c) for c in corners.tolist()], fill=inside)
  fine = np.asarray(picture, np.float32)
  return fine.reshape(height, _FINE, width, _FINE).mean((1, 3))
