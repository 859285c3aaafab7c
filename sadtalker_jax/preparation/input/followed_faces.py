"""A face that is followed through a video, and the tracks that come of it.

Points are as in `faces.landmarks`, boxes (x0, y0, x1, y1) in pixels of the
video, y down. The box of a face is that of its 478 landmarks, from the brow to
the chin.
"""

from collections.abc import Mapping, Sequence
import dataclasses

import numpy as np

from sadtalker_jax.faces import crop, detector, warp


@dataclasses.dataclass(eq=False)
class FaceTrack:
  """A face in consecutive frames."""

  first: int  # number of its first frame
  points: np.ndarray  # float32 [T, 478, 3]; where lost, of the frame before
  found: np.ndarray  # bool [T] whether the face is seen
  box: crop.Box  # around the boxes of all frames
  utterance: str  # name in the annotation; '' in the wild
  crowd: np.ndarray  # [N, 4] boxes of other faces seen during the track
  looks: int  # number of searches for faces during the track

  @property
  def last(self) -> int:
    """The frame after its last one."""
    return self.first + len(self.points)


def box_of(points: np.ndarray) -> crop.Box:
  """The box around the points [N, 2 or 3] of a face."""
  (x0, y0), (x1, y1) = points[:, :2].min(0), points[:, :2].max(0)
  return float(x0), float(y0), float(x1), float(y1)


@dataclasses.dataclass(eq=False)
class FollowedFace:
  """A face that is followed; `rows` are its track in progress."""

  points: np.ndarray  # [478, 3] where the face was seen last
  missing: int = 0  # frames since then
  first: int = 0  # number of the first frame of the track
  label: str | None = None  # utterance of the track
  rows: list[tuple[np.ndarray, bool]] = dataclasses.field(default_factory=list)

  @property
  def box(self) -> crop.Box:
    """Where the face was seen last."""
    return box_of(self.points)

  def end(
    self, seen: Sequence[tuple[int, Sequence[crop.Box]]]
  ) -> list[FaceTrack]:
    """Ends the track in progress.

    Args:
      seen: Frames in which faces were looked for, with the boxes found.

    Returns:
      The track, without the frames at its end that lost the face; none if no
      frame is left.
    """
    rows, self.rows = self.rows, []
    while rows and not rows[-1][1]:
      rows.pop()
    if not rows:
      return []
    points = np.stack([row for row, _ in rows])
    found = np.array([there for _, there in rows])
    xy = points[found][..., :2]
    (x0, y0), (x1, y1) = xy.min((0, 1)), xy.max((0, 1))
    looks = [
      (number, boxes)
      for number, boxes in seen
      if self.first <= number < self.first + len(rows)
    ]
    crowd = [
      box
      for number, boxes in looks
      for box in boxes
      if detector.overlap(box, box_of(points[number - self.first])) < 0.1
    ]
    return [
      FaceTrack(
        self.first,
        points,
        found,
        (float(x0), float(y0), float(x1), float(y1)),
        self.label or '',
        np.array(crowd, np.float32).reshape(-1, 4),
        len(looks),
      )
    ]


def between(
  keys: Mapping[int, warp.Square], count: int
) -> list[tuple[int, warp.Square]]:
  """Squares of all frames, interpolated from those of some.

  Args:
    keys: Squares by frame.
    count: Number of frames.

  Returns:
    Pairs of frame and square, from the first frame that has one; after the last
    one its square stays.
  """
  if not keys:
    return []
  places = sorted(keys)
  squares = [keys[p] for p in places]
  frames = np.arange(places[0], count)
  angle = np.unwrap([s.angle for s in squares])
  columns = [
    np.interp(frames, places, values)
    for values in (
      [s.centre[0] for s in squares],
      [s.centre[1] for s in squares],
      [s.side for s in squares],
      angle,
    )
  ]
  return [
    (int(frame), warp.Square((x, y), side, turn))
    for frame, x, y, side, turn in zip(frames, *columns, strict=True)
  ]
