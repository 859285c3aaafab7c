"""Copies of frames as codecs leave them; for measurements."""

from collections.abc import Iterator, Sequence
import contextlib
import fractions
import io
import os
import pathlib
import sys
from typing import Literal

import av
import av.codec
import numpy as np

Codec = Literal['libx264', 'libx265', 'libvpx-vp9', 'libsvtav1']

_CONTAINERS = {'libvpx-vp9': 'webm'}
_OPTIONS = {
  'libx264': {'preset': 'medium'},
  'libx265': {'preset': 'medium', 'x265-params': 'log-level=none'},
  'libvpx-vp9': {'b': '0', 'cpu-used': '4', 'row-mt': '1'},
  'libsvtav1': {'preset': '8'},
}


def available(codec: str) -> bool:
  """Whether this build of FFmpeg can encode with a codec."""
  return codec in av.codec.codecs_available


@contextlib.contextmanager
def usual_scheduling() -> Iterator[None]:
  """Takes back the scheduling that an encoder gives to a process.

  SVT-AV1 that runs as root makes real-time threads (SCHED_FIFO) of its own
  and of the caller: whatever is computed afterwards keeps the machine's cores
  from everything else.
  """
  if sys.platform != 'linux':
    yield
    return
  policy, values = os.sched_getscheduler(0), os.sched_getparam(0)
  try:
    yield
  finally:
    for thread in pathlib.Path('/proc/self/task').iterdir():
      with contextlib.suppress(ProcessLookupError):  # it has just ended
        if os.sched_getscheduler(int(thread.name)) != policy:
          os.sched_setscheduler(int(thread.name), policy, values)


def recoded(
  frames: Sequence[np.ndarray], codec: Codec, crf: int
) -> list[np.ndarray]:
  """Frames [H, W, 3] uint8 RGB after encoding (yuv420p, 25 fps) and decoding.

  Args:
    frames: Frames of one size; an odd last row or column is left out.
    codec: Encoder.
    crf: Constant quality on the codec's own scale.
  """
  height, width = (side // 2 * 2 for side in frames[0].shape[:2])
  data = io.BytesIO()
  form = _CONTAINERS.get(codec, 'mp4')
  with av.open(data, 'w', format=form) as file:
    stream = file.add_stream(codec, rate=fractions.Fraction(25))
    stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
    stream.options = {**_OPTIONS[codec], 'crf': str(crf)}
    with usual_scheduling():
      stream.codec_context.open()
    for frame in frames:
      part = np.ascontiguousarray(frame[:height, :width])
      picture = av.VideoFrame.from_ndarray(part, format='rgb24')
      file.mux(stream.encode(picture))
    file.mux(stream.encode(None))
  data.seek(0)
  with av.open(data, 'r') as file:
    return [f.to_ndarray(format='rgb24') for f in file.decode(video=0)]
