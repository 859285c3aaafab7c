"""How much later one recording is than another of the same sound."""

import numpy as np
from scipy import signal

from sadtalker_jax import conventions

REACH = 15  # frames


def of_sounds(real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
  """Offset at which two sounds are most alike.

  Args:
    real: [L] sound at 16 kHz, not all zeros.
    made: [L] the other sound.

  Returns:
    Frames at 25 a second by which `made` is late, exact to a sample; and the
    correlation of what overlaps at this offset.
  """
  one, two = (np.asarray(w, np.float64) - np.mean(w) for w in (real, made))
  found = signal.correlate(two, one, method='fft')
  most = min(REACH * conventions.SAMPLES_PER_FRAME, len(one) - 1)
  middle = len(one) - 1
  near = found[middle - most : middle + most + 1]
  late = int(np.argmax(near)) - most
  first = one[max(-late, 0) : len(one) - max(late, 0)]
  second = two[max(late, 0) : len(two) - max(-late, 0)]
  norm = np.linalg.norm(first) * np.linalg.norm(second)
  likeness = float(first @ second / norm) if norm > 0 else 0.0
  return late / conventions.SAMPLES_PER_FRAME, likeness
