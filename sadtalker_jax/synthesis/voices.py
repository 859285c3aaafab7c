"""Pieces of a recording, changed at random."""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.media import resampling

SECONDS = (3.0, 6.0)  # least and most of a piece
_SPEED = (0.9, 1.12)  # factor of the speed; the pitch changes with it


def piece(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """A random piece of a recording, faster or slower.

  Args:
    speech: [L] recording at 16 kHz.
    rng: Random numbers for place, length, speed and loudness.

  Returns:
    float32 [640 T] sound of T frames.
  """
  speed = rng.uniform(*_SPEED)
  length = rng.uniform(*SECONDS)
  samples = min(int(length * speed * conventions.SAMPLE_RATE), len(speech))
  start = int(rng.integers(0, len(speech) - samples + 1))
  part = speech[None, start : start + samples]
  # Played at another rate: faster and higher, or slower and lower.
  rate = round(conventions.SAMPLE_RATE * speed / 100) * 100
  changed = np.concatenate(
    list(resampling.resampled(iter([part]), rate, conventions.SAMPLE_RATE, 1)),
    1,
  )[0]
  count = len(changed) // conventions.SAMPLES_PER_FRAME
  gain = rng.uniform(0.6, 1.0)
  return (gain * changed[: count * conventions.SAMPLES_PER_FRAME]).astype(
    np.float32
  )
