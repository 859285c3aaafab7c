"""Crops of faces as SyncNet v2 takes them (method 9.4)."""

import numpy as np

from sadtalker_jax.faces import crop

SIDE = 224  # pixels
# Reach of the crop below and beside the middle of the face's box, in halves of
# its longer side; above the middle it is 1.
_BELOW, _BESIDE = 1.8, 1.4
_GREY = 110  # value beyond the picture


def cut(frame: np.ndarray, half: float, x: float, y: float) -> np.ndarray:
  """The crop of one face, uint8 [224, 224, 3], **BGR**.

  Args:
    frame: uint8 [H, W, 3] RGB.
    half: half of the longer side of the box around the face, in pixels.
    x: middle of the box along x, in pixels.
    y: middle of the box along y, in pixels.
  """
  left, top = int(x - _BESIDE * half), int(y - half)
  right, bottom = int(x + _BESIDE * half), int(y + _BELOW * half)
  height, width = frame.shape[:2]
  reach = max(-left, -top, right - width, bottom - height, 0)
  padded = np.pad(
    frame, ((reach, reach), (reach, reach), (0, 0)), constant_values=_GREY
  )
  part = padded[top + reach : bottom + reach, left + reach : right + reach]
  return crop.resize_plain(part, (SIDE, SIDE))[..., ::-1]
