"""The fitted face as the photo shows it, and which parts of it do so badly.

Conventions: texture points are (x, y) in pixels of the source texture, y down,
pixel centres at half-integers; lengths are in decimetre unless said otherwise.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from sadtalker_jax.face3d import camera
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference.puppet import fitted_head, fitted_portrait

NECK_HEIGHT = -0.75  # y of the mean head; what is below does not turn with it
CHIN, BROW = 152, 9  # landmarks
# Those of the outline.
OVAL = (
  *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379),
  *(378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127),
  *(162, 21, 54, 103, 67, 109),
)


class FaceView(NamedTuple):
  """The fitted face as the photo shows it."""

  points: np.ndarray  # [F, 2] face vertices, texture points
  depth: np.ndarray  # [F] decimetre
  triangles: np.ndarray  # [T, 3] of the face, those that the photo shows
  head: np.ndarray  # [H, W] depth of the (bald) head, infinite beside it
  person: np.ndarray | None  # [H, W] shares of the person, None if unknown
  chin: np.ndarray  # [2] texture point
  brow: np.ndarray  # [2] texture point between the brows
  pixels: float  # texture pixels per decimetre at the face
  frame: tuple[float, float, float, float]  # x0, y0, x1, y1 in the texture
  # Sides of the frame that must not move: left, top, right, bottom.
  pinned: tuple[bool, bool, bool, bool]


def build(
  portrait: fitted_portrait.FittedPortrait,
  model: morphable.MorphableModel,
  points: np.ndarray,
  depth: np.ndarray,
  face: tuple[np.ndarray, np.ndarray],
) -> FaceView:
  """The fitted face as the photo shows it.

  Args:
    portrait: Portrait.
    model: Head model.
    points: [V, 2] texture points of the fitted head.
    depth: [V].
    face: Vertex ids and triangles of the face, as of `face_part`.
  """
  triangles = np.asarray(model.triangles)[model.group('skin')]
  high = np.asarray(model.mean)[triangles, 1].min(1) > NECK_HEIGHT
  size = portrait.texture.shape[:2]
  ids, face_triangles = face
  width, height = portrait.frame_size
  mx, my = portrait.margin
  scale, _ = fitted_head.frame_camera(portrait)
  ends = portrait.landmarks[[CHIN, BROW], :2]
  chin, brow = portrait.to_frame(ends) + portrait.margin
  return FaceView(
    points[ids],
    depth[ids],
    face_triangles,
    front(points, depth, triangles[high], size),
    None,
    chin,
    brow,
    float(np.abs(scale).mean() * camera.FOCAL / np.median(depth[ids])),
    (mx, my, mx + width, my + height),
    portrait.pinned,
  )


def front(
  points: np.ndarray,
  depth: np.ndarray,
  triangles: np.ndarray,
  size: tuple[int, int],
) -> np.ndarray:
  """Depths [H, W] of a surface, infinite where it is not.

  Args:
    points: [V, 2] vertices, pixels.
    depth: [V].
    triangles: [T, 3].
    size: H, W.
  """
  positions = np.concatenate([points, depth[:, None]], 1).astype(np.float32)
  return np.asarray(rasterizer.rasterize(positions, triangles, *size).depth)


def below(view: FaceView, points: np.ndarray) -> np.ndarray:
  """How far points [P, 2] are below the chin, decimetre."""
  down = view.chin - view.brow
  return (points - view.chin) @ (down / np.linalg.norm(down)) / view.pixels


def turned_away(
  model: morphable.MorphableModel, view: FaceView, ids: np.ndarray
) -> np.ndarray:
  """Triangles [T] whose back is towards the camera, as far as the outline.

  They lie on visible skin in the photo, but move otherwise: the sheet must not
  be continued from them, and they must not be seen beside a cheek that comes
  into view. A head that is turned hides more than its outline: what is joined
  with that belongs to it. Backs of lids, lips and nostrils do not.

  Args:
    model: Head model.
    view: Face in the photo.
    ids: [F] vertex ids of the face.
  """
  mean = np.asarray(model.mean, np.float64)
  landmarks = fitted_head.points468(model, mean)
  away = np.linalg.norm(mean[ids, None] - landmarks[None], axis=-1)
  outer = np.isin(away.argmin(1), OVAL)[view.triangles].all(1)
  a, b, c = (view.points[view.triangles[:, k]] for k in range(3))
  (ux, uy), (vx, vy) = (b - a).T, (c - a).T
  area = ux * vy - uy * vx
  back = np.flatnonzero(area * np.sign(area.sum()) <= 0.0)
  if not len(back):
    return np.zeros(len(outer), bool)
  corners = view.triangles[back]
  has = sparse.coo_matrix(
    (
      np.ones(corners.size),
      (np.repeat(np.arange(len(back)), 3), corners.ravel()),
    )
  ).tocsr()
  _, part = csgraph.connected_components(has @ has.T)
  away = np.zeros(len(outer), bool)
  away[back] = np.isin(part, part[outer[back]])
  return away
