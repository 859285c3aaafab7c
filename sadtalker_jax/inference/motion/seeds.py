"""The random seed of a clip: the chosen one, or one from its sound.

Without a choice no two recordings blink alike, and the same recording always
gives the same frames.
"""

import zlib

import numpy as np

_STEPS = 127  # few levels: the last bits of a decoder do not matter


def chosen(seed: int | None, wave: np.ndarray) -> int:
  """The seed of a clip.

  Args:
    seed: Chosen seed; None for that of the sound.
    wave: [L] sound in [-1, 1]; may be empty.

  Returns:
    The chosen one, or a number from 0 to 2**32 - 1. Silence at either end does
    not matter to it.
  """
  if seed is not None:
    return seed
  sound = np.nan_to_num(np.asarray(wave, np.float32))
  coarse = np.rint(np.clip(sound, -1, 1) * _STEPS).astype(np.int8)
  return zlib.crc32(coarse.tobytes().strip(b'\0'))
