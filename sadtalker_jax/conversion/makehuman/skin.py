"""Which triangles of the MakeHuman body are skin that can be seen.

The body is one closed surface: it goes on through the lips into a bag behind
the teeth, and behind the lids into the eye sockets. Renderers that open mouth
and eyes want the outside alone. A triangle is outside if some view of the mean
head shows it, eyeballs and teeth in place; at the lips one more ring is kept,
so that they have thickness when they part.
"""

from collections.abc import Mapping

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.ops import rotation

SIZE = 700  # pixels of a view
SCALE = 260.0  # pixels per decimetre
# Yaw and pitch of the views, degrees.
VIEWS = ((0, 0), (25, 0), (-25, 0), (45, 0), (-45, 0), (0, 20), (0, -20))
# The lips in MakeHuman's place: x, y and z, decimetre.
LIPS = ((-0.32, 0.32), (-0.50, -0.27), (0.36, 1.0))


def split_body(head: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Part groups with `body` split into `skin` and `lining`.

  Args:
    head: Arrays of `head.build`.

  Returns:
    Arrays `triangle_group` [T] int8 and `group_names`.
  """
  names = [str(n) for n in head['group_names']]
  group = np.array(head['triangle_group'])
  triangles = head['triangles'].astype(np.int32)
  body = group == names.index('body')
  skin = _seen(head['mean'], triangles) & body
  centre = head['mean'][triangles].mean(1)
  lips = np.all(
    [(centre[:, i] > a) & (centre[:, i] < b) for i, (a, b) in enumerate(LIPS)],
    0,
  )
  corners = np.zeros(len(head['mean']), bool)
  corners[triangles[skin]] = True
  skin |= body & lips & corners[triangles].any(1)
  skin = _largest_piece(triangles, skin)
  names[names.index('body')] = 'lining'
  group[skin] = len(names)
  return {
    'triangle_group': group.astype(np.int8),
    'group_names': np.array([*names, 'skin']),
  }


def _seen(mean: np.ndarray, triangles: np.ndarray) -> np.ndarray:
  """Triangles [T] (bool) that at least one view shows, orthographic."""
  seen = np.zeros(len(triangles), bool)
  for yaw, pitch in VIEWS:
    angles = np.radians(np.array([pitch, yaw, 0.0], np.float32))
    turned = mean @ np.asarray(rotation.matrix(angles)).T
    x = turned[:, 0] * SCALE + SIZE / 2
    y = SIZE / 2 - turned[:, 1] * SCALE
    positions = np.stack([x, y, 10.0 - turned[:, 2]], 1).astype(np.float32)
    ids = np.asarray(
      rasterizer.rasterize(positions, triangles, SIZE, SIZE).triangle_id
    )
    seen[np.unique(ids[ids >= 0])] = True
  return seen


def _largest_piece(triangles: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """The largest connected part of the masked triangles, as a mask."""
  part = triangles[mask]
  uses = sparse.csr_matrix(
    (
      np.ones(part.size),
      (np.repeat(np.arange(len(part)), 3), part.ravel()),
    ),
    shape=(len(part), int(triangles.max()) + 1),
  )
  _, labels = csgraph.connected_components(uses @ uses.T, directed=False)
  largest = np.bincount(labels).argmax()
  result = np.zeros(len(triangles), bool)
  result[np.flatnonzero(mask)[labels == largest]] = True
  return result
