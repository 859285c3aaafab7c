"""Where a speaker looks: fixations near the camera, and saccades between them.

A gaze is [T, 2] float32, degrees of the eyes in the head relative to those of
the picture: to the person's left and up; both eyes turn alike, so their
vergence stays. Eyes mostly stay with the camera: they turn against the head,
and shift by a few degrees, faster than a frame lasts (Eyes Alive, Lee 2002).
Video frame i is at i / fps seconds, as in `head_motion`.
"""

import numpy as np

from sadtalker_jax.face3d.bases import makehuman

MAX_DEGREES = (9.0, 6.0)  # to the side; up and down

_STREAM = 0x6A2E  # keeps these draws apart from those of head and blinks
_FIXATION = (0.35, 1.1)  # least and mean further seconds of a fixation
_HOME = 0.45  # share of fixations that are of the camera
_SPREAD = np.array([2.6, 1.3])  # mean degrees beside it, of the others
_SACCADE = (0.02, 0.003)  # seconds, and seconds per degree
_STEADY = 0.7  # share of the head's turns that the eyes undo
_SIDE, _DOWN, _UP = makehuman.GAZE_DEGREES
_SLOT = makehuman.EXPRESSION_SLOTS


def track(
  seed: int,
  num_frames: int,
  fps: float = 25.0,
  *,
  head: np.ndarray | None = None,
) -> np.ndarray:
  """The gaze of a clip; frame 0 looks as the picture does.

  Args:
    seed: Random seed of the fixations.
    num_frames: T.
    fps: Frames per second.
    head: [T, 2 or more] pitch and yaw of the head in radian, relative to the
      picture (`head_motion.track`); None for a head that rests.

  Returns:
    [T, 2] float32 degrees to the person's left and up, within `MAX_DEGREES`.
  """
  seconds = np.arange(num_frames) / fps
  starts, places = _fixations(seed, num_frames / fps)
  now = np.searchsorted(starts, seconds, side='right')  # fixations begun
  before = places[np.maximum(now - 1, 0)]
  step = places[now] - before
  length = _SACCADE[0] + _SACCADE[1] * np.linalg.norm(step, axis=1)
  begun = np.concatenate([[0.0], starts])[now]
  share = np.clip((seconds - begun) / length, 0, 1)[:, None]
  result = before + step * share * share * (3 - 2 * share)
  if head is not None:
    return steadied(result, head)
  return _limited(result)


def steadied(gaze: np.ndarray, head: np.ndarray) -> np.ndarray:
  """A gaze [T, 2] of eyes that turn against the head, see `track`."""
  turned = np.degrees(np.asarray(head, np.float64)[:, :2])
  # A head that turns to its left, or looks up, leaves the eyes behind.
  against = np.stack([turned[:, 1], -turned[:, 0]], 1)
  return _limited(gaze - _STEADY * against)


def _limited(gaze: np.ndarray) -> np.ndarray:
  limit = np.array(MAX_DEGREES)
  return (limit * np.tanh(gaze / limit)).astype(np.float32)


def _fixations(seed: int, end: float) -> tuple[np.ndarray, np.ndarray]:
  """Starts [F] of fixations in seconds, and gazes [F + 1] from 0 s on."""
  rng = np.random.default_rng([_STREAM, seed])
  starts: list[float] = []
  places = [np.zeros(2)]
  start = 0.0
  while True:
    draw = rng.random(6)
    start += _FIXATION[0] - _FIXATION[1] * float(np.log1p(-draw[0]))
    if start >= end:
      return np.array(starts), np.array(places)
    place = np.zeros(2)
    if draw[1] > _HOME:
      size = -np.log1p(-draw[2:4]) * _SPREAD
      place = size * np.where(draw[4:6] < 0.5, -1, 1)
    starts.append(start)
    places.append(place)


def add(rows: np.ndarray, gaze: np.ndarray) -> None:
  """Adds a gaze to the expressions of a track, in place.

  Args:
    rows: [T, 64 or more] expressions of the packaged head.
    gaze: [T, 2] degrees, as of `track`.
  """
  left, up = np.asarray(gaze, np.float32).T
  for side, sign in (('Left', 1), ('Right', -1)):
    out = sign * left / _SIDE
    _shift(rows, 'eyeLookOut' + side, 'eyeLookIn' + side, out)
    vertical = np.where(up > 0, up / _UP, up / _DOWN)
    _shift(rows, 'eyeLookUp' + side, 'eyeLookDown' + side, vertical)


def _shift(
  rows: np.ndarray, name: str, opposite: str, change: np.ndarray
) -> None:
  """Moves a pair of opposite units by a change [T] of the first."""
  plus, minus = rows[:, _SLOT[name]], rows[:, _SLOT[opposite]]
  value = plus - minus + change
  shared = np.minimum(plus, minus)  # a fit may hold both
  moved = change != 0
  plus[moved] = np.clip(shared + np.maximum(value, 0), 0, 1)[moved]
  minus[moved] = np.clip(shared + np.maximum(-value, 0), 0, 1)[moved]
