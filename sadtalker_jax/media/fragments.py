"""An mp4 file in fragments, each sent as soon as it is encoded.

H.264 without frames of the future, and AAC. FFmpeg writes the beginning of the
file; each picture and each block of sound is then a fragment of its own. These
are written here, for FFmpeg holds a fragment back until it has seen the next
one, and guesses times between the tracks. Media Source Extensions of browsers
take the bytes as they come; together they are an mp4 file.

A fragment is `moof` (mfhd, traf: tfhd, tfdt, trun) and `mdat`, as ISO/IEC
14496-12 has them.
"""

import fractions
import io
import re
import struct

import av
import av.audio
import av.video
import numpy as np

from sadtalker_jax.media import encoding

# Of AAC; others would have to be resampled.
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_BLOCK = 1024  # samples of AAC
_KEYFRAMES_S = 2  # between pictures from which a player can start
_BIT_RATE = 96_000
_START = re.compile(rb'\x00{2,}\x01')  # of a unit of H.264; not inside of one
_IN_MOOF, _OF_TRUN = 0x20000, 0x701  # offset, duration, size and flags follow
_ALONE, _DEPENDS = 0x2000000, 0x1010000  # whether a picture needs others


class Fragments:
  """Encoder of one stream: bytes of `header`, of each `add`, of `finish`.

  Attributes:
    header: What comes first.
    mime: Type of the stream for `MediaSource`.
  """

  def __init__(
    self,
    size: tuple[int, int],
    fps: fractions.Fraction,
    rate: int,
    crf: float = 23,
  ):
    """Starts a stream.

    Args:
      size: Width and height of frames, even.
      fps: Frames a second.
      rate: Samples a second, one of `RATES`.
      crf: Constant quality of x264, 0 (best) to 51.
    """
    assert rate in RATES and size[0] % 2 == size[1] % 2 == 0
    self._fps, self._rate = fps, rate
    self._num_fragments = self._num_frames = self._num_samples = 0
    self._num_blocks = 0
    sink = io.BytesIO()
    with av.open(
      sink, 'w', format='mp4', options={'movflags': 'empty_moov'}
    ) as container:
      self._video = _video(container, size, fps, crf)
      self._audio = _audio(container, rate)
      container.start_encoding()
      self.header = sink.getvalue()
      base = self._video.time_base
      assert base is not None  # known since the header is written
      self._scale = round(1 / base)
    # AVCDecoderConfigurationRecord: version, then profile and level.
    at = self.header.index(b'avcC') + 5
    profile = self.header[at : at + 3].hex()
    self.mime = f'video/mp4; codecs="avc1.{profile}, mp4a.40.2"'

  def add(self, frame: np.ndarray, sound: np.ndarray) -> bytes:
    """What is to be sent of the next frame and its sound.

    Args:
      frame: Frame [H, W, 3] uint8 RGB.
      sound: Its samples [L] float32 in -1 to 1.
    """
    picture = av.VideoFrame.from_ndarray(
      np.ascontiguousarray(frame), format='rgb24'
    )
    picture.pts, picture.time_base = self._num_frames, 1 / self._fps
    result = b''.join(map(self._picture, self._video.encode(picture)))
    if len(sound):
      block = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(sound[None], np.float32),
        format='fltp',
        layout='mono',
      )
      block.sample_rate = self._rate
      block.time_base = fractions.Fraction(1, self._rate)
      block.pts = self._num_samples
      self._num_samples += len(sound)
      result += b''.join(map(self._block, self._audio.encode(block)))
    return result

  def finish(self) -> bytes:
    """What is left to be sent; nothing can be added."""
    result = b''.join(map(self._picture, self._video.encode(None)))
    return result + b''.join(map(self._block, self._audio.encode(None)))

  def _picture(self, packet: av.Packet) -> bytes:
    begin, end = (
      round((self._num_frames + i) * self._scale / self._fps) for i in (0, 1)
    )
    self._num_frames += 1
    units = _START.split(bytes(packet))[1:]
    data = b''.join(struct.pack('>I', len(unit)) + unit for unit in units)
    flags = _ALONE if packet.is_keyframe else _DEPENDS
    return self._fragment(1, begin, end - begin, flags, data)

  def _block(self, packet: av.Packet) -> bytes:
    self._num_blocks += 1
    if self._num_blocks == 1:
      return b''  # the encoder's start-up: sound before time 0
    begin = (self._num_blocks - 2) * _BLOCK
    return self._fragment(2, begin, _BLOCK, _ALONE, bytes(packet))

  def _fragment(
    self, track: int, begin: int, duration: int, flags: int, data: bytes
  ) -> bytes:
    """A fragment of one sample, times in the track's scale."""
    self._num_fragments += 1
    header = _box(b'mfhd', struct.pack('>II', 0, self._num_fragments))
    begins = _box(b'tfhd', struct.pack('>II', _IN_MOOF, track))
    begins += _box(b'tfdt', struct.pack('>IQ', 1 << 24, begin))

    def moof(offset: int) -> bytes:
      sample = struct.pack(
        '>IIIIII', _OF_TRUN, 1, offset, duration, len(data), flags
      )
      return _box(
        b'moof', header + _box(b'traf', begins + _box(b'trun', sample))
      )

    return moof(len(moof(0)) + 8) + _box(b'mdat', data)


def _box(kind: bytes, content: bytes) -> bytes:
  return struct.pack('>I', 8 + len(content)) + kind + content


def _video(
  container: av.container.OutputContainer,
  size: tuple[int, int],
  fps: fractions.Fraction,
  crf: float,
) -> av.video.VideoStream:
  result = container.add_stream('libx264', rate=fps)
  result.width, result.height = size
  result.pix_fmt = 'yuv420p'
  result.codec_context.time_base = 1 / fps
  result.options = {
    'crf': str(crf),
    'preset': 'veryfast',
    'tune': 'zerolatency',
    'g': str(round(_KEYFRAMES_S * fps)),
    **encoding.X264_COLOURS,
  }
  result.codec_context.open()
  return result


def _audio(
  container: av.container.OutputContainer, rate: int
) -> av.audio.AudioStream:
  result = container.add_stream('aac', rate=rate)
  result.layout, result.bit_rate = 'mono', _BIT_RATE
  result.codec_context.open()
  return result
