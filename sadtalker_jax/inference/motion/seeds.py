"""The random seed of a clip: the chosen one, or one from its sound.

Without a choice no two recordings blink alike, and the same recording always
gives the same frames.
"""

import zlib

import numpy as np

from sadtalker_jax.ops import waves

_STEPS = 127  # few levels: the last bits of a decoder do not matter


def chosen(seed: int | None, wave: waves.Wave) -> int:
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
  number = so_far = 0
  has_begun = False
  for block in waves.blocks(wave):
    sound = np.nan_to_num(block.astype(np.float32))
    coarse = np.rint(np.clip(sound, -1, 1) * _STEPS).astype(np.int8).tobytes()
    if not has_begun:
      coarse = coarse.lstrip(b'\0')
    heard = coarse.rstrip(b'\0')
    if heard:
      has_begun = True
      number = zlib.crc32(heard, so_far)
    so_far = zlib.crc32(coarse, so_far)
  return number
