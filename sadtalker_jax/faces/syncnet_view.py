"""What SyncNet v2 sees of a face (reference, section 9.4)."""

import numpy as np

from sadtalker_jax.faces import crop

SIDE = 224  # pixels
# In halves of the face's longer side; above the middle it is one.
_BELOW, _BESIDE = 1.8, 1.4
_GREY = 110  # beyond the picture


def cut(frame: np.ndarray, half: float, x: float, y: float) -> np.ndarray:
  """The view: uint8 [224, 224, 3], **BGR**.

  Args:
    frame: uint8 [H, W, 3] RGB.
    half: half of the longer side of the box around the face, pixels.
    x: middle of that box.
    y: the same, down.
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
