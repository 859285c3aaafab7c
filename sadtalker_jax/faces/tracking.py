"""One face followed through the frames of a video.

Conventions of pictures and points: `faces.landmarks`. The face is followed from
frame to frame, with one pass of the landmark network each. Where that finds no
face, faces are detected again and the one nearest to the last place is taken.
If the video has shown several faces, only one near that place is taken: the
chosen person may be away for a while without being replaced by another.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.faces import crop, warp
from sadtalker_jax.faces import detector as detectors

# Least confidence of a face; the network's is below 0.1 or above 0.9.
SURE = 0.5
# A search for small faces in a whole frame is slow: while the face is away, it
# is done in one frame of so many, and a quick search in the others.
_SEARCH_EVERY = 10
# Largest distance of the chosen one of several faces from its last place, in
# sides of its box, and the growth of this limit per frame without the face.
_REACH, _REACH_GROWTH = 1.0, 0.05


class TrackedFace(NamedTuple):
  """The face found in a video of T frames."""

  points: np.ndarray  # float32 [T, 478, 3]; the last known ones where lost
  confidence: np.ndarray  # float32 [T]; 0 where lost
  found: np.ndarray  # bool [T]


class Found(Protocol):
  """The landmarks of one picture."""

  @property
  def points(self) -> np.ndarray:
    """Float32 [478, 3]."""
    ...

  @property
  def confidence(self) -> float:
    """Probability of a face, 0 to 1."""
    ...


class Follower(Protocol):
  """Interface of landmark detectors that can start from known landmarks."""

  def detect(
    self, picture: np.ndarray, face: detectors.Detection | crop.Box
  ) -> Found:
    """The landmarks of a detected face."""
    ...

  def follow(self, picture: np.ndarray, before: np.ndarray) -> Found:
    """The landmarks of a face whose last points are `before`."""
    ...


def track(
  frames: Iterable[np.ndarray],
  follower: Follower,
  detector: detectors.FaceDetector,
  *,
  face_index: int = 0,
  box: crop.Box | None = None,
) -> TrackedFace:
  """The landmarks of one face through a video.

  Args:
    frames: uint8 [H, W, 3] each, all of one size; read once, none is kept.
    follower: detector of landmarks.
    detector: detector of faces.
    face_index: index of the face among those of the first frame with any,
      largest first.
    box: box (x0, y0, x1, y1) of the face in the first frame, instead of an
      index.

  Returns:
    Landmarks, confidence and whether the face was found, for every frame.

  Raises:
    InputError: there are no frames, no face in any, or none with this index.
    ValueError: a frame has another shape or type.
  """
  chase = _Chase(follower, detector, face_index, box)
  results = []
  size = (0, 0)
  for frame in frames:
    warp.check_picture(frame)
    size = (frame.shape[1], frame.shape[0])
    results.append(chase.step(frame))
  if not results:
    raise errors.InputError('expected a video, found no frame')
  known = next((result for result in results if result), None)
  if known is None:
    raise errors.InputError(
      f'no face found in {len(results)} frames of {size[0]}x{size[1]} pixels'
      + ('' if box is None else f' at the box {tuple(box)}')
    )
  points = []
  for result in results:
    known = result or known
    points.append(known.points)
  return TrackedFace(
    np.stack(points),
    np.array([r.confidence if r else 0 for r in results], np.float32),
    np.array([r is not None for r in results]),
  )


class _Chase:
  """The last place of the face, and the number of frames since then."""

  def __init__(
    self,
    follower: Follower,
    detector: detectors.FaceDetector,
    face_index: int,
    box: crop.Box | None,
  ):
    self._follower = follower
    self._detector = detector
    self._face_index = face_index
    self._box = box
    self._last: np.ndarray | None = None
    self._missing = 0  # frames since the face was seen
    self._alone = True  # no other face was ever detected

  def step(self, frame: np.ndarray) -> Found | None:
    """The landmarks in the next frame, or None."""
    result = None
    if self._last is not None and not self._missing:
      result = _sure(self._follower.follow(frame, self._last))
    if result is None:
      face = self._choose(frame)
      result = None if face is None else self._detect(frame, face)
    if result is None:
      self._missing += 1
    else:
      self._missing = 0
      self._last = result.points
    return result

  def _detect(
    self, frame: np.ndarray, face: detectors.Detection | crop.Box
  ) -> Found | None:
    return _sure(self._follower.detect(frame, face))

  def _choose(self, frame: np.ndarray) -> detectors.Detection | crop.Box | None:
    """The chosen face among those detected in this frame, or None."""
    if self._last is None and self._box is not None:
      self._alone = False  # a box is given where there may be other faces
      return self._box
    thorough = self._missing % _SEARCH_EVERY == 0
    faces = self._detector.detect(frame, thorough=thorough)
    if not faces:
      return None
    self._alone = self._alone and len(faces) == 1
    if self._last is None:
      size = (frame.shape[1], frame.shape[0])
      return crop.pick(faces, self._face_index, size)
    xy = self._last[:, :2]
    low, high = xy.min(0), xy.max(0)
    centre = (low + high) / 2
    distances = [float(np.linalg.norm(_centre(f) - centre)) for f in faces]
    nearest = int(np.argmin(distances))
    reach = _REACH + _REACH_GROWTH * self._missing
    if not self._alone and distances[nearest] > reach * (high - low).max():
      return None
    return faces[nearest]


def _centre(face: detectors.Detection) -> np.ndarray:
  x0, y0, x1, y1 = face.box
  return np.array([(x0 + x1) / 2, (y0 + y1) / 2])


def _sure(result: Found) -> Found | None:
  """The landmarks, or None where the confidence is too low."""
  return result if result.confidence >= SURE else None
