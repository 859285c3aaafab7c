"""One clip as the metrics see it: real and generated videos in shared crops.

Frames are uint8 [T, S, S, 3] RGB at 25 a second, points as in `faces.landmarks`
in pixels of these crops, sound float32 [640 T] at 16 kHz. Landmarks are found
in the video as it is; then the crops are cut, into files that are mapped, so
that memory grows neither with the clips nor with their length.

Every video is looked at before anything is measured: what is wrong with one of
them (`Unusable`) leaves the clip out of all metrics.
"""

from collections.abc import Callable, Iterator, Mapping
import dataclasses
import fractions
import itertools
import pathlib
from typing import Any, TypeVar

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.evaluation import pairing
from sadtalker_jax.evaluation import protocol as protocol_lib
from sadtalker_jax.faces import crop, landmarks
from sadtalker_jax.media import audio, video

_SILENT = 1e-3  # peak of sound that is none
_T = TypeVar('_T')


class Unusable(ValueError):
  """A video that cannot be measured; leaves its clip out."""

  def __init__(self, reason: str, detail: str, system: str):
    super().__init__(f'{reason}: {detail}')
    self.fault = (reason, detail, system)


@dataclasses.dataclass(frozen=True, eq=False)
class Watched:
  """A video of which the landmarks are known."""

  path: pathlib.Path
  size: tuple[int, int]  # width, height
  fps: fractions.Fraction  # of the file
  points: np.ndarray  # float32 [T, 478, 3], pixels of the video
  wave: np.ndarray  # float32 [L], as far as the pictures reach


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
  """The real video of a clip, or that of a system."""

  frames: np.ndarray  # uint8 [T, S, S, 3]
  points: np.ndarray  # float32 [T, 478, 3], pixels of the crop
  wave: np.ndarray  # float32 [640 T] in [-1, 1]
  box: crop.IntBox  # of the video


class Clip:
  """A clip that can be measured; remembers what was computed of it."""

  def __init__(self, pair: pairing.Pair, sides: Mapping[str, Side]):
    """Takes the videos by system, `pairing.REAL` among them."""
    self.pair, self.sides = pair, sides
    self._known: dict[Any, Any] = {}

  @property
  def real(self) -> Side:
    """The real video."""
    return self.sides[pairing.REAL]

  @property
  def num_frames(self) -> int:
    """T, of all sides."""
    return len(self.real.frames)

  def once(self, what: str, system: str, compute: Callable[[Side], _T]) -> _T:
    """What `compute` says of a system's video, the first time it is asked."""
    key = (what, system)
    if key not in self._known:
      self._known[key] = compute(self.sides[system])
    return self._known[key]


def load(
  pair: pairing.Pair,
  protocol: protocol_lib.Protocol,
  landmarker: landmarks.Landmarker,
  folder: pathlib.Path,
) -> Clip:
  """A clip from its files.

  Args:
    pair: the files.
    protocol: the rules.
    landmarker: finds landmarks.
    folder: where the crops are written.

  Raises:
    Unusable: a video is damaged, silent, too short, of another length or rate
      than the real one, or shows no face in some frame.
  """
  paths = {pairing.REAL: pair.real, **pair.generated}
  rates = {system: _probe(path, system) for system, path in paths.items()}
  for system, info in rates.items():
    if not protocol.resample and info.fps != rates[pairing.REAL].fps:
      raise Unusable(
        'frame rate',
        f'{float(info.fps):.3f} a second, real '
        f'{float(rates[pairing.REAL].fps):.3f} (--resample takes both at 25)',
        system,
      )
  watched = {
    system: watch(path, protocol, landmarker, system)
    for system, path in paths.items()
  }
  count = _common_length(watched, protocol)
  square = frame_box(watched[pairing.REAL], protocol, pairing.REAL)
  sides = {}
  for number, (system, seen) in enumerate(watched.items()):
    box = square
    if seen.size != watched[pairing.REAL].size:
      box = frame_box(seen, protocol, system)
    sides[system] = _cut(seen, box, count, protocol, folder / f'{number}.crops')
  return Clip(pair, sides)


def watch(
  path: pathlib.Path,
  protocol: protocol_lib.Protocol,
  landmarker: landmarks.Landmarker,
  system: str,
) -> Watched:
  """A video with its landmarks and sound.

  Raises:
    Unusable: see `load`.
  """
  info = _probe(path, system)
  if not info.has_audio:
    raise Unusable('no sound', 'no sound track', system)
  with video.Reader(path) as reader:
    try:
      found = landmarker.track(frames_of(reader, protocol))
    except errors.InputError as error:
      reason = 'no face' if 'no face' in str(error) else 'unreadable'
      raise Unusable(reason, str(error), system) from error
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
  wave = _sound(path, count, system)
  missing = count - len(wave) // protocol_lib.SAMPLES
  if missing > protocol.tolerance:
    raise Unusable(
      'lengths', f'{count} frames, sound of {count - missing}', system
    )
  return Watched(path, info.size, info.fps, found.points, wave)


def frames_of(
  reader: video.Reader, protocol: protocol_lib.Protocol
) -> Iterator[np.ndarray]:
  """The frames of a video that count, uint8 [H, W, 3]."""
  frames = reader.frames(protocol_lib.FPS)
  return itertools.islice(frames, protocol.most_frames)


def frame_box(
  seen: Watched, protocol: protocol_lib.Protocol, system: str
) -> crop.IntBox:
  """The part of a video that is its crop; see `Protocol.rule`.

  Raises:
    Unusable: the rule is 'whole' and the picture no square.
  """
  width, height = seen.size
  if protocol.crop == 'whole':
    if width != height:
      raise Unusable(
        'not square', f'{width} x {height}, for the crop rule "whole"', system
      )
    return 0, 0, width, height
  xy = seen.points[..., :2]
  (x0, y0), (x1, y1) = xy.min((0, 1)), xy.max((0, 1))
  longer = max(x1 - x0, y1 - y0)
  side = min(int((1 + 2 * protocol.margin) * longer), width, height)
  left, top = (
    int(np.clip((a + b - side) / 2, 0, limit - side))
    for a, b, limit in ((x0, x1, width), (y0, y1, height))
  )
  return left, top, left + side, top + side


def _probe(path: pathlib.Path, system: str) -> video.VideoInfo:
  try:
    return video.probe(path)
  except errors.InputError as error:
    raise Unusable('unreadable', str(error), system) from error


def _sound(path: pathlib.Path, count: int, system: str) -> np.ndarray:
  """The sound of the first frames, [L] with L at most 640 count."""
  wanted = count * protocol_lib.SAMPLES
  parts: list[np.ndarray] = []
  length = 0
  try:
    blocks = audio.blocks(
      path, rate=protocol_lib.RATE, channels=1, block=1 << 14
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


def _common_length(
  watched: Mapping[str, Watched], protocol: protocol_lib.Protocol
) -> int:
  """Frames that all videos have, if their lengths agree."""
  real = len(watched[pairing.REAL].points)
  for system, seen in watched.items():
    if abs(len(seen.points) - real) > protocol.tolerance:
      raise Unusable(
        'lengths', f'{len(seen.points)} frames, real {real}', system
      )
  return min(len(seen.points) for seen in watched.values())


def _cut(
  seen: Watched,
  box: crop.IntBox,
  count: int,
  protocol: protocol_lib.Protocol,
  target: pathlib.Path,
) -> Side:
  """The crops of a video, in a mapped file."""
  size = protocol.size
  frames = np.memmap(target, np.uint8, 'w+', shape=(count, size, size, 3))
  with video.Reader(seen.path) as reader:
    cut = itertools.islice(frames_of(reader, protocol), count)
    for number, frame in enumerate(cut):
      frames[number] = crop.resize_to(frame, box, size)
  x0, y0, x1, _ = box
  points = (seen.points[:count] - np.array([x0, y0, 0])) * (size / (x1 - x0))
  wave = np.zeros(count * protocol_lib.SAMPLES, np.float32)
  known = seen.wave[: len(wave)]
  wave[: len(known)] = known
  return Side(frames, points.astype(np.float32), wave, box)
