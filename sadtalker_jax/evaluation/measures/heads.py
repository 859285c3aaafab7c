"""How a head turns, from the depth of its landmarks alone: no weights."""

import numpy as np

# Corners of the eyes, forehead, nose: points that expressions do not move.
_RIGID = np.array(
  [33, 133, 263, 362, 6, 197, 195, 5, 4, 1, 10, 151, 9, 8, 127, 356]
)


def degrees(points: np.ndarray) -> np.ndarray:
  """Turns of the head against its mean position in the clip.

  The rigid points of every frame are laid on their mean shape by rotation,
  scale and shift (Kabsch, 1976).

  Args:
    points: [T, 468 or more, 3] pixels, y down.

  Returns:
    [T, 3] float64 yaw, pitch, roll in degrees, signs as `ops.rotation`.
  """
  rows = np.asarray(points, np.float64)[:, _RIGID] * np.array([1, -1, -1])
  rows = rows - rows.mean(1, keepdims=True)
  rows /= np.linalg.norm(rows, axis=(1, 2), keepdims=True)
  turns = _onto(rows[0], rows)
  mean = np.einsum('tji,tnj->ni', turns, rows) / len(rows)  # as in frame 0
  turns = _onto(mean, rows)
  left, _, right = np.linalg.svd(turns.mean(0))
  return _angles(turns @ (left @ right).T)  # against the mean turn


def _onto(shape: np.ndarray, rows: np.ndarray) -> np.ndarray:
  """Rotations [T, 3, 3] that turn a shape [N, 3] onto rows [T, N, 3]."""
  left, _, right = np.linalg.svd(np.einsum('tni,nj->tij', rows, shape))
  sign = np.linalg.det(left @ right)
  left[..., -1] *= sign[:, None]
  return left @ right


def _angles(turns: np.ndarray) -> np.ndarray:
  """Yaw, pitch, roll of Rz Ry Rx, degrees."""
  yaw = np.arcsin(np.clip(-turns[:, 2, 0], -1, 1))
  pitch = np.arctan2(turns[:, 2, 1], turns[:, 2, 2])
  roll = np.arctan2(turns[:, 1, 0], turns[:, 0, 0])
  return np.degrees(np.stack([yaw, pitch, roll], -1))
