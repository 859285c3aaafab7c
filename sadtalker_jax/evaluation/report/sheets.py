"""The crops of a clip that metrics are computed of: a strip, and films."""

from collections.abc import Mapping
import pathlib

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.evaluation import clips
from sadtalker_jax.faces import crop, landmarks
from sadtalker_jax.media import encoding, image, video

_SHOTS, _SIDE = 8, 112
_QUALITY = 23.0  # x264's crf of films
_DOT = np.array([60, 255, 60], np.uint8)


def draw(clip: clips.ScoredClip) -> bytes:
  """A JPEG: a row for each video, the real one first, landmarks dotted."""
  places = np.linspace(0, clip.num_frames - 1, _SHOTS).round().astype(int)
  rows = []
  for side in clip.sides.values():
    shots = [_shot(side.frames[i], side.points[i]) for i in places]
    rows.append(np.concatenate(shots, 1))
  return image.to_jpeg(np.concatenate(rows), 85)


def films(
  clip: clips.ScoredClip, folder: pathlib.Path
) -> Mapping[str, pathlib.Path]:
  """The crops of each video with its sound, as mp4 files that browsers play."""
  paths = {}
  for number, (system, side) in enumerate(clip.sides.items()):
    paths[system] = folder / f'{number}.mp4'
    sound = (side.wave, conventions.SAMPLE_RATE)
    with video.VideoWriter(
      paths[system],
      fps=conventions.FRAME_RATE,
      audio=sound,
      encoding=encoding.Encoding(crf=_QUALITY),
    ) as writer:
      for frame in side.frames:
        writer.write(frame)
  return paths


def _shot(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
  size = len(frame)
  small = crop.resize_to(np.asarray(frame), (0, 0, size, size), _SIDE)
  xy = landmarks.to_68(points)[:, :2] * (_SIDE / size)
  x, y = xy.astype(int).T
  inside = (x >= 0) & (x < _SIDE) & (y >= 0) & (y < _SIDE)
  small[y[inside], x[inside]] = _DOT
  return small
