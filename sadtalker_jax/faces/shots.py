"""Cuts between the shots of a film.

Frames are uint8 [H, W, 3]. Two neighbouring frames belong to different shots if
they differ in place (mean difference of small copies) and in kind (their
colours), or very much in place. Slow dissolves are not found; the tracks of
faces that change in them end when the face is lost.
"""

import numpy as np

_SIDE = 48  # side of the small copies, about
_BINS = 4  # levels of each colour
_MOVED, _OTHER = 14.0, 0.35  # mean difference of 255, share of other colours
_ALL_MOVED = 48.0


class Detector:
  """Compares every frame with the one before it."""

  def __init__(self) -> None:
    self._last: tuple[np.ndarray, np.ndarray] | None = None

  def is_cut(self, frame: np.ndarray) -> bool:
    """Whether a new shot begins with this frame; the first one begins none."""
    small = _small(frame)
    colours = _colours(small)
    last, self._last = self._last, (small, colours)
    if last is None:
      return False
    if last[0].shape != small.shape:
      return True
    moved = np.abs(small - last[0]).mean()
    other = np.abs(colours - last[1]).sum() / 2
    return bool(moved > _ALL_MOVED or (moved > _MOVED and other > _OTHER))


def _small(frame: np.ndarray) -> np.ndarray:
  """Every n-th pixel, float32; both frames of a pair alias alike."""
  step = max(1, min(frame.shape[:2]) // _SIDE)
  return frame[step // 2 :: step, step // 2 :: step].astype(np.float32)


def _colours(small: np.ndarray) -> np.ndarray:
  """Shares of the 64 coarse colours."""
  level = (small * (_BINS / 256)).astype(np.int64)
  index = (level[..., 0] * _BINS + level[..., 1]) * _BINS + level[..., 2]
  counts = np.bincount(index.ravel(), minlength=_BINS**3)
  return counts / counts.sum()
