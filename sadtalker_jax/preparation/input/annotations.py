"""The face of a video that counts, by frame: VoxCeleb's text files, or a box.

VoxCeleb gives one file per utterance, SPEAKER/VIDEO/UTTERANCE.txt: some lines
of `Name : value`, a header that starts with FRAME, then lines of a frame number
(25 a second) and a box x y w h. Version 1 counts in pixels of a picture 360
lines high (method 10.1); in version 2 they are fractions of the picture. The
numbers of a file tell which version it is.

Boxes are (x0, y0, x1, y1), y down, in units of the picture's height (x, too),
so that they do not depend on the resolution that was downloaded; those of
version 2 stay fractions of width and height. `Stretch.unit` tells which.
"""

import dataclasses
import pathlib

import numpy as np

from sadtalker_jax import errors

_LINES = 360  # height of the picture that VoxCeleb1's boxes refer to


@dataclasses.dataclass(frozen=True)
class Stretch:
  """Consecutive frames in which one face counts."""

  utterance: str  # '' leaves the source's own
  first: int  # frame at 25 a second
  boxes: tuple[tuple[float, float, float, float], ...]  # one: for all frames
  unit: str  # 'pixel', 'height' or 'fraction' of the picture

  def covers(self, frame: int) -> bool:
    """Whether the face counts in a frame."""
    return self.unit == 'pixel' or 0 <= frame - self.first < len(self.boxes)

  def box(
    self, frame: int, size: tuple[int, int]
  ) -> tuple[float, float, float, float] | None:
    """The box of a frame in pixels; None outside of the stretch.

    Args:
      frame: Number of the frame at 25 a second.
      size: Width and height of the picture.
    """
    if self.unit == 'pixel':
      return self.boxes[0]
    if not self.covers(frame):
      return None
    width, height = size
    x, y = (width, height) if self.unit == 'fraction' else (height, height)
    x0, y0, x1, y1 = self.boxes[frame - self.first]
    return x0 * x, y0 * y, x1 * x, y1 * y


def from_box(box: tuple[float, ...]) -> Stretch:
  """The face at a box (x0, y0, x1, y1), pixels of the video, in all frames."""
  x0, y0, x1, y1 = box
  return Stretch('', 0, ((x0, y0, x1, y1),), 'pixel')


def read(folder: pathlib.Path) -> tuple[Stretch, ...]:
  """The utterances of a video, one text file each; none without a folder.

  Args:
    folder: Folder of the text files of the video.

  Raises:
    InputError: A file is malformed.
  """
  if not folder.is_dir():
    return ()
  return tuple(_read(path) for path in sorted(folder.glob('*.txt')))


def _read(path: pathlib.Path) -> Stretch:
  try:
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith('FRAME'))
    rows = [line.split() for line in lines[start + 1 :] if line.strip()]
    frames = [int(row[0]) for row in rows]
    boxes = np.array([[float(v) for v in row[1:5]] for row in rows])
    good = boxes.shape == (len(rows), 4) and len(rows) > 0
    good = good and (np.diff(frames) == 1).all() and frames[0] >= 0
    good = good and np.isfinite(boxes).all()
  except (OSError, ValueError, StopIteration, IndexError):
    good = False
  if not good:
    raise errors.InputError(
      f'{path}: expected lines of FRAME X Y W H with consecutive frames, found '
      'something else'
    )
  fractions = boxes.max() <= 2
  if not fractions:
    boxes = boxes / _LINES
  corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
  return Stretch(
    path.stem,
    frames[0],
    tuple((a, b, c, d) for a, b, c, d in corners.tolist()),
    'fraction' if fractions else 'height',
  )
