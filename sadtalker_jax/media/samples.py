"""Sound that is given as an array, checked as a file would be."""

import numbers
from typing import Any

from absl import logging
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import limits

_MOST_CHANNELS = 2
_MOST_PEAK = 16  # louder floats are integers by mistake, not loud sound
_SHAPES = 'samples [L], [C, L] or [L, C] of 1 or 2 channels'


def checked(sound: Any) -> tuple[np.ndarray, int]:
  """Samples [C, L] float32 in [-1, 1], and their rate.

  Args:
    sound: Pair of samples and samples a second. Samples are [L], [C, L] or
      [L, C], C of 1 or 2 (where both sides are that short, [C, L]): floats in
      [-1, 1], or integers of 8 (unsigned), 16 or 32 bits at full scale.

  Raises:
    InputError: it is anything else, empty, or not finite.
  """
  if not isinstance(sound, (tuple, list)) or len(sound) != 2:
    raise errors.InputError(
      'audio: expected the name of a file or a pair of samples and rate, '
      f'found {type(sound).__name__}'
    )
  rate = _rate(sound[1])
  return _wave(sound[0]), rate


def mono(wave: np.ndarray) -> np.ndarray:
  """One channel [1, L] of [C, L]: the mean, or the louder if they cancel."""
  energies = np.einsum('cn,cn->c', wave, wave)
  mean = wave.mean(axis=0, keepdims=True)
  if (mean**2).sum() >= 0.01 * energies.max(initial=0):
    return mean
  lone = int(np.argmax(energies))
  logging.warning(
    'audio: its channels cancel each other; channel %d alone moves the lips',
    lone,
  )
  return wave[lone : lone + 1]


def _rate(rate: Any) -> int:
  is_whole = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
  if not is_whole or not 0 <= rate <= 2**40 or int(rate) != rate:
    found = errors.shown(rate) if np.ndim(rate) == 0 else type(rate).__name__
    raise errors.InputError(
      'audio: expected a whole number of samples a second after the samples, '
      f'found {found}'
    )
  limits.check_rate(int(rate), 'audio')
  return int(rate)


def _wave(given: Any) -> np.ndarray:
  try:
    wave = np.asarray(given)
  except (ValueError, TypeError) as error:  # rows of several lengths
    raise errors.InputError(
      f'audio: expected {_SHAPES}, found {type(given).__name__}'
    ) from error
  if wave.ndim == 2 and wave.shape[0] > _MOST_CHANNELS >= wave.shape[1]:
    wave = wave.T
  channels = 1 if wave.ndim == 1 else wave.shape[0] if wave.ndim == 2 else 0
  if not wave.size or not 1 <= channels <= _MOST_CHANNELS:
    raise errors.InputError(
      f'audio: expected {_SHAPES}, found {list(wave.shape)}'
    )
  wave = np.atleast_2d(_floats(wave))
  if not np.isfinite(wave).all():
    raise errors.InputError(
      'audio: expected finite samples, found NaN or infinity'
    )
  peak = float(np.abs(wave).max())
  if peak > _MOST_PEAK:
    raise errors.InputError(
      f'audio: expected samples in [-1, 1], found {peak:.4g}'
    )
  if peak > 1.1:
    logging.warning('audio: samples up to %.4g were clipped to 1', peak)
  return np.clip(wave, -1, 1)


def _floats(wave: np.ndarray) -> np.ndarray:
  if wave.dtype == np.uint8:
    return (wave.astype(np.float32) - 128) / 128
  if wave.dtype in (np.int16, np.int32):
    return (wave / 2.0 ** (8 * wave.dtype.itemsize - 1)).astype(np.float32)
  # bfloat16 and other small floats are of no kind that numpy knows.
  if wave.dtype.kind == 'f' or wave.dtype.name == 'bfloat16':
    with np.errstate(over='ignore'):
      return wave.astype(np.float32)
  raise errors.InputError(
    'audio: expected samples of type float, int16, int32 or uint8, '
    f'found {wave.dtype}'
  )
