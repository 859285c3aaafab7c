"""The place of a face in consecutive frames, without jitter.

The place is the five points of `faces.aligned`, [5, 2] in pixels, NaN where a
frame shows no face; they are averaged with those of neighbouring frames. Frames
are passed in batches; the result does not depend on the sizes of the batches.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from sadtalker_jax.faces import aligned, landmarks, tracking
from sadtalker_jax.faces import detector as detectors

_LEAST_EYES = 5.0  # pixels between the eyes; smaller faces count as none
# Weights of a frame and its neighbours, the frame in the middle.
_SMOOTHING = np.array([1, 4, 6, 4, 1]) / 16
_REACH = len(_SMOOTHING) // 2


def stream(
  batches: Iterable[np.ndarray], chase: 'Chase'
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Batches of frames with the smoothed points of their faces.

  A batch is held back until the two frames after it are known.

  Args:
    batches: uint8 [b, H, W, 3] of consecutive frames.
    chase: source of the points.

  Yields:
    Frames [b, H, W, 3] and points [b, 5, 2].
  """
  gap = np.full((_REACH, 5, 2), np.nan)
  waiting: deque[np.ndarray] = deque()
  rows = gap  # points, from _REACH frames before the first waiting one
  for frames in batches:
    waiting.append(frames)
    rows = np.concatenate([rows, stacked([chase.step(f) for f in frames])])
    while waiting and len(rows) >= len(waiting[0]) + 2 * _REACH:
      count = len(waiting[0])
      yield waiting.popleft(), smooth(rows[: count + 2 * _REACH])
      rows = rows[count:]
  rows = np.concatenate([rows, gap])
  for frames in waiting:
    yield frames, smooth(rows[: len(frames) + 2 * _REACH])
    rows = rows[len(frames) :]


def stacked(points: Sequence[np.ndarray]) -> np.ndarray:
  """Points of any number of frames, or of none, as one array [b, 5, 2]."""
  return np.array(points).reshape(-1, 5, 2)


def smooth(rows: np.ndarray) -> np.ndarray:
  """Points averaged with those of the two frames before and after.

  Args:
    rows: [b + 4, 5, 2]; NaN has no weight.

  Returns:
    [b, 5, 2] for all frames but two at either end; NaN where the frame's own
    points are.
  """
  count = len(rows) - 2 * _REACH
  total, weights = np.zeros((count, 5, 2)), np.zeros((count, 1, 1))
  known = np.isfinite(rows).all((1, 2))[:, None, None]
  for i, weight in enumerate(_SMOOTHING):
    here = slice(i, i + count)
    total += weight * np.where(known, rows, 0)[here]
    weights += weight * known[here]
  own = known[_REACH : _REACH + count]
  return np.where(own, total / np.maximum(weights, 1e-9), np.nan)


class Chase:
  """The five points of one face, followed from frame to frame."""

  def __init__(
    self, landmarker: landmarks.Landmarker, detector: detectors.FaceDetector
  ):
    """Starts without a face.

    Args:
      landmarker: detector of landmarks.
      detector: detector of faces.
    """
    self._landmarker = landmarker
    self._detector = detector
    self._last: detectors.Detection | None = None
    self._first = True

  def step(self, frame: np.ndarray) -> np.ndarray:
    """The points [5, 2] in the next frame, NaN if it shows no face."""
    points = None
    if self._last is not None:
      points = self._look(frame, self._last)
    if points is None:
      # Small faces are searched for only once: that is slow, and a face that
      # disappeared comes back at its former size.
      faces = self._detector.detect(frame, thorough=self._first)
      points = self._look(frame, faces[0]) if faces else None
    self._first = False
    if points is None:
      self._last = None
      return np.full((5, 2), np.nan)
    self._last = _as_detection(points)
    five = aligned.five_points(points)
    if np.linalg.norm(five[1] - five[0]) < _LEAST_EYES:
      return np.full((5, 2), np.nan)
    return five

  def _look(
    self, frame: np.ndarray, face: detectors.Detection
  ) -> np.ndarray | None:
    """The 478 landmarks of this face, or None if it is none."""
    found = self._landmarker.detect(frame, face)
    return found.points if found.confidence >= tracking.SURE else None


def _as_detection(points: np.ndarray) -> detectors.Detection:
  """The `Detection` of a face whose landmarks are known."""
  xy = points[:, :2]
  (x0, y0), (x1, y1) = xy.min(0), xy.max(0)
  eye, other, nose, *mouth = aligned.five_points(points)
  ears = landmarks.to_68(xy)[[0, 16]]
  keypoints = np.stack([eye, other, nose, np.mean(mouth, 0), *ears])
  box = (float(x0), float(y0), float(x1), float(y1))
  return detectors.Detection(box, 1.0, keypoints)
