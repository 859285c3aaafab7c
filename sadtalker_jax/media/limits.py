"""Limits of the numbers that media files and arrays may have."""

import os

from sadtalker_jax import errors

MIN_SIDE = 60  # pixels; a face in a smaller picture cannot be found
MAX_SIDE = 16384  # pixels; largest side of H.264 as x264 writes it
MAX_FPS = 240
MIN_RATE, MAX_RATE = 1000, 768_000  # samples a second
MAX_CHANNELS = 64


def check_rate(rate: int, name: str | os.PathLike[str]) -> None:
  """Refuses a sample rate that no sound has.

  Args:
    rate: Samples a second.
    name: Name of the file, which starts the message.

  Raises:
    InputError: it is out of range.
  """
  if not MIN_RATE <= rate <= MAX_RATE:
    raise errors.InputError(
      f'{name}: expected {MIN_RATE} to {MAX_RATE} samples a second, '
      f'found {rate}'
    )


def check_channels(count: int, name: str | os.PathLike[str]) -> None:
  """Refuses a number of channels that only damaged headers have.

  Args:
    count: Channels of a sound.
    name: Name of the file, which starts the message.

  Raises:
    InputError: they are too many.
  """
  if count > MAX_CHANNELS:
    raise errors.InputError(
      f'{name}: expected at most {MAX_CHANNELS} channels, found {count}'
    )


def check_side(size: tuple[int, int], name: str | os.PathLike[str]) -> None:
  """Refuses a picture that is too small or too large.

  Args:
    size: Width and height in pixels.
    name: Name of the file, which starts the message.

  Raises:
    InputError: a side is out of range.
  """
  if not MIN_SIDE <= min(size) <= max(size) <= MAX_SIDE:
    raise errors.InputError(
      f'{name}: expected a picture of {MIN_SIDE} to {MAX_SIDE} pixels a side, '
      f'found {size[0]} x {size[1]}'
    )
