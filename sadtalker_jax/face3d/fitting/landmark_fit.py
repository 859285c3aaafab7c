"""Coefficients of a face model from landmarks: identity, expression and pose.

Conventions: landmarks are the 478 FaceMesh points [T, 478, 3]: x and y in
pixels of the picture, y down, pixel centres at half-integers, and FaceMesh's
relative depth in the same unit, smaller is nearer. The result is relative to
the camera of Deep3D (`camera`, method 6.4): a picture is aligned by its five
points (method 6.3), a clip once as a whole, so that all head motion is in the
poses. Sizes are (width, height) in pixels; errors are in percent of the
inter-ocular distance (outer eye corners, in the picture). Results are numpy
float32.

A clip is fitted in four steps: one identity from a few frames together; the
expression and pose of every frame; smoothing of the poses in time; every frame
again, with the smooth pose as a prior. `landmark_solver` has the mathematics,
`priors` the fit's priors. No step draws random numbers.
"""

from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment, camera, measures
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.fitting import landmark_solver as solver
from sadtalker_jax.face3d.fitting import priors
from sadtalker_jax.ops import whittaker

# Eye centres, nose tip, mouth corners: the five points of the alignment.
_FIVE = ((33, 133), (362, 263), (4,), (61,), (291,))
_IDENTITY_FRAMES = 24  # frames of a clip that determine its identity
_CUTOFF = 4.0  # Hz; heads and brows move slower, landmark noise is faster
# Deviation of a frame's pose from the smooth one: angles, translation.
_POSE_SIGMA = np.array([4e-3, 4e-3, 4e-3, 2e-3, 2e-3, 2e-2], np.float32)
_POSE_REACH = np.float32(3)  # deviation, in sigmas, that doubles the variance
_SLOW_UNITS = ('brow', 'cheek', 'nose')  # smoothed; lips and lids are not


class LandmarkFit(NamedTuple):
  """Coefficients of a picture (T = 1) or a clip of T frames."""

  identity: np.ndarray  # [80]
  expression: np.ndarray  # [T, 64]
  angles: np.ndarray  # [T, 3] radian
  translation: np.ndarray  # [T, 3] decimetre
  trans: alignment.TransParams  # alignment of the whole clip
  found: np.ndarray  # [T] bool; the other frames are interpolated
  error: np.ndarray  # [T] mean over the landmarks, percent; nan if not found

  @property
  def rows(self) -> np.ndarray:
    """The 70-d rows [T, 70]: expression, angles, translation."""
    return np.concatenate([self.expression, self.angles, self.translation], -1)


def fit_image(
  landmarks: np.ndarray, size: tuple[int, int], model: morphable.MorphableModel
) -> LandmarkFit:
  """Coefficients of one picture.

  Args:
    landmarks: [478, 3] FaceMesh points.
    size: (width, height) of the picture in pixels.
    model: face model with dense landmarks.

  Returns:
    Fit of T = 1.

  Raises:
    ValueError: shapes are wrong, landmarks are not finite or span no face, or
      the model has no dense landmarks.
  """
  points = _checked(np.asarray(landmarks)[None])
  problem, trans = priors.problem(model), align(points[0], size)
  target = targets(points, trans)
  scale = _scale(points, trans)
  identity, x = solver.identity(problem, target, scale)
  return _result(problem, identity, x, trans, target, np.ones(1, bool))


def fit_video(
  landmarks: np.ndarray,
  found: np.ndarray,
  size: tuple[int, int],
  fps: float,
  model: morphable.MorphableModel,
) -> LandmarkFit:
  """Coefficients of a clip, with one identity and a smooth pose.

  Args:
    landmarks: [T, 478, 3] FaceMesh points, arbitrary where not found.
    found: [T] bool, whether a face was found in the frame; at least one is.
    size: (width, height) of the pictures in pixels.
    fps: frames per second.
    model: face model with dense landmarks.

  Returns:
    Fit of T frames. Frames without a face are interpolated in time, or repeat
    the nearest at the ends, and are False in `found`.

  Raises:
    ValueError: shapes or rates are wrong, no frame is found, landmarks of a
      found frame are not finite or span no face, or the model has no dense
      landmarks.
  """
  found = np.asarray(found, bool)
  if found.shape != np.shape(landmarks)[:1] or not found.any():
    raise ValueError(
      'expected one flag per frame, at least one of them set, found '
      f'{found.shape} flags, {found.sum()} set, for landmarks of shape '
      f'{np.shape(landmarks)}'
    )
  if not fps > 0:
    raise ValueError(f'expected a positive frame rate, found {fps}')
  points = _checked(np.asarray(landmarks)[found])
  problem = priors.problem(model)
  trans = align(points[_typical(points)], size)
  target, scale = targets(points, trans), _scale(points, trans)
  count = min(len(target), _IDENTITY_FRAMES)
  pick = np.linspace(0, len(target) - 1, count).round().astype(int)
  identity, _ = solver.identity(
    problem, target[pick], scale, pad=_IDENTITY_FRAMES
  )
  x = solver.frames(problem, identity, target, scale)

  weight = found.astype(np.float64)
  pose = np.zeros((len(found), 6))
  pose[found] = x[:, -6:]
  pose = whittaker.smooth(pose, weight, fps, _CUTOFF).astype(np.float32)
  # A head that really jerks is far from the smooth pose and is less tied to it.
  far = np.abs(x[:, -6:] - pose[found]) / (_POSE_REACH * _POSE_SIGMA)
  sigma = _POSE_SIGMA * np.sqrt(1 + far**2)
  x = solver.frames(
    problem, identity, target, scale, x[:, :-6], pose[found], sigma
  )

  full = np.concatenate([_filled(x[:, :-6], found), pose], -1)
  full[found, -6:] = x[:, -6:]
  slow = [n.startswith(_SLOW_UNITS) for n in model.expression_names]
  if any(slow):
    place = np.flatnonzero(slow)
    ones = np.ones(len(full))
    full[:, place] = whittaker.smooth(full[:, place], ones, fps, _CUTOFF).clip(
      0
    )
  return _result(problem, identity, full, trans, target, found)


def align(
  landmarks: np.ndarray, size: tuple[int, int]
) -> alignment.TransParams:
  """Alignment of a picture by five of its landmarks.

  Args:
    landmarks: [478, 2 or more] FaceMesh points in pixels, y down.
    size: (width, height) of the picture in pixels.

  Raises:
    ValueError: the landmarks span no area.
  """
  width, height = size
  five = np.stack([landmarks[list(ids), :2].mean(0) for ids in _FIVE])
  five = np.asarray(five, np.float64) * [1, -1] + [0, height]
  return alignment.align(five, width, height)


def residual_offsets(
  fit: LandmarkFit, landmarks: np.ndarray, model: morphable.MorphableModel
) -> np.ndarray:
  """Differences of the landmarks from those of the fit.

  Args:
    fit: fit of T frames.
    landmarks: [T, 478, 3], or [478, 3] for T = 1.
    model: face model of the fit.

  Returns:
    [T, 468, 2] pixels of the picture, y down; the projected points of the model
    plus these are the landmarks.
  """
  points = np.asarray(landmarks)[..., : priors.NUM_FACE, :2]
  return (points - project(fit, model)).astype(np.float32)


def of_rows(
  identity: np.ndarray, rows: np.ndarray, trans: alignment.TransParams
) -> LandmarkFit:
  """A track as a fit without an error, to be projected.

  Args:
    identity: [80].
    rows: [T, 70] expression, angles, translation.
    trans: Alignment of the picture.
  """
  return LandmarkFit(
    identity,
    rows[:, conventions.ROW_EXPRESSION],
    rows[:, conventions.ROW_ANGLES],
    rows[:, conventions.ROW_TRANSLATION],
    trans,
    np.ones(len(rows), bool),
    np.zeros(len(rows)),
  )


def project(fit: LandmarkFit, model: morphable.MorphableModel) -> np.ndarray:
  """The 468 face points of a fit in the picture, [T, 468, 2], y down.

  Raises:
    ValueError: the model has no dense landmarks.
  """
  if model.dense_ids is None or model.dense_weights is None:
    raise ValueError(f'expected dense landmarks, found model {model.name!r}')
  mean, identity, expression = morphable.restrict(
    model, model.dense_ids, model.dense_weights
  )
  points = (
    np.asarray(mean)
    + np.tensordot(fit.identity, identity, 1)
    + np.tensordot(fit.expression, expression, 1)
  )
  posed = camera.transform(points, fit.angles, fit.translation)
  return np.asarray(camera.project_to_picture(posed, fit.trans))[..., :2]


def _checked(points: np.ndarray) -> np.ndarray:
  shape = (priors.NUM_LANDMARKS, 3)
  if points.ndim != 3 or points.shape[1:] != shape:
    raise ValueError(f'expected landmarks {shape}, found {points.shape[1:]}')
  points = points.astype(np.float64)
  spread = np.ptp(points[:, : priors.NUM_FACE, :2], axis=1)
  if not (np.isfinite(points).all() and (spread > 0).all()):
    raise ValueError('expected finite landmarks that span a face')
  return points


def _typical(points: np.ndarray) -> int:
  """The frame whose five points are nearest to their medians in time."""
  five = np.stack([points[:, list(ids), :2].mean(1) for ids in _FIVE], 1)
  return int(np.abs(five - np.median(five, 0)).sum((1, 2)).argmin())


def targets(points: np.ndarray, trans: alignment.TransParams) -> np.ndarray:
  """Targets [T, 470, 3] of the solver: aligned frame, y up, depth towards us.

  Args:
    points: [T, 478, 3] FaceMesh points in pixels of the picture.
    trans: alignment of the clip.
  """
  face, irises = points[:, : priors.NUM_FACE], points[:, priors.IRIS_CENTRES]
  points = np.concatenate([face, irises], 1)
  image = np.asarray(camera.picture_to_aligned(points[..., :2], trans))
  depth = -points[..., 2:] * trans.scale
  return np.concatenate([image, depth], -1).astype(np.float32)


def _scale(points: np.ndarray, trans: alignment.TransParams) -> np.float32:
  """Inter-ocular distance of the clip in aligned pixels.

  The depth is included, or the distance would shrink as the head turns.
  """
  distance = np.median(measures.interocular(points))
  return np.float32(distance * trans.scale)


def _filled(values: np.ndarray, found: np.ndarray) -> np.ndarray:
  """Values [T, C] interpolated from those of the found frames, [F, C]."""
  time, known = np.arange(len(found)), np.flatnonzero(found)
  columns = [np.interp(time, known, column) for column in values.T]
  return np.stack(columns, -1).astype(np.float32)


def _result(
  problem: priors.Problem,
  identity: np.ndarray,
  x: np.ndarray,
  trans: alignment.TransParams,
  target: np.ndarray,
  found: np.ndarray,
) -> LandmarkFit:
  """The fit of solved frames.

  Args:
    problem: linear model of the landmarks.
    identity: [80].
    x: [T, K + 6] unknowns of the frames.
    trans: alignment of the clip.
    target: [F, N, 3] targets of the found frames.
    found: [T] bool.
  """
  x = np.asarray(x)
  expression = np.zeros((len(x), conventions.EXPRESSION_SIZE), np.float32)
  expression[:, : len(problem.sigma)] = x[:, :-6] * problem.sigma
  points = problem.mean + np.tensordot(identity, problem.identity, 1)
  points = points + np.tensordot(
    x[:, :-6] * problem.sigma, problem.expression, 1
  )
  posed = camera.transform(points, x[:, -6:-3], x[:, -3:])
  image = np.asarray(camera.project(posed)[0])[found][:, : priors.NUM_FACE]
  face = target[:, : priors.NUM_FACE, :2]
  error = np.full(len(x), np.nan, np.float32)
  distance = np.linalg.norm(image - face, axis=-1).mean(-1)
  error[found] = 100 * distance / measures.interocular(face)
  return LandmarkFit(
    identity, expression, x[:, -6:-3], x[:, -3:], trans, found, error
  )
