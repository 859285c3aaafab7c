"""Means and deviations of coefficients over records, summed shard by shard.

Sums are float64 and are added in the order of the shards, so the result does
not depend on which process summed which shard.
"""

import dataclasses

import numpy as np

from sadtalker_jax import conventions

WINDOW = 33  # frames of a pose clip (method 4.5)


@dataclasses.dataclass(eq=False)
class Sums:
  """Sums over frames and over differences of poses."""

  frames: int = 0
  rows: np.ndarray = dataclasses.field(
    default_factory=lambda: np.zeros((2, conventions.ROW_SIZE))
  )  # values, squares
  deltas: int = 0
  pose: np.ndarray = dataclasses.field(
    default_factory=lambda: np.zeros((2, conventions.POSE_SIZE))
  )

  def add(self, coefficients: np.ndarray) -> None:
    """Adds the coefficients of a clip, [T, 257]."""
    parts = (
      conventions.EXPRESSION,
      conventions.ANGLES,
      conventions.TRANSLATION,
    )
    rows = np.concatenate([coefficients[:, p] for p in parts], 1)
    rows = rows.astype(np.float64)
    self.frames += len(rows)
    self.rows += np.stack([rows.sum(0), np.square(rows).sum(0)])
    pose = rows[:, conventions.ROW_POSE]
    count = len(pose) - WINDOW + 1
    for t in range(1, WINDOW if count > 0 else 1):
      delta = pose[t : t + count] - pose[:count]
      self.deltas += count
      self.pose += np.stack([delta.sum(0), np.square(delta).sum(0)])

  def join(self, other: 'Sums') -> None:
    """Adds the sums of another shard."""
    self.frames += other.frames
    self.rows += other.rows
    self.deltas += other.deltas
    self.pose += other.pose

  def result(self) -> dict[str, list[float]]:
    """Values of `folders.STATISTICS`; mean 0 and deviation 1 without clips."""
    mean, std = _moments(self.rows, self.frames)
    delta_mean, delta_std = _moments(self.pose, self.deltas)
    return {
      'mean': mean,
      'std': std,
      'pose_delta_mean': delta_mean,
      'pose_delta_std': delta_std,
    }


def _moments(sums: np.ndarray, count: int) -> tuple[list[float], list[float]]:
  if not count:
    size = sums.shape[1]
    return [0.0] * size, [1.0] * size
  mean = sums[0] / count
  variance = np.maximum(sums[1] / count - mean**2, 0)
  return mean.tolist(), np.sqrt(variance).tolist()
