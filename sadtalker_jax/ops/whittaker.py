"""Whittaker smoothing along time, across gaps.

Time is axis 0. Runs on the host in float64.
"""

import numpy as np
from scipy import linalg


def smooth(
  values: np.ndarray, weight: np.ndarray, fps: float, cutoff: float
) -> np.ndarray:
  """Smooths tracks by least squares with a penalty on second differences.

  Args:
    values: [T, C] tracks.
    weight: [T] weights of the frames, not all zero; frames of weight 0 are
      interpolated.
    fps: frames per second.
    cutoff: frequency in Hz whose amplitude is halved.

  Returns:
    [T, C] float64.
  """
  length = len(values)
  # Response of the smoother: 1 / (1 + penalty (2 sin(pi f / fps))^4).
  penalty = (2 * np.sin(np.pi * min(cutoff / fps, 0.5))) ** -4
  # A slight penalty on first differences keeps the value level beyond the last
  # frame with weight, where second differences alone would continue a line.
  stencils = (
    (np.array([1.0, -2.0, 1.0]), penalty),
    (np.array([1.0, -1.0]), 0.1),
  )
  band = np.zeros((3, length))
  band[2] = weight
  for stencil, factor in stencils:
    count = length - len(stencil) + 1
    for i in range(len(stencil)):
      for j in range(i, len(stencil)):
        product = factor * stencil[i] * stencil[j]
        band[2 - (j - i), j : j + max(count, 0)] += product
  right = weight[:, None] * values
  return linalg.solveh_banded(band, right) if length > 1 else right / weight
