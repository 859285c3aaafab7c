"""Lids over the holes of the face, so that nothing shows through from behind.

The face is open at the eyes and between the lips. A fan of triangles from every
edge of such a rim to a point in its middle covers whatever is open in any pose:
a closed curve's fan covers all that the curve goes around, and what it covers
beside that lies behind the skin.

Conventions: those of `fitted_head`.
"""

from typing import NamedTuple

import numpy as np

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fitted_head

REACH = (0.16, 0.16, 0.30)  # decimetre from the middle of a hole to its rim
SINK = 0.04  # decimetre that the middle of a cap lies behind its rim


class Caps(NamedTuple):
  """Triangles over the holes; their middles follow the face's vertices."""

  triangles: np.ndarray  # [C, 3] face vertices, then middles
  vertices: np.ndarray  # [3, 3] middles
  expression: np.ndarray  # [64, 3, 3]


def build(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  ids: np.ndarray,
  triangles: np.ndarray,
) -> Caps:
  """Caps over both eyes and the mouth.

  Args:
    model: Head model.
    head: Fitted head.
    ids: [F] vertex ids of the face.
    triangles: [T, 3] its triangles, into `ids`.
  """
  mean = np.asarray(model.mean, np.float64)[ids]
  landmarks = fitted_head.points468(model, np.asarray(model.mean))
  edges = _border(triangles)
  middle_of_edge = mean[edges].mean(1)
  fans, middles, moves = [], [], []
  rims = (*fitted_head.EYE_RIMS, fitted_head.MOUTH_RIM)
  for hole, (rim, reach) in enumerate(zip(rims, REACH, strict=True)):
    away = middle_of_edge - landmarks[list(rim)].mean(0)
    near = np.linalg.norm(away[:, :2], axis=1) < reach
    own = edges[near & (np.abs(away[:, 1]) < 0.1)]
    centre = np.full((len(own), 1), len(ids) + hole)
    fans.append(np.concatenate([own, centre], 1))
    around = ids[np.unique(own)]
    middles.append(head.vertices[around].mean(0) - (0.0, 0.0, SINK))
    moves.append(head.expression[:, around].mean(1))
  return Caps(
    np.concatenate(fans).astype(np.int32),
    np.stack(middles),
    np.stack(moves, 1),
  )


def _border(triangles: np.ndarray) -> np.ndarray:
  """Edges [E, 2] that belong to one triangle only."""
  edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
  edges, uses = np.unique(edges, axis=0, return_counts=True)
  return edges[uses == 1]
