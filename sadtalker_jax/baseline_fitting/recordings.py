"""Sound and lips of people who talk, read from videos.

A clip's lips [T, 3] are gap, width and chin over rest, divided by the amplitude
of its speaker's gap (5th to 95th percentile), so that large and small mouths
teach the same.
"""

from collections.abc import Sequence
import dataclasses
import pathlib
import re

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.faces import landmarks as landmarks_lib
from sadtalker_jax.inference.motion.baseline import speech
from sadtalker_jax.media import audio, video

VIDEO_SUFFIXES = ('.mp4', '.mpg', '.mov', '.avi', '.mkv', '.webm')


@dataclasses.dataclass
class TalkerClip:
  """Sound and lips of one recording."""

  name: str
  talker: str
  wave: np.ndarray  # [L] at 16 kHz
  lips: np.ndarray  # [T, 3] measured, in amplitudes of the speaker
  fps: float
  gap: np.ndarray | None = None  # [T] measured, share of the eye distance
  amplitude: float = 1.0  # range of the gap, by which measures are divided
  shift: float = 0.0  # frames by which the lips come after the sound

  def seconds(self) -> np.ndarray:
    """Times [T] in the sound, one of each frame, seconds."""
    return (np.arange(len(self.lips)) + 0.5 - self.shift) / self.fps


def mouth_measures(points: np.ndarray) -> np.ndarray:
  """Gap, width and chin height of a mouth, as shares of the eye distance.

  Args:
    points: [T, 478, 3] landmarks.

  Returns:
    [T, 3] measures.
  """

  def distance(a: int, b: int) -> np.ndarray:
    return np.linalg.norm(points[:, a] - points[:, b], axis=-1)

  pairs = ((13, 14), (61, 291), (152, 168))
  measures = np.stack([distance(a, b) for a, b in pairs], axis=1)
  return measures / distance(33, 263)[:, None]


def videos(paths: Sequence[pathlib.Path]) -> list[pathlib.Path]:
  """The video files among paths and in the folders among them.

  Raises:
    InputError: There are none.
  """
  found = []
  for path in paths:
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    found += [p for p in inside if p.suffix in VIDEO_SUFFIXES]
  if not found:
    places = ' '.join(str(path) for path in paths)
    raise errors.InputError(f'{places}: expected videos, found none')
  return found


def talker(name: str) -> str:
  """The talker of a file: every `grid_s31_*` is of s31, any other of its own.

  Args:
    name: Name of the file without its suffix.
  """
  match = re.match(r'grid_(s\d+)_', name)
  return match[1] if match else name


def read(path: pathlib.Path, landmarks: pathlib.Path | None) -> TalkerClip:
  """Sound and lips of a video.

  Args:
    path: Video file.
    landmarks: Folder with `<stem>.npz` (points [T, 478, 3], fps), so that the
      video needs no tracking; without it the face is tracked.

  Raises:
    InputError: There is no sound, no face, no file of landmarks, or the lips do
      not move.
  """
  wave = audio.load(path)
  if landmarks is None:
    reader = video.VideoReader(path)
    points, fps = landmarks_lib.FaceMesh().track(reader).points, reader.fps
  else:
    stored = landmarks / f'{path.stem}.npz'
    if not stored.is_file():
      raise errors.InputError(f'{stored}: expected landmarks, found no file')
    with np.load(stored) as arrays:
      points, fps = arrays['points'], arrays['fps']
  measures = mouth_measures(points.astype(np.float64))
  low, high = np.percentile(measures[:, 0], [5, 95])
  if high - low < 0.01:
    raise errors.InputError(f'{path}: expected moving lips, found none')
  clip = TalkerClip(
    path.stem, talker(path.stem), wave, measures, float(fps), measures[:, 0]
  )
  sound = speech.listen(wave)
  quiet = speech.at_times(sound.activity, clip.seconds()) == 0
  shut = measures[quiet if quiet.sum() >= 8 else slice(None)]
  rest = [low, np.median(shut[:, 1]), np.percentile(shut[:, 2], 25)]
  clip.lips = (measures - rest) / (high - low)
  clip.amplitude = high - low
  return clip
