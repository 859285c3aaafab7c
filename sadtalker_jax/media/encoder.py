"""Encoding of pictures and sound into one file, as `encoding` says.

Sound is encoded only as far as the pictures reach, so that neither is held back
in memory and both end together: sound is cut at, or filled with silence up to,
the end of the last picture. AAC runs at 48 kHz (44.1 kHz for sound whose rate
is a multiple of 11,025 Hz): a block of 1,024 samples then lasts less than a 25
fps frame even for players that ignore the exact length in the file.

Pictures are converted to BT.709, limited range, and tagged so. Those of four
channels are transparent where the last one is 0.
"""

from collections.abc import Iterator, Mapping
import fractions
import os
import pathlib
from typing import TypeAlias

import av
import av.error
from av.video import reformatter
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import audio as audio_lib
from sadtalker_jax.media import encoding as encoding_lib
from sadtalker_jax.media import recoding, recordings, resampling, samples

Sound: TypeAlias = (
  str | os.PathLike[str] | recordings.Recording | tuple[np.ndarray, int]
)

_BIT_RATES = {1: 96_000, 2: 160_000}  # by number of channels
_BT709, _LIMITED, _FULL = 1, 1, 2  # AVCOL_*_BT709, AVCOL_RANGE_MPEG, _JPEG
_CONVERSION = 0x4 | 0x40000  # SWS_BICUBIC, SWS_ACCURATE_RND


def check(encoding: encoding_lib.Encoding) -> None:
  """Refuses a codec that this build of FFmpeg cannot write.

  Raises:
    InputError: it cannot.
  """
  if not recoding.available(encoding.kind.encoder):
    raise errors.InputError(
      'codec: expected one that this FFmpeg writes, found '
      f'{encoding.codec} without {encoding.kind.encoder}'
    )


class Soundtrack:
  """Endless sound for a video, taken from a file or an array."""

  def __init__(
    self, sound: Sound, kind: encoding_lib.SoundKind = encoding_lib.AAC
  ):
    """Opens the sound; bad files raise here.

    Args:
      sound: name of a file, a recording that was examined before, or a pair of
        samples and rate as `samples.checked` takes it.
      kind: how it will be encoded.

    Raises:
      InputError: as `audio.load` or `samples.checked`.
    """
    self.kind = kind
    if isinstance(sound, tuple):
      wave, rate = samples.checked(sound)
      self.channels, self.rate = wave.shape[0], _output_rate(rate, kind)
      pieces = resampling.rebuffered(iter([wave]), 1 << 14)
      pieces = resampling.resampled(pieces, rate, self.rate, self.channels)
      self._blocks = resampling.rebuffered(pieces, kind.block)
    else:
      # A recording was read before, and its faults reported.
      report = not isinstance(sound, recordings.Recording)
      if not isinstance(sound, recordings.Recording):
        sound = recordings.examine(sound)
      found = audio_lib.info(sound)
      self.channels = min(found.channels, 2)
      self.rate = _output_rate(found.rate, kind)
      self._blocks = audio_lib.blocks(
        sound,
        rate=self.rate,
        channels=self.channels,
        block=kind.block,
        report=report,
      )

  def blocks(self) -> Iterator[np.ndarray]:
    """Blocks [C, N] float32 without end: the sound, then silence."""
    for block in self._blocks:
      yield np.pad(block, ((0, 0), (0, self.kind.block - block.shape[1])))
    while True:
      yield np.zeros((self.channels, self.kind.block), np.float32)


def _output_rate(rate: int, kind: encoding_lib.SoundKind) -> int:
  usual, *others = kind.rates
  return 44100 if rate % 11025 == 0 and 44100 in others else usual


class Encoder:
  """Writer of one file: `add` frames, then `finish` or `abandon`."""

  def __init__(
    self,
    path: pathlib.Path,
    *,
    size: tuple[int, int],
    fps: fractions.Fraction,
    soundtrack: Soundtrack | None,
    encoding: encoding_lib.Encoding,
    tags: Mapping[str, str],
    transparent: bool = False,
  ):
    """Starts the file.

    Args:
      path: name of the file, with any suffix.
      size: (width, height), both even.
      fps: frames a second.
      soundtrack: sound of the video; None for none.
      encoding: codecs and their quality.
      tags: texts of the file by name.
      transparent: whether frames have a fourth channel, of their opacity.

    Raises:
      InputError: the codec cannot be transparent.
    """
    self._fps = fps
    self._num_frames = 0
    kind = encoding.kind
    if transparent and not kind.clear:
      raise errors.InputError(
        f'codec: expected one of {", ".join(encoding_lib.CLEAR)} for '
        f'transparent frames, found {encoding.codec}'
      )
    is_mp4 = kind.container in ('mp4', 'mov')
    faststart = {'movflags': 'faststart'} if is_mp4 else {}
    self._container = av.open(
      f'file:{path}', 'w', format=kind.container, options=faststart
    )
    self._container.metadata.update(tags)
    self._video = self._container.add_stream(kind.encoder, rate=fps)
    self._video.width, self._video.height = size
    self._input = 'rgba' if transparent else 'rgb24'
    self._pixels = kind.clear if transparent else kind.pixels
    self._video.pix_fmt = self._pixels
    self._video.options = dict(encoding.settings)
    context = self._video.codec_context
    context.time_base = 1 / fps
    context.color_range = _LIMITED
    context.colorspace = _BT709
    context.color_primaries = _BT709
    context.color_trc = _BT709
    if kind.tag:
      context.codec_tag = kind.tag
    os.environ.setdefault('SVT_LOG', '1')  # or it tells its settings
    with recoding.usual_scheduling():
      context.open()
    self._reformatter = reformatter.VideoReformatter()

    self._soundtrack = soundtrack
    if soundtrack is not None:
      self._audio = self._container.add_stream(
        soundtrack.kind.encoder, rate=soundtrack.rate
      )
      self._audio.layout = 'mono' if soundtrack.channels == 1 else 'stereo'
      rate = encoding.audio_bitrate
      self._audio.bit_rate = (
        1000 * rate if rate else _BIT_RATES[soundtrack.channels]
      )
      self._sound_blocks = soundtrack.blocks()
      self._sound_position = 0

  def add(self, frame: np.ndarray) -> None:
    """Appends a frame, uint8 [H, W, 3 or 4] of the given size."""
    picture = av.VideoFrame.from_ndarray(frame, format=self._input)
    picture = self._reformatter.reformat(
      picture,
      format=self._pixels,
      dst_colorspace=_BT709,
      src_color_range=_FULL,
      dst_color_range=_LIMITED,
      interpolation=_CONVERSION,
    )
    picture.pts = self._num_frames
    picture.time_base = 1 / self._fps
    self._container.mux(self._video.encode(picture))
    self._num_frames += 1
    if self._soundtrack is not None:
      # The block in which this picture ends waits for the next picture.
      block = self._soundtrack.kind.block
      while self._sound_position + block < self._sound_end():
        self._add_sound(block)

  def finish(self) -> None:
    """Completes the file."""
    if self._soundtrack is not None:
      self._add_sound(self._sound_end() - self._sound_position)
    self._container.mux(self._video.encode(None))
    if self._soundtrack is not None:
      self._container.mux(self._audio.encode(None))
    self._container.close()

  def abandon(self) -> None:
    """Closes the file, whatever its state."""
    try:
      self._container.close()
    except (av.error.FFmpegError, OSError, ValueError):
      pass  # the caller removes the file

  def _sound_end(self) -> int:
    """Number of samples up to the end of the last frame."""
    assert self._soundtrack is not None
    return round(self._num_frames * self._soundtrack.rate / self._fps)

  def _add_sound(self, length: int) -> None:
    block = next(self._sound_blocks)[:, :length]
    assert self._soundtrack is not None
    rate = self._soundtrack.rate
    frame = av.AudioFrame.from_ndarray(
      np.ascontiguousarray(block),
      format='fltp',
      layout='mono' if block.shape[0] == 1 else 'stereo',
    )
    frame.sample_rate = rate
    frame.time_base = fractions.Fraction(1, rate)
    frame.pts = self._sound_position
    self._container.mux(self._audio.encode(frame))
    self._sound_position += length
