"""How parts of a stream are sent: one message each, binary.

As mp4, messages are pieces of one file in fragments. As pictures they are

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
from typing import Literal, Protocol, get_args

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.inference.live import core
from sadtalker_jax.media import fragments, image, video

Pictures = Literal['jpeg', 'webp']
Format = Pictures | Literal['mp4']
PICTURES = get_args(Pictures)
FORMATS = (*PICTURES, 'mp4')
IDLE, REPEATED = 1, 2

_ENCODERS = {'jpeg': image.to_jpeg, 'webp': image.to_webp}
_HEADER = struct.Struct('<4sIQIIII')
_MAGIC = b'SJP1'
_WORST_CRF, _CRF_OF_QUALITY = 51, 0.36  # 90 is 18.6


class Packer(Protocol):
  """What makes messages of the parts of one stream."""

  @property
  def mime(self) -> str | None:
    """Type of the messages together; None where each is by itself."""

  def begin(self) -> bytes:
    """What is sent first; may be nothing."""

  def pack(self, part: core.Part) -> bytes:
    """The message of the next part."""

  def finish(self) -> bytes:
    """What is sent last; may be nothing."""


def packer(
  kind: Format, size: tuple[int, int], fps: float, rate: int, quality: int
) -> Packer:
  """What makes messages of a stream.

  Args:
    kind: Format.
    size: Width and height of frames.
    fps: Frames a second.
    rate: Samples a second, for mp4 one of `fragments.RATES`.
    quality: Quality of pictures, 1 to 100.
  """
  if kind == 'mp4':
    return _Mp4(size, fps, rate, quality)
  return _Pictures(kind, rate, quality)


class _Pictures:
  """Parts by themselves."""

  mime = None

  def __init__(self, kind: Pictures, rate: int, quality: int):
    self._kind, self._rate, self._quality = kind, rate, quality

  def begin(self) -> bytes:
    return b''

  def pack(self, part: core.Part) -> bytes:
    return packed(part, self._rate, self._kind, self._quality)

  def finish(self) -> bytes:
    return b''


class _Mp4:
  """One file in fragments."""

  def __init__(
    self, size: tuple[int, int], fps: float, rate: int, quality: int
  ):
    # Four pixels share their colours; an odd last row or column is left out.
    self._width, self._height = (side // 2 * 2 for side in size)
    self._fragments = fragments.Fragments(
      (self._width, self._height),
      video.as_rate(fps),
      rate,
      _WORST_CRF - _CRF_OF_QUALITY * quality,
    )
    self.mime = self._fragments.mime

  def begin(self) -> bytes:
    return self._fragments.header

  def pack(self, part: core.Part) -> bytes:
    frame = part.frame[: self._height, : self._width]
    return self._fragments.add(frame, part.audio)

  def finish(self) -> bytes:
    return self._fragments.finish()


def packed(
  part: core.Part, rate: int, kind: Pictures = 'jpeg', quality: int = 90
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
