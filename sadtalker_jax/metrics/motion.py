"""Measures of head motion, and of the trembling of landmarks.

T is the number of frames of a clip, 25 a second; angles are (yaw, pitch, roll)
in degrees, as Hopenet returns them.
"""

import numpy as np
from scipy import ndimage

from sadtalker_jax.typing import Array

SMOOTH = 5.0  # frames; Gaussian that smooths the speed of a head (method 9.6)
TOLERANCE = 3.0  # frames; deviation of a motion beat from the sound's


def diversity(features: Array) -> float:
  """Spread of head motion over the frames (method 9.5).

  Args:
    features: [T, D] pooled features of Hopenet.

  Returns:
    Standard deviation over time (of N, not N - 1), mean over D; 0 for a head
    that does not move.

  Raises:
    ValueError: there are no frames.
  """
  return float(_rows(features, 1).std(0).mean())


def angle_deviation(degrees: Array) -> np.ndarray:
  """Standard deviation over time [3], float64, of angles [T, 3].

  Raises:
    ValueError: there are no frames.
  """
  return _rows(degrees, 1).std(0)


def motion_beats(degrees: Array, *, smooth: float = SMOOTH) -> np.ndarray:
  """Frames at which a head moves slowest (method 9.6).

  Siyao et al., Bailando, CVPR 2022: strict local minima of the smoothed speed.

  Args:
    degrees: [T, 3] angles, T at least 2.
    smooth: standard deviation of the Gaussian in frames; the ends are mirrored.

  Returns:
    [K] int64, ascending; K may be 0.

  Raises:
    ValueError: there are too few frames.
  """
  speed = np.linalg.norm(np.diff(_rows(degrees, 2), axis=0), axis=1)
  speed = ndimage.gaussian_filter1d(speed, smooth)
  lower = speed[1:-1] < np.minimum(speed[:-2], speed[2:])
  return np.flatnonzero(lower) + 1


def beat_align(
  sound_beats: Array, head_beats: Array, *, sigma: float = TOLERANCE
) -> float:
  """Closeness of the beats of sound to the beats of motion (method 9.6).

  Args:
    sound_beats: [M] frames, M at least 1; see `beats.music_beats`.
    head_beats: [K] frames; see `motion_beats`.
    sigma: distance in frames at which a beat scores exp(-1/2).

  Returns:
    The mean score in [0, 1]; 0 where the head has no beat.

  Raises:
    ValueError: there are no beats of the sound, or arrays have other shapes.
  """
  sound = np.asarray(sound_beats, np.float64)
  head = np.asarray(head_beats, np.float64)
  if sound.ndim != 1 or head.ndim != 1 or not len(sound):
    raise ValueError(
      f'expected beats [M], M > 0, and [K], found {sound.shape}, {head.shape}'
    )
  if not len(head):
    return 0.0
  nearest = np.square(sound[:, None] - head).min(1)
  return float(np.exp(-nearest / (2 * sigma**2)).mean())


def stabilise(points: Array, *, rigid: Array | None = None) -> np.ndarray:
  """Landmarks with the motion of the head removed.

  Each frame is rotated, scaled and moved onto the mean face by least squares
  (Procrustes; the mean face is that of the aligned frames).

  Args:
    points: [T, N, D], D of 2 or 3.
    rigid: indices of the points that are matched, such as eye corners and nose;
      None for all.

  Returns:
    [T, N, D] float64, in the unit of the first frame.

  Raises:
    ValueError: `points` has another shape or is empty, fewer than two points
      are matched, or the matched ones coincide.
  """
  points = _landmarks(points)
  chosen = points if rigid is None else points[:, np.asarray(rigid)]
  if chosen.shape[1] < 2:
    raise ValueError(f'expected 2 rigid points, found {chosen.shape[1]}')
  middle = chosen.mean(1, keepdims=True)
  centred = chosen - middle
  size = np.linalg.norm(centred, axis=(1, 2))
  if not size.all():
    raise ValueError('expected rigid points apart from each other')
  shapes = centred / size[:, None, None]
  goal = shapes[0]
  for _ in range(3):
    turned = shapes @ _turns(shapes, goal)
    goal = turned.mean(0) / np.linalg.norm(turned.mean(0))
  # The mean in the first frame's place, so that equal frames stay unchanged.
  goal = goal @ _turns(goal[None], shapes[0])[0]
  whole = (points - middle) / size[:, None, None]
  return whole @ _turns(shapes, goal) * size[0] + middle[0]


def _turns(shapes: np.ndarray, goal: np.ndarray) -> np.ndarray:
  """Rotations [T, D, D] such that shapes [T, N, D] @ rotations fit the goal."""
  left, _, right = np.linalg.svd(shapes.swapaxes(1, 2) @ goal)
  left[..., -1] *= np.sign(np.linalg.det(left @ right))[:, None]  # no mirrors
  return left @ right


def jitter(
  points: Array, *, eyes: tuple[int, int], rigid: Array | None = None
) -> float:
  """Trembling of landmarks: their second difference, with the head held still.

  Args:
    points: [T, N, D], T at least 3; see `stabilise`.
    eyes: indices of the two outer eye corners; their mean distance is the unit.
    rigid: indices of the points that are matched; see `stabilise`.

  Returns:
    Mean length of x[t - 1] - 2 x[t] + x[t + 1] in eye distances per frame^2.
    Speech has some, too: compare with the real clip.

  Raises:
    ValueError: there are too few frames, `points` has another shape, or the eye
      corners coincide.
  """
  steady = stabilise(points, rigid=rigid)
  if len(steady) < 3:
    raise ValueError(f'expected at least 3 frames, found {len(steady)}')
  first, second = (steady[:, index] for index in eyes)
  unit = np.linalg.norm(first - second, axis=-1).mean()
  if not unit:
    raise ValueError('expected eye corners apart, found them in one place')
  bend = np.diff(steady, n=2, axis=0)
  return float(np.linalg.norm(bend, axis=-1).mean() / unit)


def _rows(values: Array, least: int) -> np.ndarray:
  rows = np.asarray(values, np.float64)
  if rows.ndim != 2 or len(rows) < least or not rows.size:
    raise ValueError(
      f'expected rows [T, D], T at least {least}, found {rows.shape}'
    )
  return rows


def _landmarks(points: Array) -> np.ndarray:
  points = np.asarray(points, np.float64)
  if points.ndim != 3 or points.shape[2] not in (2, 3) or not points.size:
    raise ValueError(
      f'expected points [T, N, 2 or 3], T and N > 0, found {points.shape}'
    )
  return points
