"""All faces of a video, followed from frame to frame.

Frames are uint8 [H, W, 3] at 25 a second, points as in `faces.landmarks`,
boxes (x0, y0, x1, y1) in pixels of the video, y down. The box of a face is
that of its 478 landmarks, from the brow to the chin.

Frames come in windows. Faces are looked for in some of their frames only, and
followed in every fourth (`_KEY`), one frame after the other; where they are in
the frames between follows from there, so the networks see these frames, all
faces together, in batches of one size.

A track is a stretch of one face that can become one clip (reference, section
10.1): it ends at a cut, where the face is away for long, where its box has left
that of the first frame (their overlap is below a quarter), and after
`max_frames`.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from sadtalker_jax.faces import crop, detector, landmarks, mesh, tracking, warp
from sadtalker_jax.preparation.input import annotations, shots

WINDOW = 16  # frames that are worked on together
_KEY = 4  # every so many frames a face is followed by itself
_BATCH = 16  # faces in the networks at a time
_LOOK = 25  # frames between two looks for faces
_LOOK_LOST = 8  # the same while a face is away or none is there
_THOROUGH = 4  # every so many looks, small faces are looked for, too
_SAME = 0.3  # overlap of a detected face and a followed one
_LEAST_OVERLAP = 0.25  # with the first box of a track
_MOST_MISSING = 10  # frames that a face may be away
_QUICK_SHARE = 0.15  # of the picture: smaller faces need the thorough look


@dataclasses.dataclass(eq=False)
class FaceTrack:
  """A face in consecutive frames."""

  first: int  # frame
  points: np.ndarray  # float32 [T, 478, 3]; of the frame before where lost
  found: np.ndarray  # bool [T]
  box: crop.Box  # around all of its boxes
  utterance: str  # of the annotation; '' in the wild
  crowd: np.ndarray  # [N, 4] boxes of other faces seen during the track
  looks: int  # how often faces were looked for during the track

  @property
  def last(self) -> int:
    """The frame after its last one."""
    return self.first + len(self.points)


@dataclasses.dataclass(eq=False)
class _Face:
  """A face that is followed; `rows` are the track in progress."""

  points: np.ndarray  # where it was seen last
  missing: int = 0
  first: int = 0
  label: str | None = None
  rows: list[tuple[np.ndarray, bool]] = dataclasses.field(default_factory=list)

  @property
  def box(self) -> crop.Box:
    return box_of(self.points)


def box_of(points: np.ndarray) -> crop.Box:
  """Around the points [N, 2 or 3] of a face."""
  (x0, y0), (x1, y1) = points[:, :2].min(0), points[:, :2].max(0)
  return float(x0), float(y0), float(x1), float(y1)


class Tracker:
  """Follows all faces of one video."""

  def __init__(
    self,
    finder: detector.FaceDetector,
    landmarker: landmarks.FaceMesh,
    *,
    max_frames: int,
    least_face: int,
    stretches: Sequence[annotations.Stretch] = (),
  ):
    """Starts before the first frame.

    Args:
      finder: Finds faces.
      landmarker: Finds their landmarks.
      max_frames: Longest track.
      least_face: Longer side of the smallest face that is wanted, pixels.
      stretches: Which faces count, and when; none: all, always.
    """
    self._finder, self._landmarker = finder, landmarker
    self._max_frames, self._least_face = max_frames, least_face
    self._stretches = stretches
    self._cuts = shots.Detector()
    self._faces: list[_Face] = []
    self._seen: list[tuple[int, list[crop.Box]]] = []  # looks: frame, faces
    self._next_look, self._looks = 0, 0

  def feed(self, frames: Sequence[np.ndarray], first: int) -> list[FaceTrack]:
    """Goes on by consecutive frames.

    Args:
      frames: uint8 [H, W, 3] each; `WINDOW` of them but at the end.
      first: Number of the first of them.

    Returns:
      Tracks that have ended.
    """
    starts = [i for i, frame in enumerate(frames) if self._cuts.is_cut(frame)]
    ended: list[FaceTrack] = []
    for start, stop in zip([0, *starts], [*starts, len(frames)], strict=True):
      if start in starts:
        ended += self.finish()
      if stop > start:
        ended += self._run(frames[start:stop], first + start)
    return ended

  def finish(self) -> list[FaceTrack]:
    """Ends the tracks of all faces; the next frame is looked at anew."""
    ended = [track for face in self._faces for track in self._end(face)]
    self._faces, self._seen, self._next_look = [], [], 0
    return ended

  def _run(self, frames: Sequence[np.ndarray], first: int) -> list[FaceTrack]:
    """Goes on by frames of one shot."""
    keys = sorted({*range(0, len(frames), _KEY), len(frames) - 1})
    squares: dict[int, dict[int, warp.Square]] = {}  # by face, by key
    faces = list(self._faces)
    for key in keys:
      if first + key >= self._next_look:
        for face in self._look(frames[key], first + key):
          faces.append(face)
      for face, square in self._follow(frames[key], self._faces):
        squares.setdefault(id(face), {})[key] = square
    todo = [
      (place, face, square)
      for face in faces
      for place, square in _between(squares.get(id(face), {}), len(frames))
    ]
    results = self._landmarker.in_squares(
      [frames[place] for place, _, _ in todo],
      [square for _, _, square in todo],
      batch=_BATCH,
    )
    found: list[list[tuple[_Face, np.ndarray]]] = [[] for _ in frames]
    for (place, face, _), result in zip(todo, results, strict=True):
      if result.confidence >= tracking.SURE:
        found[place].append((face, result.points))
    size = (frames[0].shape[1], frames[0].shape[0])
    ended: list[FaceTrack] = []
    for place, seen in enumerate(found):
      ended += self._append(first + place, seen, size)
    return ended

  def _look(self, frame: np.ndarray, number: int) -> list[_Face]:
    """Looks for faces; those that nobody follows yet are followed."""
    share = self._least_face / max(frame.shape[:2])
    new_shot = not self._seen
    thorough = share < _QUICK_SHARE and (
      new_shot or self._looks % _THOROUGH == 0
    )
    self._looks += 1
    boxes = self._finder.detect(frame, thorough=thorough)
    if not boxes and new_shot and not thorough:
      boxes = self._finder.detect(frame, thorough=True)
    self._seen.append((number, [face.box for face in boxes]))
    free = list(self._faces)
    fresh = []
    for found in boxes:
      again = [f for f in free if detector.overlap(f.box, found.box) > _SAME]
      if again:
        free = [f for f in free if f not in again]
        lost = again[0].missing > 0
        if not lost:
          continue
      result = self._landmarker.detect(frame, found)
      if result.confidence < tracking.SURE:
        continue
      if again:
        again[0].points = result.points
      else:
        fresh.append(_Face(result.points))
    self._faces += fresh
    away = not self._faces or any(face.missing for face in self._faces)
    self._next_look = number + (_LOOK_LOST if away else _LOOK)
    return fresh

  def _follow(
    self, frame: np.ndarray, faces: Sequence[_Face]
  ) -> list[tuple[_Face, warp.Square]]:
    """Where the faces are in this frame, those that are still there."""
    squares = [mesh.square_of_mesh(face.points) for face in faces]
    # Mostly one face; a power of two, for few compilations.
    batch = 1 << max(len(squares) - 1, 0).bit_length()
    results = mesh.run_meshes([frame] * len(squares), squares, batch=batch)
    there: list[tuple[_Face, warp.Square]] = []
    for face, (points, confidence) in zip(faces, results, strict=True):
      if confidence < tracking.SURE:
        face.missing = max(face.missing, 1)
        continue
      box = box_of(points)
      # Two that have run onto one face: the older one keeps it.
      if any(detector.overlap(box, f.box) > 2 * _SAME for f, _ in there):
        continue
      face.points = points
      there.append((face, mesh.square_of_mesh(points)))
    return there

  def _append(
    self,
    number: int,
    seen: Sequence[tuple[_Face, np.ndarray]],
    size: tuple[int, int],
  ) -> list[FaceTrack]:
    """Writes one frame into the tracks."""
    labels = self._labels(number, seen, size)
    ended: list[FaceTrack] = []
    points_of = {id(face): points for face, points in seen}
    for face in list(self._faces):
      points = points_of.get(id(face))
      if points is None:
        face.missing += 1
        self._next_look = min(self._next_look, number + _LOOK_LOST)
        if face.rows:
          face.rows.append((face.rows[-1][0], False))
        if face.missing > _MOST_MISSING:
          ended += self._end(face)
          self._faces.remove(face)
        continue
      face.missing = 0
      label = labels.get(id(face))
      if face.rows and (
        label != face.label
        or len(face.rows) >= self._max_frames
        or detector.overlap(box_of(points), box_of(face.rows[0][0]))
        < _LEAST_OVERLAP
      ):
        ended += self._end(face)
      if label is not None:
        if not face.rows:
          face.first, face.label = number, label
        face.rows.append((points, True))
    return ended

  def _labels(
    self,
    number: int,
    seen: Sequence[tuple[_Face, np.ndarray]],
    size: tuple[int, int],
  ) -> dict[int, str]:
    """The utterances that the faces of a frame belong to, by face."""
    if not self._stretches:
      return {id(face): '' for face, _ in seen}
    labels = {}
    for stretch in self._stretches:
      box = stretch.box(number, size)
      if box is None or not seen:
        continue
      overlaps = [detector.overlap(box_of(p), box) for _, p in seen]
      best = int(np.argmax(overlaps))
      if overlaps[best] > 0:
        labels[id(seen[best][0])] = stretch.utterance
    return labels

  def _end(self, face: _Face) -> list[FaceTrack]:
    """The track of a face, without what it lost at the end."""
    rows, face.rows = face.rows, []
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
      for number, boxes in self._seen
      if face.first <= number < face.first + len(rows)
    ]
    crowd = [
      box
      for number, boxes in looks
      for box in boxes
      if detector.overlap(box, box_of(points[number - face.first])) < 0.1
    ]
    return [
      FaceTrack(
        face.first,
        points,
        found,
        (float(x0), float(y0), float(x1), float(y1)),
        face.label or '',
        np.array(crowd, np.float32).reshape(-1, 4),
        len(looks),
      )
    ]


def _between(
  keys: dict[int, warp.Square], count: int
) -> list[tuple[int, warp.Square]]:
  """Squares of all frames from those of some, as (frame, square).

  Before the first of them there is none; after the last one it stays.
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
