"""Decoded pictures with their times, converted as a player shows them.

The lower half of `video.VideoReader`: times are exact seconds from the first
picture, pictures are PyAV frames until `Display` converts them to RGB.
"""

from collections.abc import Iterator, Mapping
import fractions
import os

from av.video import reformatter
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import containers, tone_mapping

# SWS_CS_* by AVCOL_SPC_*: the conversion matrix for a frame's tag.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_BT709, _BT601, _FULL_RANGE = 1, 5, 2
# HDR by AVCOL_TRC_*.
_TRANSFERS: Mapping[int, tone_mapping.Transfer] = {16: 'PQ', 18: 'HLG'}
_HD_LINES = 720  # from this height on untagged video is taken for BT.709
_MAX_ASPECT = 4  # larger pixel aspects are nonsense
# Exact to half a level; swscale by default is 1 to 2 levels too dark, accurate
# rounding without full chroma 2 (measured on flat colours).
# SWS_BILINEAR, SWS_ACCURATE_RND, SWS_FULL_CHR_H_INT
_CONVERSION = 0x2 | 0x40000 | 0x2000


def video_stream(
  container: containers.Container, path: str | os.PathLike[str]
) -> containers.Stream:
  """The stream of moving pictures, set up for decoding by several threads.

  Args:
    container: open file.
    path: name of the file, for messages.

  Raises:
    InputError: there is no such stream.
  """
  stream = containers.video_stream(container)
  if stream is None or stream.codec_context is None:
    kinds = sorted({s.type for s in container.streams}) or ['nothing']
    other = 'cover art' if stream is None else 'pictures of an unknown kind'
    kinds = [other if kind == 'video' else kind for kind in kinds]
    raise errors.InputError(
      f'{path}: expected a file with pictures, found only {", ".join(kinds)}'
    )
  stream.thread_type = 'AUTO'
  return stream


def timed_frames(
  container: containers.Container,
  stream: containers.Stream,
  path: str | os.PathLike[str],
  period: fractions.Fraction,
) -> Iterator[tuple[fractions.Fraction, containers.Frame]]:
  """Pairs of time in seconds and frame; times start at 0 and increase.

  Args:
    container: open file.
    stream: stream of pictures of the file.
    path: name of the file, for warnings.
    period: step in seconds where a time stamp is missing or goes backwards.
  """
  origin = None
  now = -period
  for frame in containers.decode(container, stream, path):
    time = containers.seconds(frame.pts, frame.time_base)
    if time is not None and origin is None:
      origin = time - (now + period)
    if time is None or origin is None or time - origin <= now:
      now += period
    else:
      now = time - origin
    yield now, frame


def at_rate(
  timed: Iterator[tuple[fractions.Fraction, containers.Frame]],
  fps: fractions.Fraction,
  last_s: fractions.Fraction,
) -> Iterator[tuple[fractions.Fraction, containers.Frame]]:
  """Frames at a constant rate: for each instant the nearest one in time.

  Args:
    timed: pairs of time and frame, times increasing from 0.
    fps: frames a second of the result.
    last_s: duration of the last frame in seconds.
  """
  due = fractions.Fraction(0)
  shown = None
  for time, frame in timed:
    # The previous frame is the nearest one up to half-way to this one.
    while shown is not None and 2 * due <= shown[0] + time:
      yield due, shown[1]
      due += 1 / fps
    shown = time, frame
  if shown is None:
    return
  end = shown[0] + last_s - 1 / (2 * fps)
  while due == 0 or due < end:
    yield due, shown[1]
    due += 1 / fps


def quarter_turns(frame: containers.Frame) -> int:
  """Number of anticlockwise quarter turns that the file asks for, 0 to 3."""
  return round(frame.rotation / 90) % 4


def transfer(frame: containers.Frame) -> tone_mapping.Transfer | None:
  """What makes a frame HDR; None where it is not."""
  return _TRANSFERS.get(int(frame.color_trc))


class Display:
  """Conversion of the frames of one stream to pictures of one size."""

  def __init__(self, stream: containers.Stream):
    aspect = stream.sample_aspect_ratio or fractions.Fraction(1)
    if not fractions.Fraction(1, _MAX_ASPECT) <= aspect <= _MAX_ASPECT:
      aspect = fractions.Fraction(1)
    self._aspect = aspect
    self._size: tuple[int, int] | None = None
    self._converter = reformatter.VideoReformatter()
    self._last: tuple[containers.Frame, np.ndarray] | None = None

  def rgb(self, frame: containers.Frame) -> np.ndarray:
    """The frame as a player shows it, uint8 [H, W, 3].

    Pixels are square, the picture is upright, colours follow the frame's tags;
    HDR becomes SDR.
    Frames of a stream that changes size are scaled to the size of its first
    frame. For the same frame as in the last call the same array is returned.
    """
    if self._last is not None and self._last[0] is frame:
      return self._last[1]
    if self._size is None:
      self._size = (max(1, round(frame.width * self._aspect)), frame.height)
    guess = _BT709 if frame.height >= _HD_LINES else _BT601
    hdr = transfer(frame)
    converted = self._converter.reformat(
      frame,
      width=self._size[0],
      height=self._size[1],
      # swscale's rgb48le has wrong colours with full chroma.
      format='gbrp16le' if hdr else 'rgb24',
      src_colorspace=_MATRICES.get(int(frame.colorspace), guess),
      dst_color_range=_FULL_RANGE,
      interpolation=_CONVERSION,
    )
    picture = converted.to_ndarray()
    if hdr is not None:
      picture = tone_mapping.sdr(picture, hdr)
    image = np.rot90(picture, quarter_turns(frame))
    self._last = frame, np.ascontiguousarray(image)
    return self._last[1]
