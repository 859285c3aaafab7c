"""Skin that answers: folds deepen, and bulges catch light, as the face moves.

A photo's shading is that of one expression. What another one does to it is
small and smooth: where skin becomes hollow less light comes in, and where it
turns away from above it darkens. Both are read off the head's surface, for
every unit of expression, as logarithms of ratio images (Liu 2001); a frame adds
them up. At the photo's own expression nothing changes.

Conventions: those of `fitted_head`.
"""

import numpy as np
from scipy import sparse, spatial

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fields, fitted_head

# Units that fold skin. Lids are left to the photo.
UNITS = ('jaw', 'mouth', 'cheek', 'noseSneer', 'brow')
AMOUNT = 0.6  # of a unit at which its effect is taken
HOLLOW = 0.045  # logarithm per change of hollowness, 1 / decimetre
TURNED = 0.30  # logarithm per change of the cosine to the light
LIGHT = np.array([0.0, 0.5, 0.87])  # direction that light mostly comes from
MOST = 0.15  # logarithm that one unit may add
ROUNDS = 2  # of smoothing over neighbours
RIMS = (0.02, 0.07)  # decimetre from rims: no effect, all of it


def build(
  model: morphable.MorphableModel, head: fitted_head.FittedHead, ids: np.ndarray
) -> np.ndarray:
  """Logarithms of what a unit of each expression does to skin, [64, F].

  Args:
    model: Head model.
    head: Fitted head.
    ids: [F] vertex ids of the face.
  """
  skin = np.asarray(model.triangles)[model.group('skin')]
  near = np.isin(skin, ids).any(1)
  used, flat = np.unique(skin[near], return_inverse=True)
  triangles = flat.reshape(-1, 3)
  mean, edge = _neighbours(triangles, len(used))
  now = head.expressed()[used]
  length = np.linalg.norm(now[edge[:, 0]] - now[edge[:, 1]], axis=1).mean()

  def look(vertices: np.ndarray) -> np.ndarray:
    turned = _normals(vertices, triangles)
    hollow = ((mean @ vertices - vertices) * turned).sum(1) / length**2
    facing = np.maximum(mean @ turned @ LIGHT, 0.0)
    return TURNED * facing - HOLLOW * hollow

  before = look(now)
  rest = fields.smoothstep(*RIMS, _from_border(now, triangles))
  result = np.zeros((len(head.expression), len(ids)))
  place = np.searchsorted(used, ids)
  for k, name in enumerate(model.expression_names):
    unit = head.expression[k][used]
    if not name.startswith(UNITS) or not unit.any():
      continue
    change = (look(now + AMOUNT * unit) - before) / AMOUNT
    for _ in range(ROUNDS):
      change = 0.5 * (change + mean @ change)
    result[k] = (rest * np.clip(change, -MOST, MOST))[place]
  return result


def _neighbours(
  triangles: np.ndarray, count: int
) -> tuple[sparse.csr_matrix, np.ndarray]:
  """A matrix that takes means over neighbours, and edges [E, 2]."""
  edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
  edges = np.unique(edges, axis=0)
  ones = np.ones(len(edges))
  table = sparse.coo_matrix((ones, edges.T), (count, count)).tocsr()
  table = table + table.T
  degree = np.asarray(table.sum(1)).ravel()
  return sparse.diags(1.0 / np.maximum(degree, 1.0)) @ table, edges


def _normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
  """Unit normals [V, 3], towards the outside."""
  a, b, c = (vertices[triangles[:, k]] for k in range(3))
  cross = np.cross(b - a, c - a)
  normals = np.zeros_like(vertices)
  for k in range(3):
    np.add.at(normals, triangles[:, k], cross)
  return normals / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)[:, None]


def _from_border(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
  """Distances [V] from edges that belong to one triangle only."""
  edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
  edges, uses = np.unique(edges, axis=0, return_counts=True)
  border = vertices[np.unique(edges[uses == 1])]
  away, _ = spatial.cKDTree(border).query(vertices)
  return away
