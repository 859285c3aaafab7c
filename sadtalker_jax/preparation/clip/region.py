"""The square of the video that is cut out as the frames of a clip.

The rule of method 10.1: the box around all boxes of a track, made square about
its middle, `margin` wider on each side than its longer side. The published
program squeezes the result to a square where it leaves the picture (in the
wild) or drops it (VoxCeleb). Here it is never squeezed: in the wild it is moved
back into the picture, and made smaller if the picture is too small for it; if
the face itself then leaves it by more than a little, there is no clip.
"""

import numpy as np

from sadtalker_jax.faces import crop

_REACH = 0.08  # share of its longer side that a face may leave its square by


def enlarge(
  box: crop.Box, size: tuple[int, int], *, margin: float, strict: bool
) -> crop.IntBox | None:
  """The square of a clip.

  Args:
    box: Box around the face in all frames, pixels of the video.
    size: Width and height of the video.
    margin: Share of the longer side that it grows by at both ends.
    strict: Whether the square is neither moved nor shrunk, as for VoxCeleb.

  Returns:
    (x0, y0, x1, y1), a square of whole pixels; None if there is none.
  """
  x0, y0, x1, y1 = box
  width, height = size
  longer = max(x1 - x0, y1 - y0)
  side = int((1 + 2 * margin) * longer)
  left, top = (int((a + b - side) / 2) for a, b in ((x0, x1), (y0, y1)))
  inside = left >= 0 and top >= 0
  inside = inside and left + side <= width and top + side <= height
  if not inside and strict:
    return None
  side = min(side, width, height)
  # Half of a side that shrank belongs to each end of the face.
  left, top = (
    int(np.clip((a + b - side) / 2, 0, limit - side))
    for a, b, limit in ((x0, x1, width), (y0, y1, height))
  )
  reach = _REACH * longer
  holds = left <= x0 + reach and x1 <= left + side + reach
  holds = holds and top <= y0 + reach and y1 <= top + side + reach
  return (left, top, left + side, top + side) if holds and side > 1 else None


def to_frame(points: np.ndarray, box: crop.IntBox, size: int) -> np.ndarray:
  """Points [..., 2 or 3] of the video as points of the frames; z is scaled.

  Args:
    points: Points in pixels of the video.
    box: Square of the clip.
    size: Side of the frames.
  """
  x0, y0, x1, _ = box
  scale = size / (x1 - x0)
  corner = np.array([x0, y0, 0.0][: points.shape[-1]])
  return ((points - corner) * scale).astype(np.float32)
