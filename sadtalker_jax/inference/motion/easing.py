"""From the picture into motion, and back to it at the end of a clip."""

import numpy as np

SECONDS = 0.15


def weights(num_frames: int, fps: float) -> np.ndarray:
  """Weights [T] of a motion: 0 in the first and last frame, 1 between.

  Args:
    num_frames: T.
    fps: Frames per second.
  """
  frame = np.arange(num_frames)
  inwards = np.minimum(frame, num_frames - 1 - frame) / (fps * SECONDS)
  x = np.clip(inwards, 0, 1)
  return x * x * (3 - 2 * x)
