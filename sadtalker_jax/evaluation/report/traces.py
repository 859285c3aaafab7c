"""Trace maps: the paths of landmarks over a clip, a panel for each video.

A head that moves draws fans, one that sticks to the frame dots (the second row
of the paper's Fig. 9). Lines are blue at the clip's start and yellow at its
end, over its first frame, darkened.
"""

import numpy as np

from sadtalker_jax.evaluation import clips
from sadtalker_jax.faces import crop, landmarks
from sadtalker_jax.media import image

_SIDE = 256  # pixels of a panel
_SHADE = 0.35  # brightness of what lies below the lines
_FIRST, _LAST = np.array([60.0, 110, 255]), np.array([255.0, 230, 60])  # RGB
_STEPS = 12  # places drawn between two frames


def draw(clip: clips.ScoredClip) -> bytes:
  """A JPEG: a panel for each video side by side, the real one first."""
  panels = [panel(side.frames[0], side.points) for side in clip.sides.values()]
  return image.to_jpeg(np.concatenate(panels, 1), 90)


def panel(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
  """The paths of a video's 68 landmarks.

  Args:
    frame: uint8 [S, S, 3], what they are drawn over.
    points: [T, 478, 3] in its pixels.

  Returns:
    uint8 [256, 256, 3].
  """
  size = len(frame)
  small = crop.resize_to(np.asarray(frame), (0, 0, size, size), _SIDE)
  shown = (small * _SHADE).astype(np.uint8)
  marks = np.stack([landmarks.to_68(p)[:, :2] for p in points])  # [T, 68, 2]
  count = len(marks)
  places = np.linspace(0, count - 1, (count - 1) * _STEPS + 1)
  before = np.minimum(places.astype(int), max(count - 2, 0))
  after = np.minimum(before + 1, count - 1)
  share = (places - before)[:, None, None]
  paths = marks[before] * (1 - share) + marks[after] * share
  x, y = np.moveaxis((paths * (_SIDE / size)).astype(int), -1, 0)  # [N, 68]
  time = np.linspace(0, 1, len(places))[:, None]
  colours = (_FIRST * (1 - time) + _LAST * time).astype(np.uint8)
  inside = (x >= 0) & (x < _SIDE) & (y >= 0) & (y < _SIDE)
  for i, colour in enumerate(colours):  # later ones on top
    seen = inside[i]
    shown[y[i, seen], x[i, seen]] = colour
  return shown
