"""One clip for all metrics: real and generated videos in shared crops.

Frames are uint8 [T, S, S, 3] RGB at 25 a second, points as in `faces.landmarks`
in pixels of these crops, sound float32 [640 T] at 16 kHz. Landmarks are found
in the video as it is; then the crops are cut, into files that are mapped, so
that memory grows neither with the clips nor with their length.

Every video is checked before anything is measured: a fault of one of them
(`videos.Unusable`) leaves the clip out of all metrics.
"""

from collections.abc import Callable, Mapping
import dataclasses
import itertools
import pathlib
from typing import Any, TypeVar

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.evaluation import pairing, videos
from sadtalker_jax.evaluation import protocol as protocol_lib
from sadtalker_jax.faces import crop, landmarks
from sadtalker_jax.media import video

_T = TypeVar('_T')


@dataclasses.dataclass(frozen=True, eq=False)
class ClipSide:
  """The real video of a clip, or that of a system."""

  frames: np.ndarray  # uint8 [T, S, S, 3]
  points: np.ndarray  # float32 [T, 478, 3], pixels of the crop
  wave: np.ndarray  # float32 [640 T] in [-1, 1]
  box: crop.IntBox  # place of the crop, pixels of the video


class ScoredClip:
  """A clip that can be measured, with a cache of what was computed of it."""

  def __init__(self, pair: pairing.VideoPair, sides: Mapping[str, ClipSide]):
    """Stores the videos.

    Args:
      pair: Files of the clip.
      sides: Videos by system, `pairing.REAL` among them.
    """
    self.pair, self.sides = pair, sides
    self._known: dict[Any, Any] = {}

  @property
  def real(self) -> ClipSide:
    """The real video."""
    return self.sides[pairing.REAL]

  @property
  def num_frames(self) -> int:
    """T, the same for all videos."""
    return len(self.real.frames)

  def once(
    self, what: str, system: str, compute: Callable[[ClipSide], _T]
  ) -> _T:
    """The result of `compute` for a system's video, computed once.

    Args:
      what: Name of the result in the cache.
      system: Name of the system.
      compute: Function of the video.
    """
    key = (what, system)
    if key not in self._known:
      self._known[key] = compute(self.sides[system])
    return self._known[key]


def load(
  pair: pairing.VideoPair,
  protocol: protocol_lib.Protocol,
  landmarker: landmarks.Landmarker,
  folder: pathlib.Path,
) -> ScoredClip:
  """A clip from its files.

  Args:
    pair: Files of the clip.
    protocol: Rules of the test.
    landmarker: Landmark networks.
    folder: Folder that the crops are written to.

  Raises:
    videos.Unusable: A video is damaged, silent, too short, of another length or
      rate than the real one, or shows no face in some frame.
  """
  paths = {pairing.REAL: pair.real, **pair.generated}
  rates = {system: videos.probe(path, system) for system, path in paths.items()}
  for system, info in rates.items():
    if not protocol.resample and info.fps != rates[pairing.REAL].fps:
      raise videos.Unusable(
        'frame rate',
        f'{float(info.fps):.3f} a second, real '
        f'{float(rates[pairing.REAL].fps):.3f} (--resample takes both at 25)',
        system,
      )
  watched = {
    system: videos.watch(path, protocol, landmarker, system)
    for system, path in paths.items()
  }
  count = _common_length(watched, protocol)
  square = videos.frame_box(watched[pairing.REAL], protocol, pairing.REAL)
  sides = {}
  for number, (system, seen) in enumerate(watched.items()):
    box = square
    if not videos.alike(seen, watched[pairing.REAL]):
      box = videos.frame_box(seen, protocol, system)
    sides[system] = _cut(seen, box, count, protocol, folder / f'{number}.crops')
  return ScoredClip(pair, sides)


def _common_length(
  watched: Mapping[str, videos.Watched], protocol: protocol_lib.Protocol
) -> int:
  """Frames that all videos have, if their lengths agree."""
  real = len(watched[pairing.REAL].points)
  for system, seen in watched.items():
    if abs(len(seen.points) - real) > protocol.tolerance:
      raise videos.Unusable(
        'lengths', f'{len(seen.points)} frames, real {real}', system
      )
  return min(len(seen.points) for seen in watched.values())


def _cut(
  seen: videos.Watched,
  box: crop.IntBox,
  count: int,
  protocol: protocol_lib.Protocol,
  target: pathlib.Path,
) -> ClipSide:
  """The crops of a video, in a mapped file."""
  size = protocol.size
  frames = np.memmap(target, np.uint8, 'w+', shape=(count, size, size, 3))
  with video.VideoReader(seen.path) as reader:
    cut = itertools.islice(videos.frames_of(reader, protocol), count)
    for number, frame in enumerate(cut):
      frames[number] = crop.resize_to(frame, box, size)
  x0, y0, x1, _ = box
  points = (seen.points[:count] - np.array([x0, y0, 0])) * (size / (x1 - x0))
  wave = np.zeros(count * conventions.SAMPLES_PER_FRAME, np.float32)
  known = seen.wave[: len(wave)]
  wave[: len(known)] = known
  return ClipSide(frames, points.astype(np.float32), wave, box)
