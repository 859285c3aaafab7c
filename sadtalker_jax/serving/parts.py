"""How parts of a stream are sent: one message each, binary.

    4 bytes   'SJP1'
    4         flags: 1 idle, 2 the picture is that of before
    8         number of the first sample since the start, the part's time
    4         number of the utterance
    4         number of samples
    4         bytes of the picture, 0 where it is that of before
    4         0
    then      the samples, 16 bits each, and the picture

All numbers are little-endian and unsigned; samples are signed.
"""

import struct
from typing import Literal, get_args

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.inference.live import core
from sadtalker_jax.media import image

Format = Literal['jpeg', 'webp']
FORMATS = get_args(Format)
IDLE, REPEATED = 1, 2

_ENCODERS = {'jpeg': image.to_jpeg, 'webp': image.to_webp}
_HEADER = struct.Struct('<4sIQIIII')
_MAGIC = b'SJP1'


def packed(
  part: core.Part, rate: int, kind: Format = 'jpeg', quality: int = 90
) -> bytes:
  """The message of a part.

  Args:
    part: Part.
    rate: Samples a second.
    kind: Format of pictures.
    quality: Quality of pictures, 1 to 100.
  """
  picture = b''
  if not part.repeated:
    picture = _ENCODERS[kind](part.frame, quality)
  sound = np.rint(np.clip(part.audio, -1, 1) * 32767).astype('<i2')
  header = _HEADER.pack(
    _MAGIC,
    IDLE * part.idle | REPEATED * part.repeated,
    int(part.pts * rate),
    part.segment,
    len(sound),
    len(picture),
    0,
  )
  return header + sound.tobytes() + picture


def samples(message: bytes, most: int) -> np.ndarray:
  """Sound [L] int16 of a message.

  Raises:
    InputError: it is longer than `most` samples, or half a sample.
  """
  if len(message) % 2 or len(message) > 2 * most:
    raise errors.InputError(
      f'sound: expected up to {most} samples of 2 bytes in a message, found '
      f'{len(message)} bytes'
    )
  return np.frombuffer(message, '<i2').astype(np.int16)
