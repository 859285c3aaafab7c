"""Priors of the fits: deviations of expression units, weights of landmarks.

Conventions: landmarks are the 478 FaceMesh points (468 of the face, then five
of each iris, the right eye's first; 'left' and 'right' are the person's own).
Sigmas of expression units are in the units' own weights, where 1 is full
deflection; noise and robust widths are fractions of the inter-ocular distance,
which is the distance of the outer eye corners.

With 52 correlated units an open mouth can be explained in many ways. A Gaussian
prior divides it in proportion to variance times effect, so the sigmas determine
the share of each unit: the jaw is explained by `jawOpen` because the units that
could replace it have a tenth of its sigma.
"""

from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import measures
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.typing import Array

NUM_LANDMARKS = 478
NUM_FACE = 468
IRIS_CENTRES = (468, 473)  # right, left

# The rim of the face: it is seen tangentially, so the mesh slides along it.
CONTOUR = (
  10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379,
  378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162,
  21, 54, 103, 67, 109,
)  # fmt: skip
LIPS = (
  61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267,
  269, 270, 409, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81,
  82, 13, 312, 311, 310, 415,
)  # fmt: skip
LIDS = (
  33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
  263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384,
  398,
)  # fmt: skip

# Skin of the upper lid: in a blink the landmark network leaves it in place.
LID_SKIN = (
  27, 28, 29, 30, 56, 190, 247, 257, 258, 259, 260, 286, 414, 467,
)  # fmt: skip

# Prior standard deviations, by unit name without its side.
SIGMAS = {
  'browDown': 0.25, 'browInnerUp': 0.35, 'browOuterUp': 0.25,
  'cheekPuff': 0.08, 'cheekSquint': 0.1,
  'eyeBlink': 0.6, 'eyeLookDown': 0.4, 'eyeLookIn': 0.4, 'eyeLookOut': 0.4,
  'eyeLookUp': 0.4, 'eyeSquint': 0.2, 'eyeWide': 0.3,
  'jawForward': 0.05, 'jawLeft': 0.1, 'jawOpen': 0.6, 'jawRight': 0.1,
  'mouthClose': 0.03, 'mouthDimple': 0.1, 'mouthFrown': 0.2,
  'mouthFunnel': 0.25, 'mouthLeft': 0.15, 'mouthLowerDown': 0.08,
  'mouthPress': 0.15, 'mouthPucker': 0.35, 'mouthRight': 0.15,
  'mouthRollLower': 0.08, 'mouthRollUpper': 0.08, 'mouthShrugLower': 0.06,
  'mouthShrugUpper': 0.06, 'mouthSmile': 0.35, 'mouthStretch': 0.25,
  'mouthUpperUp': 0.15, 'noseSneer': 0.1, 'tongueOut': 1e-3,
}  # fmt: skip
# The model's eyes look slightly up when all gaze units are zero: offset of the
# iris of a person who looks ahead, measured on the sample clips, in decimetre.
_IRIS_OFFSET = np.array([0.0, -0.010, 0.0])

OTHER_SIGMA = 1.0  # for units of models with other names


class Problem(NamedTuple):
  """A linear model of the fitted landmarks, with its priors."""

  mean: Array  # [N, 3] decimetre
  identity: Array  # [80, N, 3]
  expression: Array  # [K, N, 3], the used units
  sigma: Array  # [K] prior of the units
  lower: Array  # [K] bounds of the units
  upper: Array  # [K]
  weight: Array  # [N, 3] of x, y and the depth cue; 0 where not visible
  noise: Array  # [] standard deviation, share of the inter-ocular distance
  robust: Array  # [N] residual that halves a point's weight, the same unit


def sigma_of(name: str) -> float:
  """Prior standard deviation of the unit called `name`."""
  for side in ('Left', 'Right'):
    if name not in SIGMAS:
      name = name.removesuffix(side)
  return SIGMAS.get(name, OTHER_SIGMA)


def landmark_weights() -> np.ndarray:
  """Weights [470, 3] of the face points and the two iris centres."""
  weight = np.ones((NUM_FACE + 2, 3), np.float32)
  weight[list(CONTOUR)] = 0.5
  weight[list(LIPS)] = 1.5
  weight[list(LIDS)] = 2.0
  weight[list(LID_SKIN)] = 0.2
  weight[NUM_FACE:] = 2.0
  weight[:, 2] *= 0.2  # FaceMesh's z is an estimate
  weight[NUM_FACE:, 2] = 0
  return weight


def _iris_points(
  model: morphable.MorphableModel,
) -> list[tuple[np.ndarray, np.ndarray]] | None:
  """Vertex ids [3] and weights [3] of the irises, right eye's first.

  An iris is where the front of the eyeball meets the axis through its centre.
  None for models without eyeballs.
  """
  if not {'eye_left', 'eye_right'} <= set(model.group_names):
    return None
  mean = np.asarray(model.mean, np.float64)
  triangles = np.asarray(model.triangles)
  found = []
  for name in ('eye_right', 'eye_left'):
    faces = triangles[model.group(name)]
    centre = mean[np.unique(faces)].mean(0) + _IRIS_OFFSET
    corners = mean[faces]
    # Barycentric coordinates of the axis in every triangle, seen from in front.
    edges = np.stack(
      [corners[:, 0] - corners[:, 2], corners[:, 1] - corners[:, 2]], -1
    )[:, :2]
    flat = np.abs(np.linalg.det(edges)) < 1e-9
    edges[flat] = np.eye(2)
    two = np.linalg.solve(edges, (centre - corners[:, 2])[:, :2, None])[..., 0]
    weights = np.concatenate([two, 1 - two.sum(1, keepdims=True)], 1)
    inside = (weights.min(1) > -1e-6) & ~flat
    depth = np.where(inside, (weights * corners[..., 2]).sum(1), -np.inf)
    best = int(depth.argmax())
    found.append((faces[best], weights[best]))
  return found


def problem(
  model: morphable.MorphableModel,
  *,
  noise: float = 0.05,
  robust: float = 0.04,
) -> Problem:
  """The linear model of 468 face points and two iris centres, with its priors.

  Args:
    model: face model with dense landmarks.
    noise: effective standard deviation of a landmark. It is larger than the
      true one (about 0.01), since the errors of neighbours are correlated.
    robust: residual that halves a point's weight; three times as large for lids
      and lips, which move far and are well visible.

  Returns:
    Problem of numpy float32 arrays, N = 470.

  Raises:
    ValueError: the model has no dense landmarks.
  """
  if model.dense_ids is None or model.dense_weights is None:
    raise ValueError(
      f'expected a model with dense landmarks, found {model.name!r}'
    )
  weight = landmark_weights()
  ids = np.asarray(model.dense_ids)
  barycentric = np.asarray(model.dense_weights, np.float32)
  if model.dense_valid is not None:
    weight[:NUM_FACE] *= np.asarray(model.dense_valid)[:, None]
  irises = _iris_points(model)
  if irises is None:  # the places are filled, with weight 0
    irises = [(ids[i], barycentric[i]) for i in measures.EYE_CORNERS]
    weight[NUM_FACE:] = 0
  ids = np.concatenate([ids, [i for i, _ in irises]])
  barycentric = np.concatenate([barycentric, [w for _, w in irises]])
  mean, identity, expression = morphable.restrict(model, ids, barycentric)

  width = np.full(len(ids), robust)
  width[list(LIDS + LIPS)] *= 3

  names = model.expression_names
  used = len(names) or conventions.EXPRESSION_SIZE
  sigma = np.array([sigma_of(n) for n in names] or [OTHER_SIGMA] * used)
  # ARKit's units are in [0, 1]; principal components have both signs.
  unit = sigma < OTHER_SIGMA

  def f32(values: object) -> np.ndarray:
    return np.asarray(values, np.float32)

  return Problem(
    mean=f32(mean),
    identity=f32(identity),
    expression=f32(expression)[:used],
    sigma=f32(sigma),
    lower=f32(np.where(unit, 0, -3)),
    upper=f32(np.where(unit, 1, 3)),
    weight=f32(weight),
    noise=f32(noise),
    robust=f32(width),
  )
