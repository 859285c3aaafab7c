"""Real clips, and where they are cut: mouth shut, half open, wide open.

All is taken at 25 frames a second. Points are [T, 478, 3] in pixels of the
video, sound is mono at 16 kHz.
"""

import dataclasses
import itertools
import pathlib

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d import measures as face_measures
from sadtalker_jax.faces import landmarks
from sadtalker_jax.media import audio, video

FPS = float(conventions.FRAME_RATE)
LEAST = 1.2  # seconds that a cut clip must have
# How far the mouth is open at a cut, over rest, as a share of the 95th
# percentile of the clip.
STARTS = {'shut': (-1.0, 0.12), 'half open': (0.4, 0.6), 'wide': (0.9, 9.0)}

_SPEAKING = 0.03  # 95th percentile below which a mouth does not open at all
_AWAKE = 0.8  # share of the usual opening of the eyes, at the least
_MISSED = 0.1  # share of frames that may lack a face


@dataclasses.dataclass(frozen=True, eq=False)
class RealClip:
  """A real clip, as far as it is looked at."""

  name: str
  frames: list[np.ndarray]  # T of uint8 [H, W, 3]
  points: np.ndarray  # [T, 478, 3]
  wave: np.ndarray  # [L], at most T frames

  def from_frame(self, first: int, seconds: float) -> 'RealClip':
    """The part of it that begins with a frame."""
    count = round(seconds * FPS)
    samples = conventions.SAMPLES_PER_FRAME
    here = slice(first, first + count)
    return RealClip(
      self.name,
      self.frames[here],
      self.points[here],
      self.wave[first * samples : (first + count) * samples],
    )


def read(path: pathlib.Path, seconds: float) -> RealClip:
  """The beginning of a clip, its face tracked.

  Args:
    path: Video of one talking face.
    seconds: Length after a cut; twice as much is read, where there is so much.

  Raises:
    InputError: it is no such video, too short, or shows no face too often.
  """
  with video.VideoReader(path) as reader:
    if not reader.info.has_audio:
      raise errors.InputError('expected sound, found none')
    wanted = round(2 * seconds * FPS)
    frames = list(itertools.islice(reader.frames(FPS), wanted))
  if len(frames) < LEAST * FPS:
    raise errors.InputError(
      f'expected {LEAST} seconds or more, found {len(frames) / FPS:.1f}'
    )
  found = landmarks.FaceMesh().track(frames)
  if found.found.mean() < 1 - _MISSED:
    raise errors.InputError(
      f'expected a face in every frame, found {found.found.sum()} of '
      f'{len(found.found)}'
    )
  wave = audio.load(path)[: len(frames) * conventions.SAMPLES_PER_FRAME]
  return RealClip(path.stem, frames, found.points.astype(np.float64), wave)


def starts(points: np.ndarray, seconds: float) -> dict[str, int]:
  """Frames at which a clip is cut, by how far the mouth is open.

  The first frame with such a mouth and open eyes; cuts leave `seconds` of the
  clip, or where it is short as much as it has, `LEAST` at the least.

  Args:
    points: [T, 478, 3].
    seconds: Length after a cut.

  Returns:
    Frames by names of `STARTS`; those that are not found are left out, and in a
    mouth that does not open all but the first.
  """
  gap = face_measures.lip_gap(points)
  rest = np.percentile(gap, 2)
  top = np.percentile(gap, 95) - rest
  opening = face_measures.eye_openness(points).mean(-1)
  last = len(points) - round(LEAST * FPS)
  last = max(min(last, round(seconds * FPS)), 0)
  usable = opening[: last + 1] > _AWAKE * np.median(opening)
  share = (gap[: last + 1] - rest) / max(top, _SPEAKING)
  found = {}
  for name, (low, high) in STARTS.items():
    places = np.flatnonzero(usable & (share >= low) & (share <= high))
    if len(places) and (top >= _SPEAKING or low < 0):
      found[name] = int(places[0])
  return found
