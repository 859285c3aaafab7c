"""Smooth fields: continued from sites, read between pixels.

Conventions: maps are [H, W], points (x, y) in their pixels, pixel centres at
half-integers.
"""

import numpy as np
from scipy import ndimage


def spread(
  sites: np.ndarray, values: np.ndarray, at: np.ndarray, length: float
) -> np.ndarray:
  """A smooth field through known values that fades to zero far from them.

  The mean of a Gaussian process with an exponential kernel: exact at the sites
  (but for a trace of noise that keeps the system regular), continuous between.

  Args:
    sites: [S, D] points where the field is known.
    values: [S, C] values there.
    at: [P, D] points of the result.
    length: Fading length, in the unit of the points.

  Returns:
    [P, C].
  """
  gram = _kernel(sites, sites, length)
  gram[np.diag_indices_from(gram)] += 1e-3
  return _kernel(at, sites, length) @ np.linalg.solve(gram, values)


def sample(field: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Bilinear values [P] of a map [H, W] at pixel points [P, 2], clamped."""
  rows = np.stack([points[:, 1] - 0.5, points[:, 0] - 0.5])
  return ndimage.map_coordinates(
    np.asarray(field, np.float64), rows, order=1, mode='nearest'
  )


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
  """0 below `low`, 1 above `high`, smooth between."""
  t = np.clip((x - low) / (high - low), 0.0, 1.0)
  return t * t * (3.0 - 2.0 * t)


def _kernel(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
  """Exponential kernel [A, B] between points [A, D] and [B, D]."""
  squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T
  return np.exp(-np.sqrt(np.maximum(squared, 0.0)) / length)
