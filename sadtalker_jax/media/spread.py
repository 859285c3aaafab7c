"""A few frames of a video, spread over its length, in bounded time.

Short videos are decoded whole; in long ones places are sought, so that an hour
takes no longer than a minute.
"""

from collections.abc import Iterable, Iterator, Sequence
import fractions
import itertools
import os

import av.error
import numpy as np

from sadtalker_jax.media import containers, decoder, video

_WHOLE_S = 15  # videos up to this length are decoded from end to end


def groups(
  path: str | os.PathLike[str], *, places: int, frames: int
) -> Iterator[list[np.ndarray]]:
  """Frames of places of a video, in order of time.

  Args:
    path: Name of the file.
    places: Number of places, evenly apart.
    frames: Number of frames of a place.

  Returns:
    Iterator of lists of uint8 [H, W, 3], one list a place; fewer where a file
    is damaged or short.

  Raises:
    InputError: as `video.VideoReader`.
  """
  info = video.VideoReader(path).info
  length = info.duration_s
  if length is None or length <= _WHOLE_S:
    yield from _of_whole(path, info, places, frames)
  else:
    yield from _of_places(path, length, places, frames)


def of_frames(
  shown: Sequence[np.ndarray], *, places: int, frames: int
) -> Iterator[list[np.ndarray]]:
  """As `groups` of a short video of these frames."""
  yield from _grouped(shown, len(shown), places, frames)


def _of_whole(
  path: str | os.PathLike[str],
  info: video.VideoInfo,
  places: int,
  frames: int,
) -> Iterator[list[np.ndarray]]:
  count = info.num_frames or round(_WHOLE_S * info.fps)
  with video.VideoReader(path) as reader:
    yield from _grouped(reader, count, places, frames)


def _grouped(
  shown: Iterable[np.ndarray], count: int, places: int, frames: int
) -> Iterator[list[np.ndarray]]:
  step = max(1, count // (places * frames))
  taken = itertools.islice(shown, 0, _WHOLE_S * video.MAX_FPS, step)
  while group := list(itertools.islice(taken, frames)):
    yield group


def _of_places(
  path: str | os.PathLike[str],
  length: float | fractions.Fraction,
  places: int,
  frames: int,
) -> Iterator[list[np.ndarray]]:
  with containers.open_media(path, 'a video file') as container:
    stream = decoder.video_stream(container, path)
    display = decoder.Display(stream)
    start = container.start_time or 0  # microseconds
    for place in range(places):
      offset = round(float(length) * 1e6 * (place + 0.5) / places)
      try:
        container.seek(start + offset)
      except av.error.FFmpegError:
        continue  # no index; the other places may be reached
      decoded = containers.decode(container, stream, path)
      group = [display.rgb(f) for f in itertools.islice(decoded, frames)]
      if group:
        yield group
