"""All faces of a video, followed from frame to frame.

Frames are uint8 [H, W, 3] at 25 a second; points and boxes are as in
`followed_faces`.

Frames come in windows. Faces are looked for in some of their frames only, and
followed in every fourth (`_KEY`), one frame after the other; their places in
the frames between are interpolated, so that the networks are given these
frames, all faces together, in batches of one size.

A track is a stretch of one face that can become one clip (method 10.1): it ends
at a cut, where the face is away for long, where its box has left that of the
first frame (their overlap is below a quarter), and after `max_frames`.
"""

from collections.abc import Sequence

import numpy as np

from sadtalker_jax.faces import (
  crop,
  detector,
  landmarks,
  mesh,
  shots,
  tracking,
  warp,
)
from sadtalker_jax.preparation.input import annotations, followed_faces

WINDOW = 16  # frames that are worked on together
_KEY = 4  # frames between two in which a face is followed
_BATCH = 16  # faces in the networks at a time
_LOOK = 25  # frames between two looks for faces
_LOOK_LOST = 8  # the same while a face is away or there is none
_THOROUGH = 4  # looks between two that search for small faces, too
_SAME = 0.3  # overlap of a detected face and a followed one
_LEAST_OVERLAP = 0.25  # least overlap with the first box of a track
_MOST_MISSING = 10  # frames that a face may be away
_QUICK_SHARE = 0.15  # share of the picture; smaller faces need thorough looks


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
      finder: Face detector.
      landmarker: Landmark networks.
      max_frames: Most frames of a track.
      least_face: Longer side of the smallest face that is wanted, pixels.
      stretches: Faces that count, by frame; all faces if empty.
    """
    self._finder, self._landmarker = finder, landmarker
    self._max_frames, self._least_face = max_frames, least_face
    self._stretches = stretches
    self._cuts = shots.Detector()
    self._faces: list[followed_faces.FollowedFace] = []
    self._seen: list[tuple[int, list[crop.Box]]] = []  # looks: frame, faces
    self._next_look, self._looks = 0, 0

  def feed(
    self, frames: Sequence[np.ndarray], first: int
  ) -> list[followed_faces.FaceTrack]:
    """Follows faces through the next frames.

    Args:
      frames: uint8 [H, W, 3] each; `WINDOW` of them, fewer at the end.
      first: Number of the first of them.

    Returns:
      Tracks that have ended.
    """
    starts = [i for i, frame in enumerate(frames) if self._cuts.is_cut(frame)]
    ended: list[followed_faces.FaceTrack] = []
    for start, stop in zip([0, *starts], [*starts, len(frames)], strict=True):
      if start in starts:
        ended += self.finish()
      if stop > start:
        ended += self._run(frames[start:stop], first + start)
    return ended

  def finish(self) -> list[followed_faces.FaceTrack]:
    """Ends the tracks of all faces; faces are searched in the next frame."""
    ended = [track for face in self._faces for track in face.end(self._seen)]
    self._faces, self._seen, self._next_look = [], [], 0
    return ended

  def _run(
    self, frames: Sequence[np.ndarray], first: int
  ) -> list[followed_faces.FaceTrack]:
    """Follows faces through frames of one shot; returns tracks that ended."""
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
      for place, square in followed_faces.between(
        squares.get(id(face), {}), len(frames)
      )
    ]
    results = self._landmarker.in_squares(
      [frames[place] for place, _, _ in todo],
      [square for _, _, square in todo],
      batch=_BATCH,
    )
    found: list[list[tuple[followed_faces.FollowedFace, np.ndarray]]] = [
      [] for _ in frames
    ]
    for (place, face, _), result in zip(todo, results, strict=True):
      if result.confidence >= tracking.SURE:
        found[place].append((face, result.points))
    size = (frames[0].shape[1], frames[0].shape[0])
    ended: list[followed_faces.FaceTrack] = []
    for place, seen in enumerate(found):
      ended += self._append(first + place, seen, size)
    return ended

  def _look(
    self, frame: np.ndarray, number: int
  ) -> list[followed_faces.FollowedFace]:
    """Searches for faces; returns those that were not followed yet."""
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
        fresh.append(followed_faces.FollowedFace(result.points))
    self._faces += fresh
    away = not self._faces or any(face.missing for face in self._faces)
    self._next_look = number + (_LOOK_LOST if away else _LOOK)
    return fresh

  def _follow(
    self, frame: np.ndarray, faces: Sequence[followed_faces.FollowedFace]
  ) -> list[tuple[followed_faces.FollowedFace, warp.Square]]:
    """The faces that are still there, and their squares in a frame."""
    squares = [mesh.square_of_mesh(face.points) for face in faces]
    # Mostly one face; a power of two, for few compilations.
    batch = 1 << max(len(squares) - 1, 0).bit_length()
    results = mesh.run_meshes([frame] * len(squares), squares, batch=batch)
    there: list[tuple[followed_faces.FollowedFace, warp.Square]] = []
    for face, (points, confidence) in zip(faces, results, strict=True):
      if confidence < tracking.SURE:
        face.missing = max(face.missing, 1)
        continue
      box = followed_faces.box_of(points)
      # Two followed faces on one real face: the older one keeps it.
      if any(detector.overlap(box, f.box) > 2 * _SAME for f, _ in there):
        continue
      face.points = points
      there.append((face, mesh.square_of_mesh(points)))
    return there

  def _append(
    self,
    number: int,
    seen: Sequence[tuple[followed_faces.FollowedFace, np.ndarray]],
    size: tuple[int, int],
  ) -> list[followed_faces.FaceTrack]:
    """Adds one frame to the tracks; returns tracks that ended."""
    labels = self._labels(number, seen, size)
    ended: list[followed_faces.FaceTrack] = []
    points_of = {id(face): points for face, points in seen}
    for face in list(self._faces):
      points = points_of.get(id(face))
      if points is None:
        face.missing += 1
        self._next_look = min(self._next_look, number + _LOOK_LOST)
        if face.rows:
          face.rows.append((face.rows[-1][0], False))
        if face.missing > _MOST_MISSING:
          ended += face.end(self._seen)
          self._faces.remove(face)
        continue
      face.missing = 0
      label = labels.get(id(face))
      if face.rows and (
        label != face.label
        or len(face.rows) >= self._max_frames
        or detector.overlap(
          followed_faces.box_of(points), followed_faces.box_of(face.rows[0][0])
        )
        < _LEAST_OVERLAP
      ):
        ended += face.end(self._seen)
      if label is not None:
        if not face.rows:
          face.first, face.label = number, label
        face.rows.append((points, True))
    return ended

  def _labels(
    self,
    number: int,
    seen: Sequence[tuple[followed_faces.FollowedFace, np.ndarray]],
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
      overlaps = [
        detector.overlap(followed_faces.box_of(p), box) for _, p in seen
      ]
      best = int(np.argmax(overlaps))
      if overlaps[best] > 0:
        labels[id(seen[best][0])] = stretch.utterance
    return labels
