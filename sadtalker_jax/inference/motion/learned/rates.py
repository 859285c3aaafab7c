"""Tracks at other frame rates."""

import numpy as np


def resampled(track: np.ndarray, num_frames: int, speed: float) -> np.ndarray:
  """A track [T, C] at another rate, on Catmull-Rom's curve: [num_frames, C].

  Args:
    track: One row per frame, sampled at the middle of its time.
    num_frames: Rows of the result.
    speed: Frames of the track in the time of one frame of the result.
  """
  place = (np.arange(num_frames) + 0.5) * speed - 0.5
  place = np.clip(place, 0, len(track) - 1)
  first = np.floor(place)
  u = (place - first)[:, None]
  weights = (
    u * (u * (2 - u) - 1) / 2,
    (u**2 * (3 * u - 5) + 2) / 2,
    u * (u * (4 - 3 * u) + 1) / 2,
    u**2 * (u - 1) / 2,
  )
  index = first.astype(np.int64)
  result = np.zeros((num_frames, track.shape[1]))
  for offset, weight in enumerate(weights, -1):
    result += weight * track[np.clip(index + offset, 0, len(track) - 1)]
  return result.astype(np.float32)
