"""The frames of a video in which a face may count, with their numbers.

Frames are uint8 [H, W, 3] at 25 a second; numbers count from the start of the
file.
"""

from collections.abc import Iterator
import itertools

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.media import video
from sadtalker_jax.preparation import clock
from sadtalker_jax.preparation.input import face_tracks, video_files


def numbered(
  source: video_files.VideoSource,
  reader: video.VideoReader,
  times: clock.Clock,
) -> Iterator[tuple[int, np.ndarray]]:
  """Frames between start and end of a source.

  Args:
    source: Video to prepare.
    reader: Open file of the video.
    times: Clock that decoding is counted on.
  """
  fps = conventions.FRAME_RATE
  start = round(source.start_s * fps)
  stop = None if source.end_s is None else round(source.end_s * fps)
  frames = times.each('decode', reader.frames(fps=fps))
  return itertools.islice(enumerate(frames), start, stop)


def windows(
  source: video_files.VideoSource,
  reader: video.VideoReader,
  times: clock.Clock,
) -> Iterator[list[tuple[int, np.ndarray]]]:
  """Consecutive frames in which a face may count, a window at a time.

  In most frames of an annotated film none does: these are only decoded.

  Args:
    source: Video to prepare.
    reader: Open file of the video.
    times: Clock that decoding is counted on.
  """
  window: list[tuple[int, np.ndarray]] = []
  for number, frame in numbered(source, reader, times):
    counts = source.counts(number)
    if window and (not counts or len(window) == face_tracks.WINDOW):
      yield window
      window = []
    if counts:
      window.append((number, frame))
  if window:
    yield window
