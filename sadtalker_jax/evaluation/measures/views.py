"""Views of a crop that networks are given: upright faces, SyncNet's mouths.

Crops are uint8 [T, S, S, 3] RGB, points [T, 478, 3] in their pixels, y down.
"""

import numpy as np
from scipy import ndimage

from sadtalker_jax.faces import aligned, syncnet_view, warp

ARCFACE = (
  'five points (eyes, nose tip, corners of the mouth) of the landmarks, by '
  'similarity to the 112 x 112 template of ArcFace'
)
SYNCNET = (
  'square of the landmark box as in syncnet_python (median of 13 frames; 1.4 '
  'half sides left and right, 1 up, 1.8 down), grey 110 beyond the crop, '
  '224 x 224'
)
# Eyes, nose tip, corners of the mouth in a face of 112 pixels (method 6.6).
_TEMPLATE = np.array(
  [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
  ]
)
_FACE = 112
_CALM = 13  # frames of the median of a face's boxes (method 9.4)


def face(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
  """A face in the pose that ArcFace is trained on.

  Args:
    frame: uint8 [S, S, 3].
    points: [478, 3].

  Returns:
    float32 [112, 112, 3] RGB in [0, 255], black outside of the crop.
  """
  five = aligned.five_points(points)
  # As complex numbers the similarity from the template is z -> a z + b.
  z, goal = (p[:, 0] + 1j * p[:, 1] for p in (_TEMPLATE, five))
  middle = z.mean()
  a = ((z - middle).conj() * (goal - goal.mean())).sum()
  a /= np.square(np.abs(z - middle)).sum()
  centre = a * (complex(_FACE, _FACE) / 2 - middle) + goal.mean()
  square = warp.Square(
    (float(centre.real), float(centre.imag)),
    _FACE * float(np.abs(a)),
    float(np.angle(a)),
  )
  return warp.crop(frame, square, _FACE, border='black')


def mouths(frames: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Views of a clip for SyncNet v2: uint8 [T, 224, 224, 3], **BGR**.

  Args:
    frames: uint8 [T, S, S, 3] RGB.
    points: [T, 478, 3].
  """
  low, high = points[..., :2].min(1), points[..., :2].max(1)
  half = (high - low).max(1, keepdims=True) / 2
  raw = np.concatenate([half, (low + high) / 2], 1)  # [T, 3] half, x, y
  calm = ndimage.median_filter(raw, (_CALM, 1), mode='nearest')
  return np.stack(
    [
      syncnet_view.cut(f, *(float(v) for v in c))
      for f, c in zip(frames, calm, strict=True)
    ]
  )
