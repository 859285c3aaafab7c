"""How files are encoded: codecs, quality, bits of sound; without FFmpeg."""

from collections.abc import Mapping
import dataclasses
from typing import Literal, NamedTuple

from sadtalker_jax import errors

Codec = Literal['h264', 'hevc', 'av1', 'prores', 'vp9', 'webp', 'png']


class SoundKind(NamedTuple):
  """How the sound of a file is encoded."""

  encoder: Literal['aac', 'libopus', 'pcm_s16le']
  block: int  # samples that are encoded together
  rates: tuple[int, ...]  # samples a second, the usual one first


AAC = SoundKind('aac', 1024, (48000, 44100))
_OPUS = SoundKind('libopus', 960, (48000,))
_PCM = SoundKind('pcm_s16le', 1024, (48000, 44100))


# Colours are coded finer than by default: a mouth is a few pixels of chroma, in
# which teeth turned grey. A fifth more bytes, no time.
X264_COLOURS: Mapping[str, str] = {'x264-params': 'chroma-qp-offset=-8'}


class Kind(NamedTuple):
  """How a codec is used, and in which files."""

  encoder: Literal[
    'libx264',
    'libx265',
    'libsvtav1',
    'prores_ks',
    'libvpx-vp9',
    'libwebp_anim',
    'png',
  ]
  crf: float | None = None  # by default; looks like the original
  worst: float = 0  # largest crf
  preset: str | None = None  # by default; None for codecs without
  options: Mapping[str, str] = {}
  tag: str = ''  # of the track, where players want another than FFmpeg's
  suffix: str = '.mp4'  # of the file
  pixels: str = 'yuv420p'
  clear: str = ''  # pixels with transparency; '' where there are none
  sound: SoundKind | None = AAC

  @property
  def is_folder(self) -> bool:
    """Whether pictures are files of a folder, see `picture_folders`."""
    return self.suffix == '.frames'

  @property
  def container(self) -> str:
    """FFmpeg's name of the kind of file."""
    return self.suffix[1:]


KINDS: Mapping[Codec, Kind] = {
  'h264': Kind('libx264', 18, 51, 'veryfast', X264_COLOURS),
  'hevc': Kind(
    'libx265',
    20,
    51,
    'fast',
    {'x265-params': 'log-level=none:cbqpoffs=-8:crqpoffs=-8'},
    'hvc1',
  ),
  'av1': Kind('libsvtav1', 26, 63, '8'),
  'prores': Kind(
    'prores_ks',
    options={'profile': '4444'},
    suffix='.mov',
    pixels='yuv444p10le',
    clear='yuva444p10le',
  ),
  'vp9': Kind(
    'libvpx-vp9',
    20,
    63,
    # Hidden frames do not go with transparency.
    options={'b': '0', 'cpu-used': '4', 'row-mt': '1', 'auto-alt-ref': '0'},
    suffix='.webm',
    clear='yuva420p',
    sound=_OPUS,
  ),
  'webp': Kind(
    'libwebp_anim',
    options={'quality': '90', 'loop': '0'},
    suffix='.webp',
    clear='yuva420p',
    sound=None,
  ),
  'png': Kind(
    'png', suffix='.frames', pixels='rgb24', clear='rgba', sound=_PCM
  ),
}
CLEAR = tuple(name for name, kind in KINDS.items() if kind.clear)


@dataclasses.dataclass(frozen=True)
class Encoding:
  """How pictures and sound of a file are encoded.

  Attributes:
    codec: Codec of the pictures; the kind of file goes with it.
    crf: Constant quality, 0 (best) to 51, or to 63 for AV1 and VP9; None for
      one that looks like the original.
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
    if self.crf is not None and kind.crf is None:
      raise errors.InputError(
        f'crf: expected none for {self.codec}, found {self.crf:g}'
      )
    if self.crf is not None and not 0 <= self.crf <= kind.worst:
      raise errors.InputError(
        f'crf: expected 0 to {kind.worst:g} for {self.codec}, found '
        f'{self.crf:g}'
      )

  @property
  def kind(self) -> Kind:
    """How the codec is used."""
    return KINDS[self.codec]

  @property
  def suffix(self) -> str:
    """How names of the files end."""
    return self.kind.suffix

  @property
  def settings(self) -> Mapping[str, str]:
    """Options of the encoder, by its own names."""
    crf = self.kind.crf if self.crf is None else self.crf
    given = {
      'crf': None if crf is None else f'{crf:g}',
      'preset': self.preset or self.kind.preset,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    return {**chosen, **self.kind.options}
