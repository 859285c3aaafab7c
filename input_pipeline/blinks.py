"""Blink signals that ExpNet is trained to follow (method 3.5)."""

import numpy as np

PULSE = np.array([0.5, 0.9, 1.0, 0.9, 0.5], np.float32)  # method 2.4


def random_signal(num_frames: int, rng: np.random.Generator) -> np.ndarray:
  """Blink signal of a window, [num_frames] float32: 0 open to 1 closed.

  Half of all windows have no blink; a quarter have one pulse, anywhere that
  shows at least one of its frames; a quarter have any value in any frame, so
  that every value is learned, not only those of pulses.
  """
  signal = np.zeros(num_frames, np.float32)
  kind = rng.random()
  if kind < 0.5:
    return signal
  if kind < 0.75:
    start = int(rng.integers(1 - len(PULSE), num_frames))
    first, last = max(start, 0), min(start + len(PULSE), num_frames)
    signal[first:last] = PULSE[first - start : last - start]
    return signal
  return rng.random(num_frames, np.float32)
