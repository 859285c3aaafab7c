"""One video of a clip: its landmarks, its sound, the place of its face.

A fault of a video is an `Unusable`, which leaves its clip out of all metrics.
Points are [T, 478, 3] as in `faces.landmarks`, in pixels of the video.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import fractions
import itertools
import logging
import pathlib

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.evaluation import protocol as protocol_lib
from sadtalker_jax.faces import crop, detector, landmarks, tracking
from sadtalker_jax.media import audio, video

_SAME_PLACE = 0.5  # overlap of the faces of a video and the real one
_SILENT = 1e-3  # peak of sound that counts as silence
_DAMAGE = ('damaged packets', 'cut off')  # in warnings of `media`


class Unusable(ValueError):
  """A video that cannot be measured; leaves its clip out."""

  def __init__(self, reason: str, detail: str, system: str):
    super().__init__(f'{reason}: {detail}')
    self.fault = (reason, detail, system)


@dataclasses.dataclass(frozen=True, eq=False)
class Watched:
  """A video whose landmarks are known."""

  path: pathlib.Path
  size: tuple[int, int]  # width, height
  fps: fractions.Fraction  # frame rate of the file
  points: np.ndarray  # float32 [T, 478, 3], pixels of the video
  wave: np.ndarray  # float32 [L], as far as the pictures reach


def watch(
  path: pathlib.Path,
  protocol: protocol_lib.Protocol,
  landmarker: landmarks.Landmarker,
  system: str,
) -> Watched:
  """A video with its landmarks and sound.

  Raises:
    Unusable: The video is damaged, silent, too short, or shows no face in some
      frame.
  """
  info = probe(path, system)
  if not info.has_audio:
    raise Unusable('no sound', 'no sound track', system)
  with _complaints(path) as complaints:
    found = _track(path, protocol, landmarker, system)
    wave = _sound(path, len(found.points), system)
  if complaints:
    raise Unusable('damaged', complaints[0], system)
  count = len(found.points)
  if not found.found.all():
    lost = np.flatnonzero(~found.found)
    raise Unusable(
      'no face', f'in {len(lost)} of {count} frames, first {lost[0]}', system
    )
  if count < protocol.least_frames:
    raise Unusable(
      'too short', f'{count} frames, least {protocol.least_frames}', system
    )
  missing = count - len(wave) // conventions.SAMPLES_PER_FRAME
  if missing > protocol.tolerance:
    raise Unusable(
      'lengths', f'{count} frames, sound of {count - missing}', system
    )
  return Watched(path, info.size, info.fps, found.points, wave)


def _track(
  path: pathlib.Path,
  protocol: protocol_lib.Protocol,
  landmarker: landmarks.Landmarker,
  system: str,
) -> tracking.TrackedFace:
  """The landmarks of a video."""
  with video.VideoReader(path) as reader:
    try:
      return landmarker.track(frames_of(reader, protocol))
    except errors.InputError as error:
      reason = 'no face' if 'no face' in str(error) else 'unreadable'
      raise Unusable(reason, str(error), system) from error


@contextlib.contextmanager
def _complaints(path: pathlib.Path) -> Iterator[list[str]]:
  """Warnings of `media` while it reads a file, of damage that it got around.

  A player may continue after a damaged packet; a score must not.
  """
  found: list[str] = []

  class Handler(logging.Handler):
    """Keeps warnings of damage."""

    def emit(self, record: logging.LogRecord) -> None:
      """Takes a record of any logger's message."""
      text = record.getMessage()
      if text.startswith(f'{path}:') and any(w in text for w in _DAMAGE):
        found.append(text)

  handler = Handler()
  logger = logging.getLogger('absl')
  logger.addHandler(handler)
  try:
    yield found
  finally:
    logger.removeHandler(handler)


def frames_of(
  reader: video.VideoReader, protocol: protocol_lib.Protocol
) -> Iterator[np.ndarray]:
  """The frames of a video that count, uint8 [H, W, 3]."""
  frames = reader.frames(conventions.FRAME_RATE)
  return itertools.islice(frames, protocol.most_frames)


def frame_box(
  seen: Watched, protocol: protocol_lib.Protocol, system: str
) -> crop.IntBox:
  """The part of a video that is its crop; see `Protocol.rule`.

  Raises:
    Unusable: The rule is 'whole', and the picture is no square.
  """
  width, height = seen.size
  if protocol.crop == 'whole':
    if width != height:
      raise Unusable(
        'not square', f'{width} x {height}, for the crop rule "whole"', system
      )
    return 0, 0, width, height
  x0, y0, x1, y1 = _face_box(seen)
  longer = max(x1 - x0, y1 - y0)
  side = min(int((1 + 2 * protocol.margin) * longer), width, height)
  left, top = (
    int(np.clip((a + b - side) / 2, 0, limit - side))
    for a, b, limit in ((x0, x1, width), (y0, y1, height))
  )
  return left, top, left + side, top + side


def alike(seen: Watched, real: Watched) -> bool:
  """Whether a video has its face where the real one has it."""
  if seen.size != real.size:
    return False
  return detector.overlap(_face_box(seen), _face_box(real)) >= _SAME_PLACE


def probe(path: pathlib.Path, system: str) -> video.VideoInfo:
  """Facts of a video file, from its headers.

  Raises:
    Unusable: The file cannot be read.
  """
  try:
    return video.probe(path)
  except errors.InputError as error:
    raise Unusable('unreadable', str(error), system) from error


def _face_box(seen: Watched) -> crop.Box:
  """The box around all landmarks of all frames."""
  xy = seen.points[..., :2]
  (x0, y0), (x1, y1) = xy.min((0, 1)), xy.max((0, 1))
  return float(x0), float(y0), float(x1), float(y1)


def _sound(path: pathlib.Path, count: int, system: str) -> np.ndarray:
  """The sound of the first frames, [L] with L at most 640 count."""
  wanted = count * conventions.SAMPLES_PER_FRAME
  parts: list[np.ndarray] = []
  length = 0
  try:
    blocks = audio.blocks(
      path, rate=conventions.SAMPLE_RATE, channels=1, block=1 << 14
    )
    while length < wanted and (block := next(blocks, None)) is not None:
      parts.append(block[0])
      length += block.shape[1]
  except errors.InputError as error:
    raise Unusable('no sound', str(error), system) from error
  wave = np.concatenate(parts)[:wanted]
  if np.abs(wave).max() < _SILENT:
    raise Unusable('no sound', 'silence', system)
  return wave
