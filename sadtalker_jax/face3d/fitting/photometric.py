"""Inverse rendering: identity, expression, pose, colour, light from a picture.

Gradient descent through `renderer` on the loss of `photometric_terms`: the face
is drawn over the picture, and all coefficients move until both look the same,
as far as landmarks and priors allow. It refines the result of `landmark_fit`,
which uses landmarks alone.

Conventions: pictures are [H, W, 3] RGB in [0, 1], row 0 on top; points are in
pixels of the picture, y down, pixel centres at half-integers; coefficients are
[257] (`coeffs`). The view defines the place of the picture in the camera, see
`renderer`.

The whole descent is one compiled loop, once per size of picture, number of
landmarks and number of steps (`photometric_solver`). Silhouettes have no
gradient, so that outlines are fitted by landmarks only.
"""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import camera, coeffs, renderer
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.fitting import photometric_solver as solver
from sadtalker_jax.face3d.fitting import photometric_terms as terms
from sadtalker_jax.face3d.fitting import priors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rates:
  """Step sizes of Adam in the units of the parts; 0 leaves a part unchanged."""

  identity: float = 0.05  # sigmas
  expression: float = 0.01  # sigmas
  texture: float = 0.03  # sigmas
  angles: float = 0.003  # radian
  gamma: float = 0.02
  translation: float = 0.005  # decimetre, across; ten times as large in depth
  albedo: float = 0.005


class PhotometricFit(NamedTuple):
  """The face fitted to a picture, numpy."""

  coefficients: np.ndarray  # [257]
  albedo: np.ndarray | None  # [V, 3]; None if the model's texture was fitted
  losses: terms.PhotometricTerms  # [steps] each, before every step


def target(
  model: morphable.MorphableModel,
  image: np.ndarray,
  *,
  mask: np.ndarray | None = None,
  landmarks: np.ndarray | None = None,
) -> solver.Target:
  """The target of a fit, after checks.

  Args:
    model: face model.
    image: [H, W, 3] RGB in [0, 1].
    mask: [H, W] weights that are not negative, such as a mask of the skin; None
      for the whole picture. Pixels without a face are never used.
    landmarks: [68, 2], or the FaceMesh points [468 or 478, 2] where the model
      has dense landmarks; None for none.

  Raises:
    ValueError: an argument has another shape or range.
  """
  image = np.asarray(image, np.float32)
  if image.ndim != 3 or image.shape[-1] != 3 or not np.isfinite(image).all():
    raise ValueError(
      f'expected a finite picture [H, W, 3], found {list(image.shape)}'
    )
  if image.max(initial=0) > 4 or image.min(initial=0) < -1:
    raise ValueError(
      f'expected colours in [0, 1], found {image.min():g} to {image.max():g}'
    )
  mask = np.ones(image.shape[:2]) if mask is None else np.asarray(mask)
  if mask.shape != image.shape[:2] or not (mask >= 0).all():
    raise ValueError(
      f'expected a mask {list(image.shape[:2])} that is not negative, found '
      f'{list(mask.shape)}'
    )
  points, *rest = _landmarks(model, landmarks)
  return solver.Target(image, mask.astype(np.float32), points, *rest)


def fit(
  model: morphable.MorphableModel,
  wanted: solver.Target,
  start: np.ndarray,
  *,
  view: renderer.View = camera.SIZE,
  albedo: np.ndarray | None = None,
  triangles: np.ndarray | None = None,
  weights: terms.TermWeights | None = None,
  rates: Rates | None = None,
  steps: int = 300,
) -> PhotometricFit:
  """Fits the face in a picture.

  Args:
    model: face model.
    wanted: result of `target`, with a picture of the size of the view.
    start: [257] initial coefficients.
    view: place of the picture in the camera, see `renderer`.
    albedo: [V, 3] initial colours, needed for a model without texture; None
      fits the model's texture instead.
    triangles: [T', 3] triangles that are drawn and compared; None for all.
    weights: weights of the loss terms.
    rates: step sizes.
    steps: number of steps of gradient descent.

  Returns:
    The fit. Expression units with bounds of 0 and 1 stay within them.

  Raises:
    ValueError: an argument has another shape or range.
  """
  start = np.asarray(start, np.float32)
  if start.shape != (conventions.FULL_SIZE,) or not np.isfinite(start).all():
    raise ValueError(
      f'expected finite coefficients [{conventions.FULL_SIZE}], found '
      f'{list(start.shape)}'
    )
  trans = renderer.frame(view) if not isinstance(view, tuple) else view
  size = (round(trans.height), round(trans.width))
  if wanted.image.shape[:2] != size:
    raise ValueError(
      f'expected a picture {list(size)} as the view, found '
      f'{list(wanted.image.shape[:2])}'
    )
  if steps < 1:
    raise ValueError(f'expected at least 1 step, found {steps}')
  if albedo is not None:
    albedo = np.array(albedo, np.float32)
  bounds = _bounds(model)
  unknown, losses = solver.descend(
    model,
    wanted,
    solver.Unknown(start, albedo),
    trans,
    model.triangles if triangles is None else triangles,
    weights or terms.TermWeights(),
    _step_sizes(rates or Rates(), np.asarray(bounds.sigma), albedo is not None),
    bounds,
    size=size,
    steps=steps,
  )
  return PhotometricFit(*jax.tree.map(np.asarray, (*unknown, losses)))


def _bounds(model: morphable.MorphableModel) -> solver.Bounds:
  """Bounds as in `priors.problem`, also for the names of ICT-FaceKit."""
  sigma = np.ones(conventions.EXPRESSION_SIZE, np.float32)
  for slot, name in enumerate(model.expression_names):
    for short, side in (('_L', 'Left'), ('_R', 'Right')):  # of ICT
      if name.endswith(short):
        name = name.removesuffix(short) + side
    sigma[slot] = priors.sigma_of(name)
  unit = sigma < priors.OTHER_SIGMA
  return solver.Bounds(
    sigma,
    np.where(unit, 0, -3).astype(np.float32),
    np.where(unit, 1, 3).astype(np.float32),
  )


def _step_sizes(
  rates: Rates, sigma: np.ndarray, has_albedo: bool
) -> solver.Unknown:
  """Step sizes of all unknowns."""
  parts = coeffs.Coefficients(
    identity=np.full(conventions.IDENTITY_SIZE, rates.identity),
    expression=rates.expression * sigma,
    texture=np.full(conventions.TEXTURE_SIZE, rates.texture),
    angles=np.full(3, rates.angles),
    gamma=np.full(conventions.GAMMA_SIZE, rates.gamma),
    translation=np.array([1, 1, 10]) * rates.translation,
  )
  vector = np.concatenate(parts).astype(np.float32)
  return solver.Unknown(
    vector, np.asarray(rates.albedo, np.float32) if has_albedo else None
  )


def _landmarks(
  model: morphable.MorphableModel, points: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Points [N, 2], their vertex ids and weights [N, 3], and their trust [N]."""
  if points is None:
    none = np.zeros((0, 3), np.float32)
    return none[:, :2], none.astype(np.int32), none, none[:, 0]
  points = np.asarray(points, np.float32)
  dense = (priors.NUM_FACE, priors.NUM_LANDMARKS)
  count = len(points)
  if (
    points.shape not in [(n, 2) for n in (terms.NUM_LANDMARKS, *dense)]
    or not np.isfinite(points).all()
  ):
    raise ValueError(
      'expected finite landmarks [68, 2], [468, 2] or [478, 2], found '
      f'{list(points.shape)}'
    )
  if count == terms.NUM_LANDMARKS:
    ids, weights = model.landmark_ids, model.landmark_weights
    return (
      points,
      np.asarray(ids),
      np.asarray(weights),
      terms.landmark_weights(),
    )
  if model.dense_ids is None or model.dense_weights is None:
    raise ValueError(
      f'expected a model with dense landmarks, found {model.name!r}'
    )
  trust = priors.landmark_weights()[: priors.NUM_FACE, 0]
  if model.dense_valid is not None:
    trust = trust * np.asarray(model.dense_valid)
  # Together they have the weight of the 68 landmarks.
  trust = trust * (terms.landmark_weights().mean() / trust.mean())
  ids, weights = np.asarray(model.dense_ids), np.asarray(model.dense_weights)
  return points[: priors.NUM_FACE], ids, weights, trust
