"""Several sounds at once."""

from collections.abc import Sequence
import os

import numpy as np

from sadtalker_jax.media import audio, recordings, resampling, samples

RATE = 48_000  # samples a second


def loaded(
  sound: str | os.PathLike[str] | recordings.Recording | tuple[np.ndarray, int],
) -> np.ndarray:
  """A sound, mono [L] float32 at `RATE`.

  Raises:
    InputError: it cannot be read, or is no sound.
  """
  if not isinstance(sound, tuple):
    return audio.load(sound, rate=RATE, report=False)
  wave, rate = samples.checked(sound)
  pieces = resampling.resampled(iter([samples.mono(wave)]), rate, RATE, 1)
  return np.concatenate(list(pieces), axis=1)[0]


def mixed(waves: Sequence[np.ndarray]) -> np.ndarray:
  """Sounds [L] that begin together, as one; quieter where they would clip."""
  total = np.zeros(max(len(wave) for wave in waves), np.float32)
  for wave in waves:
    total[: len(wave)] += wave
  peak = float(np.abs(total).max(initial=0))
  return total / peak if peak > 1 else total
