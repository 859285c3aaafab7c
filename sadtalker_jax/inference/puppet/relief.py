"""How deep the photo's surface lies where it turns away from view.

Temples and the sides of cheeks are seen at a flat angle: a few pixels of the
photo hold half of the head's depth. How it is shared out between them cannot be
seen in the photo, but matters as soon as the head turns: pixels are drawn out
by the depth that they hold. The fitted head knows its share only to some
pixels, and would draw out ears and hair instead of the skin before them. So in
the rim of the face depth grows most where the photo is smooth, which can be
drawn out without being noticed, and ears and hair keep their own width.

Conventions: those of `face_view`; maps are [h, w], of the texture at a lower
resolution.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import linalg

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.faces import mesh
from sadtalker_jax.inference.puppet import (
  face_view,
  fields,
  fitted_head,
  spectacles,
)

BAND = 0.2  # width of the rim of the face
NEAR = 0.5  # from the outline's landmarks, in the head: noses are no rim
SIDE = 0.5  # how far the outline faces sideways; less is forehead or chin
EYES = 0.1  # from eyes and brows, which are no rim either
BROWS = (
  70, 63, 105, 66, 107, 46, 53, 52, 65, 55,
  300, 293, 334, 296, 336, 276, 283, 282, 295, 285,
)  # fmt: skip
FEATURES = (*mesh.LIDS[0], *mesh.LIDS[1], *BROWS)  # landmarks
FRAME = (0.05, 0.1)  # outside a rim of glasses: flat as they are, not at all
LENS = (0.06, 0.14)  # from the lids, which stay where they are: the same
STEEP = 3.0  # they are no farther before it than this, over the way to there
JAW = (-0.6, -0.1)  # from the chin: there the head hands over to the neck
SLOPE = 0.7  # of depth beside the face: ears are a fifth wider at 30 degrees
SOFT = 0.06  # how far depths along the outline and beside the face are smoothed
WORK = 80.0  # pixels per decimetre of the maps; up to half as much again
# How firmly neighbours share one depth; 1 is smooth skin.
GRAIN = 0.025  # how far texture makes its neighbourhood firm
FIRM = 40.0  # texture, at the most
OUTER, OUTER_LENGTH = 3.0, 0.05  # the outline is more often ear than cheek
ALONG = 60.0  # neighbours along the outline, times as much: lines stay straight


class Relief(NamedTuple):
  """Depths of the face and of what is beside it."""

  depth: np.ndarray  # [h, w] as on a side that goes out of view
  drawn: np.ndarray  # [h, w] as on one that comes into view
  rim: np.ndarray  # [h, w] in [0, 1], where they may differ; continued beside
  covered: np.ndarray  # [H, W] bool, the face in the texture, without holes
  step: int  # texture pixels per pixel of the maps

  def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depths [P] at texture points [P, 2], and what drawn ones are more."""
    first = fields.sample(self.depth, points / self.step)
    return first, fields.sample(self.drawn, points / self.step) - first


def build(
  model: morphable.MorphableModel,
  view: face_view.FaceView,
  ids: np.ndarray,
  photo: tuple[np.ndarray, np.ndarray],
  glasses: spectacles.Glasses | None,
) -> Relief:
  """The relief of a photo.

  Args:
    model: Head model.
    view: Face in the photo.
    ids: [F] vertex ids of the face.
    photo: Texture [H, W, 3], 0..255, and landmarks [478, 2] in it.
    glasses: Glasses in it, if there are any.
  """
  texture, landmarks = photo
  step = max(round(view.pixels / WORK), 1)
  pixels = view.pixels / step

  def less(field: np.ndarray) -> np.ndarray:
    return field[step // 2 :: step, step // 2 :: step]

  shown = face_view.front(
    view.points, view.depth, view.triangles, view.head.shape
  )
  whole = ndimage.binary_fill_holes(np.isfinite(shown))
  face, covered = less(_continued(shown)[0]), less(whole)
  inwards = ndimage.distance_transform_edt(covered) / pixels
  normal = _normal(inwards, pixels)
  rim = covered & (inwards < BAND) & less(_outer(model, view, ids))
  down = (view.chin - view.brow) / np.linalg.norm(view.chin - view.brow)
  rim &= np.abs(normal[1] * down[1] - normal[0] * down[0]) > SIDE
  rim &= _away(landmarks[list(FEATURES)] / step, rim.shape) > EYES * pixels
  edge = covered & ~ndimage.binary_erosion(covered)
  face = np.where(edge & rim, _along(face, edge & rim, SOFT * pixels), face)
  firm = _firmness(
    less(ndimage.gaussian_filter(texture, (0.5 * step, 0.5 * step, 0))),
    covered,
    (inwards, normal, pixels),
  )
  drawn, free = face, rim & ~edge
  if glasses is not None:
    y, x = np.indices(covered.shape) * step + step // 2 + 0.5
    at = np.stack([x.ravel(), y.ravel()], 1)
    outside = spectacles.beyond_rims(glasses, at).reshape(x.shape)
    outside /= view.pixels
    near = _away(
      landmarks[np.concatenate(spectacles.EYE_CONTOURS)] / step, rim.shape
    )
    share = fields.smoothstep(*LENS, near / pixels)
    share *= 1.0 - fields.smoothstep(*FRAME, outside)
    flat = spectacles.plane(model, ids, (view.points, view.depth), at)
    before = np.clip(face - flat.reshape(x.shape), 0.0, STEEP * inwards)
    drawn = face - share * before
    free &= outside > FRAME[0]
    rim |= covered & (share > 0.0)
  drawn = shared(drawn, free, covered, firm)
  # Beside the face: as ears stand, and no deeper than the head.
  depth, away = _continued(np.where(covered, face, np.inf))
  beside = depth + SLOPE * away / pixels
  if np.isfinite(view.head).any():
    beside = np.minimum(
      beside, np.maximum(less(_continued(view.head)[0]), depth)
    )
  smooth = ndimage.gaussian_filter(beside, SOFT * pixels, mode='nearest')
  share = np.clip(away / (2.0 * SOFT * pixels), 0.0, 1.0)
  beside = beside + share * (smooth - beside)
  near = ndimage.distance_transform_edt(
    ~covered, return_distances=False, return_indices=True
  )
  return Relief(
    np.where(covered, face, beside),
    np.where(covered, drawn, beside),
    rim.astype(np.float64)[tuple(near)],
    whole,
    step,
  )


def moved(view: face_view.FaceView, deep: Relief) -> np.ndarray:
  """How much deeper [F] the face's vertices are on a side that comes into view.

  What the photo does not show stays where it is.
  """
  seen = np.zeros(len(view.depth), bool)
  seen[view.triangles] = True
  share = fields.sample(deep.rim, view.points / deep.step)
  share = np.where(seen, share, 0.0) * (1.0 - jaw_share(view, view.points))
  depth, more = deep.at(view.points)
  return share * (depth + more - view.depth)


def jaw_share(view: face_view.FaceView, points: np.ndarray) -> np.ndarray:
  """How much points [P, 2] belong to jaw and neck, [P] in [0, 1]."""
  return fields.smoothstep(*JAW, face_view.below(view, points))


def shared(
  depth: np.ndarray,
  free: np.ndarray,
  used: np.ndarray,
  firm: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
  """Depths with those of some pixels shared out anew between the others.

  They change least, in the sense of least squares, where neighbours are firm.

  Args:
    depth: [h, w].
    free: [h, w] bool, pixels whose depth is open.
    used: [h, w] bool, pixels that have a depth, or will have.
    firm: Weights of neighbours, [h - 1, w] and [h, w - 1].
  """
  count = int(free.sum())
  if not count:
    return depth
  number = np.full(depth.shape, -1)
  number[free] = np.arange(count)
  rows, columns, values = [], [], []
  right = np.zeros(count)
  for axis, weight in enumerate(firm):
    first, second = (
      tuple(part if a == axis else slice(None) for a in (0, 1))
      for part in (slice(0, -1), slice(1, None))
    )
    for one, other in ((first, second), (second, first)):
      pair = free[one] & used[other]
      w, i, j = weight[pair], number[one][pair], number[other][pair]
      rows += [i, i[j >= 0]]
      columns += [i, j[j >= 0]]
      values += [w, -w[j >= 0]]
      known = w * np.where(j < 0, depth[other][pair], 0.0)
      right += np.bincount(i, known, count)
  matrix = sparse.coo_matrix(
    (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
  ).tocsc()
  found = depth.copy()
  found[free] = linalg.spsolve(matrix, right, permc_spec='MMD_AT_PLUS_A')
  return found


def _firmness(
  photo: np.ndarray,
  covered: np.ndarray,
  place: tuple[np.ndarray, np.ndarray, float],
) -> tuple[np.ndarray, np.ndarray]:
  """Weights of neighbours below and to the right: texture, outline, along it.

  Args:
    photo: [h, w, 3].
    covered: [h, w] bool, the face.
    place: Distances inwards and normals of the outline, pixels per decimetre.
  """
  inwards, normal, pixels = place
  outer = 1.0 + OUTER * np.exp(-inwards / OUTER_LENGTH)
  near = covered & (inwards < BAND)
  found = []
  for axis in (0, 1):
    keep = tuple(slice(0, -1) if a == axis else slice(None) for a in (0, 1))
    change = (np.diff(photo, axis=axis) ** 2).sum(-1)
    change = ndimage.gaussian_filter(change, GRAIN * pixels)
    some = change[near[keep]]
    usual = max(float(np.median(some)), 1.0) if some.size else 1.0
    weight = np.minimum(1.0 + change / usual, FIRM) * outer[keep]
    found.append(weight * (1.0 + ALONG * (1.0 - normal[axis][keep] ** 2)))
  return found[0], found[1]


def _outer(
  model: morphable.MorphableModel, view: face_view.FaceView, ids: np.ndarray
) -> np.ndarray:
  """Where the face is near the landmarks of its outline, [H, W] bool."""
  mean = np.asarray(model.mean, np.float64)
  oval = fitted_head.points468(model, mean)[list(face_view.OVAL)]
  away = np.linalg.norm(mean[ids, None] - oval, axis=-1).min(1)
  # Degenerate, not left out: one shape, one compilation.
  triangles = np.where(
    (away[view.triangles] < NEAR).all(1)[:, None], view.triangles, 0
  )
  size = view.head.shape
  return np.isfinite(face_view.front(view.points, view.depth, triangles, size))


def _away(points: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
  """Distances [h, w] from points [P, 2]; whole pixels are near enough."""
  free = np.ones(size, bool)
  x, y = np.floor(points).astype(int).T
  inside = (x >= 0) & (y >= 0) & (x < size[1]) & (y < size[0])
  free[y[inside], x[inside]] = False
  return ndimage.distance_transform_edt(free)


def _normal(inwards: np.ndarray, pixels: float) -> np.ndarray:
  """Directions (row, column) [2, h, w] from the outline inwards."""
  smooth = ndimage.gaussian_filter(inwards, 2.0 * GRAIN * pixels)
  normal = np.stack(np.gradient(smooth))
  return normal / np.maximum(np.linalg.norm(normal, axis=0), 1e-6)


def _along(depth: np.ndarray, edge: np.ndarray, length: float) -> np.ndarray:
  """Depths [h, w] of an edge, smoothed along it."""
  share = ndimage.gaussian_filter(edge.astype(np.float64), length)
  mean = ndimage.gaussian_filter(np.where(edge, depth, 0.0), length)
  return mean / np.maximum(share, 1e-9)


def _continued(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Depths [h, w] of the nearest surface pixel, and the pixels up to there."""
  away, near = ndimage.distance_transform_edt(
    ~np.isfinite(depth), return_indices=True
  )
  return depth[tuple(near)], away
