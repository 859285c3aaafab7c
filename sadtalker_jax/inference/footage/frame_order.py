"""Frames of a clip in the order in which they are shown.

A voice that is longer than the clip needs some frames again: `order` says
which, `read` reads them, backwards too, without keeping the clip in memory.
"""

from collections.abc import Iterator
import fractions

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.media import video

_KEPT = 1 << 29  # bytes of frames that are kept to be shown backwards


def order(num_frames: int, wanted: int, end: options_lib.End) -> np.ndarray:
  """Numbers of the frames that are shown.

  Args:
    num_frames: Frames of the clip, N.
    wanted: Frames of the result as long as the voice, T.
    end: What follows after the last frame: 'loop' goes back and forth,
      'freeze' holds the last frame, 'stop' ends there.

  Returns:
    [T] frame numbers, or [N] where it stops earlier; neighbours differ by at
    most one.
  """
  place = np.arange(wanted)
  if end == 'stop':
    return place[:num_frames]
  if end == 'freeze':
    return np.minimum(place, num_frames - 1)
  period = max(2 * num_frames - 2, 1)
  place = place % period
  return np.where(place < num_frames, place, period - place)


def read(
  reader: video.VideoReader, fps: fractions.Fraction, numbers: np.ndarray
) -> Iterator[np.ndarray]:
  """The frames [H, W, 3] of these numbers, as `order` makes them.

  A run backwards decodes the file once for every half gigabyte of frames.
  """
  width, height = reader.size
  block = max(1, _KEPT // (3 * width * height))
  start = 0
  while start < len(numbers):
    stop = start + 1
    while stop < len(numbers) and (
      (numbers[stop] < numbers[stop - 1])
      == (numbers[start + 1] < numbers[start])
    ):
      stop += 1
    run = numbers[start:stop]
    if run[-1] >= run[0]:
      yield from _forwards(reader, fps, run)
    else:
      for k in range(0, len(run), block):
        part = run[k : k + block]
        yield from reversed(list(_forwards(reader, fps, part[::-1])))
    start = stop


def _forwards(
  reader: video.VideoReader, fps: fractions.Fraction, run: np.ndarray
) -> Iterator[np.ndarray]:
  """Frames of numbers that do not decrease."""
  place = 0
  frames = reader.frames(fps=fps)
  for number, frame in enumerate(frames):
    while place < len(run) and run[place] == number:
      yield frame
      place += 1
    if place == len(run):
      return
  raise errors.InputError(
    f'expected {run[-1] + 1} frames in the video as before, found fewer'
  )
