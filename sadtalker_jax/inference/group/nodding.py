"""Small nods of people who listen."""

from collections.abc import Sequence

import numpy as np

from sadtalker_jax import conventions

_PAUSE = 3.5, 8.0  # seconds between two nods
_DEPTH = 1.2, 2.6  # degrees
_LENGTH = 0.55  # seconds of one nod down and up
_TWICE = 0.5  # share of nods that come twice, the second one smaller
_PITCH = 0  # among the angles of a row


def nodded(
  rows: np.ndarray, fps: float, seed: int | Sequence[int]
) -> np.ndarray:
  """Rows [T, 70] with a nod now and then.

  Args:
    rows: Coefficients of a face that listens.
    fps: Frames a second.
    seed: Random seed; other faces have another.
  """
  rng = np.random.default_rng(seed)
  time = np.arange(len(rows)) / fps
  pitch = np.zeros(len(rows))
  start = rng.uniform(1.0, _PAUSE[1])
  while start < time[-1]:
    depth = rng.uniform(*_DEPTH)
    for number in range(1 + int(rng.random() < _TWICE)):
      phase = np.clip((time - start) / _LENGTH - 0.9 * number, 0, 1)
      pitch += depth * 0.6**number * np.sin(np.pi * phase) ** 2
    start += rng.uniform(*_PAUSE)
  nods = rows.copy()
  nods[:, conventions.ROW_ANGLES][:, _PITCH] += np.radians(pitch)
  return nods
