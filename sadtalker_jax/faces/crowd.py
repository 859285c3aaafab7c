"""All faces of a shot, each followed through its frames.

Conventions of pictures and points: `faces.landmarks`. A face is followed from
frame to frame with one pass of the landmark network, as `faces.tracking` does;
now and then, and while one is missing, faces are detected anew. A run of frames
ends where its face is lost, and where it lands on the face of another, as it
does when people cross. Who is seen in which runs is not decided here.
"""

from collections.abc import Iterable
import dataclasses
from typing import NamedTuple

import numpy as np

from sadtalker_jax.faces import appearance, crop, tracking
from sadtalker_jax.faces import detector as detectors

MOST = 8  # faces at once; each costs a pass of the network in every frame
_SEARCH = 10  # frames between two thorough searches for new faces
_MISSED = 25  # frames in which a lost face is looked for in each
_LOOK = 5  # frames between two looks
# Two faces are one if their landmarks differ by less than this, or the middle
# of one lies in that share of the other's box around its own middle. A face is
# another if it moved farther from one frame to the next. In sides of its box.
_SAME, _LEAP = 0.25, 0.7


class Run(NamedTuple):
  """Consecutive frames that show a face, n of them."""

  first: int  # number in the shot
  points: np.ndarray  # float32 [n, 478, 3]
  look: np.ndarray  # [V, 3] mean, see `appearance`

  @property
  def stop(self) -> int:
    """The frame after the last one."""
    return self.first + len(self.points)


@dataclasses.dataclass(eq=False)
class _Open:
  """A run that goes on."""

  first: int
  points: list[np.ndarray]
  looks: list[np.ndarray]
  leap: float = 0.0  # of the last frame, in sides of the face


def track(
  frames: Iterable[np.ndarray],
  follower: tracking.Follower,
  detector: detectors.FaceDetector,
) -> list[Run]:
  """The runs of all faces of a shot, by first frame, then by size.

  Args:
    frames: uint8 [H, W, 3] each, all of one size; read once, none is kept.
    follower: Detector of landmarks.
    detector: Detector of faces.
  """
  crowd = _Crowd(follower, detector)
  for number, frame in enumerate(frames):
    crowd.step(number, frame)
  return crowd.runs()


def centre_and_side(points: np.ndarray) -> tuple[np.ndarray, float]:
  """The middle [2] and the longer side of the box of landmarks [478, 3]."""
  low, high = points[:, :2].min(0), points[:, :2].max(0)
  return (low + high) / 2, float((high - low).max())


class _Crowd:
  """The faces of the last frame, and the runs that ended before it."""

  def __init__(
    self, follower: tracking.Follower, detector: detectors.FaceDetector
  ):
    self._follower = follower
    self._detector = detector
    self._open: list[_Open] = []
    self._ended: list[_Open] = []
    self._missed = 0  # frames in which a lost face is still looked for

  def step(self, number: int, frame: np.ndarray) -> None:
    """Follows all faces into the next frame, and looks for others."""
    before = self._open
    self._open = [run for run in before if self._followed(run, frame)]
    self._part()
    if len(self._open) < len(before):
      self._missed = _MISSED
      kept = {id(run) for run in self._open}
      self._ended += [run for run in before if id(run) not in kept]
    thorough = number % _SEARCH == 0
    if thorough or self._missed:
      self._missed = max(0, self._missed - 1)
      self._look_for(number, frame, thorough)
    for run in self._open:
      if (len(run.points) - 1) % _LOOK == 0:
        run.looks.append(appearance.look(frame, run.points[-1]))

  def runs(self) -> list[Run]:
    """All runs so far."""
    found = [
      Run(run.first, np.stack(run.points), np.mean(run.looks, axis=0))
      for run in self._ended + self._open
    ]
    return sorted(
      found, key=lambda run: (run.first, -centre_and_side(run.points[0])[1])
    )

  def _followed(self, run: _Open, frame: np.ndarray) -> bool:
    """Whether the face is there; the run is longer then."""
    result = self._follower.follow(frame, run.points[-1])
    if result.confidence < tracking.SURE:
      return False
    centre, side = centre_and_side(run.points[-1])
    now, _ = centre_and_side(result.points)
    run.leap = float(np.linalg.norm(now - centre)) / side
    if run.leap > _LEAP:
      return False
    run.points.append(result.points)
    return True

  def _part(self) -> None:
    """Ends runs that landed on the face of another: those that leapt most."""
    kept: list[_Open] = []
    for run in sorted(self._open, key=lambda run: run.leap):
      if any(_same(run.points[-1], other.points[-1]) for other in kept):
        run.points.pop()
      else:
        kept.append(run)
    self._open = [run for run in self._open if run in kept]

  def _look_for(self, number: int, frame: np.ndarray, thorough: bool) -> None:
    """Begins runs of faces that are detected and not followed yet."""
    for face in self._detector.detect(frame, thorough=thorough):
      if len(self._open) >= MOST:
        return
      if any(_covers(run.points[-1], face.box) for run in self._open):
        continue
      result = self._follower.detect(frame, face)
      if result.confidence < tracking.SURE or any(
        _same(result.points, run.points[-1]) for run in self._open
      ):
        continue
      self._open.append(_Open(number, [result.points], []))


def _same(one: np.ndarray, two: np.ndarray) -> bool:
  """Whether landmarks are those of one face."""
  _, side = centre_and_side(two)
  apart = np.linalg.norm(one[:, :2] - two[:, :2], axis=1).mean()
  return bool(apart < _SAME * side)


def _covers(points: np.ndarray, box: crop.Box) -> bool:
  """Whether a detected box is the face of these landmarks."""
  centre, side = centre_and_side(points)
  x0, y0, x1, y1 = box
  away = np.linalg.norm(centre - [(x0 + x1) / 2, (y0 + y1) / 2])
  return bool(away < _SAME * max(side, x1 - x0))
