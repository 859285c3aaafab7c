"""How files are encoded: codecs, quality, bits of sound; without FFmpeg."""

from collections.abc import Mapping
import dataclasses
from typing import Literal, NamedTuple

from sadtalker_jax import errors

Codec = Literal['h264', 'hevc', 'av1']


class Kind(NamedTuple):
  """How a codec is used."""

  encoder: Literal['libx264', 'libx265', 'libsvtav1']
  crf: float  # by default; looks like the original
  worst: float  # largest crf
  preset: str  # by default
  options: Mapping[str, str] = {}
  tag: str = ''  # of the track, where players want another than FFmpeg's


KINDS: Mapping[Codec, Kind] = {
  'h264': Kind('libx264', 18, 51, 'veryfast'),
  'hevc': Kind(
    'libx265', 20, 51, 'fast', {'x265-params': 'log-level=none'}, 'hvc1'
  ),
  'av1': Kind('libsvtav1', 26, 63, '8'),
}


@dataclasses.dataclass(frozen=True)
class Encoding:
  """How pictures and sound of a file are encoded.

  Attributes:
    codec: Codec of the pictures.
    crf: Constant quality, 0 (best) to 51, or to 63 for AV1; None for one that
      looks like the original.
    preset: Speed of the encoder, in its own words; None for a quick one.
    audio_bitrate: Thousands of bits a second of the sound; None for 96 of one
      channel, 160 of two.

  Raises:
    InputError: a value is not possible.
  """

  codec: Codec = 'h264'
  crf: float | None = None
  preset: str | None = None
  audio_bitrate: int | None = None

  def __post_init__(self) -> None:
    """Checks the values."""
    kind = self.kind
    if self.crf is not None and not 0 <= self.crf <= kind.worst:
      raise errors.InputError(
        f'crf: expected 0 to {kind.worst} for {self.codec}, found {self.crf:g}'
      )

  @property
  def kind(self) -> Kind:
    """How the codec is used."""
    return KINDS[self.codec]
