"""What a face looks like, to know it again after a cut.

A look is the colours of the face at landmarks of the mesh, so that pose and
place do not matter; the mouth, which moves, is left out. Looks tell the few
people of a film apart. They do not recognise anybody among many.
"""

import numpy as np

from sadtalker_jax.face3d.fitting import priors
from sadtalker_jax.faces import mesh
from sadtalker_jax.ops import resize

_SIDE = 48  # pixels of the face that is looked at
_PLACES = np.setdiff1d(np.arange(mesh.POINTS), priors.LIPS)


def look(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
  """The look [V, 3] float32 of a face.

  Args:
    picture: [H, W, 3] uint8.
    points: [478, 3] landmarks of the face.
  """
  flat = points[: mesh.POINTS, :2]
  low, high = flat.min(0), flat.max(0)
  centre, reach = (low + high) / 2, 0.55 * float((high - low).max())
  (x0, y0), (x1, y1) = centre - reach, centre + reach
  small = resize.window(picture, (x0, y0, x1, y1), (_SIDE, _SIDE))
  place = (flat[_PLACES] - [x0, y0]) * (_SIDE / (2 * reach))
  column, row = np.clip(place.astype(int), 0, _SIDE - 1).T
  return small[row, column].astype(np.float32)


def distance(one: np.ndarray, two: np.ndarray) -> float:
  """How differently two faces look, about 0.1 to 0.5, whatever the exposure.

  Args:
    one: [V, 3] look, or mean of looks.
    two: Another one.
  """
  first, second = (face / max(float(face.mean()), 1.0) for face in (one, two))
  return float(np.sqrt(np.mean((first - second) ** 2)))
