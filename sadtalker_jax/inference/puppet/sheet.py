"""The sheet of the puppet: a grid over the frame that carries the surroundings.

Hair, ears and neck are not part of the fitted face, yet they must move with it.
The sheet is a coarse grid in three dimensions, joined to the face: near the
head it has the head's depth and expression, smoothly continued. A weight
`follow` of each point, 1 on the head, falls to 0 towards shoulders, background
and pinned borders of the frame. Since the sheet is continuous and its far
points rest, nothing can tear and no background must be invented.

Conventions: texture points are (x, y) in pixels of the source texture, y down,
pixel centres at half-integers; lengths are in decimetre unless said otherwise.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d.rasterize import rasterizer

STEPS = 64  # cells of the grid along the texture's longer side
SITES = 700  # face points from which fields are continued
OVERLAP = 0.10  # width of the ring where face and sheet lie on each other
BACK = 0.9  # depth of the surroundings behind the middle of the face
DEPTH_LENGTH = 0.9  # fading length of the head's depth
EXPRESSION_LENGTH = 0.35  # fading length of expressions
HAIR = (0.35, 1.2)  # distances from the head up to which `follow` is 1, not 0
NECK = (0.05, 0.9)  # the same below the chin
BORDER = 0.15  # share of the frame over which `follow` falls to a pinned border


class FaceView(NamedTuple):
  """The fitted face as the photo shows it."""

  points: np.ndarray  # [F, 2] face vertices, texture points
  depth: np.ndarray  # [F] decimetre
  triangles: np.ndarray  # [T, 3] of the face, those that the photo shows
  head: np.ndarray  # [H, W] bool, pixels of the (bald) head
  chin: np.ndarray  # [2] texture point
  brow: np.ndarray  # [2] texture point between the brows
  pixels: float  # texture pixels per decimetre at the face
  frame: tuple[float, float, float, float]  # x0, y0, x1, y1 in the texture
  # Sides of the frame that must not move: left, top, right, bottom.
  pinned: tuple[bool, bool, bool, bool]


class Sheet(NamedTuple):
  """The grid around the face."""

  points: np.ndarray  # [P, 2] texture points
  depth: np.ndarray  # [P]
  expression: np.ndarray  # [K, P, 3]
  follow: np.ndarray  # [P] in [0, 1]
  triangles: np.ndarray  # [T, 3]


def spread(
  sites: np.ndarray, values: np.ndarray, at: np.ndarray, length: float
) -> np.ndarray:
  """A smooth field through known values that fades to zero far from them.

  The mean of a Gaussian process with an exponential kernel: exact at the sites
  (but for a trace of noise that keeps the system regular), continuous between.

  Args:
    sites: [S, D] points where the field is known.
    values: [S, C] values there.
    at: [P, D] points of the result.
    length: Fading length, in the unit of the points.

  Returns:
    [P, C].
  """
  gram = _kernel(sites, sites, length)
  gram[np.diag_indices_from(gram)] += 1e-3
  return _kernel(at, sites, length) @ np.linalg.solve(gram, values)


def coverage(
  points: np.ndarray,
  depth: np.ndarray,
  triangles: np.ndarray,
  size: tuple[int, int],
) -> np.ndarray:
  """Pixels [H, W] (bool) that a surface covers; points [V, 2] in pixels."""
  positions = np.concatenate([points, depth[:, None]], 1).astype(np.float32)
  fragments = rasterizer.rasterize(positions, triangles, *size)
  return np.asarray(fragments.triangle_id) >= 0


def sample(field: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Bilinear values [P] of a map [H, W] at pixel points [P, 2], clamped."""
  rows = np.stack([points[:, 1] - 0.5, points[:, 0] - 0.5])
  return ndimage.map_coordinates(
    np.asarray(field, np.float64), rows, order=1, mode='nearest'
  )


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
  """0 below `low`, 1 above `high`, smooth between."""
  t = np.clip((x - low) / (high - low), 0.0, 1.0)
  return t * t * (3.0 - 2.0 * t)


def build(view: FaceView, expression: np.ndarray) -> Sheet:
  """The sheet around a face.

  Args:
    view: Face in the photo.
    expression: [K, F, 3] expression basis of the face vertices.

  Returns:
    The sheet; triangles that would lie under the face are degenerate, so that
    nothing is seen through eyes and mouth. Their number depends on the size of
    the texture only: portraits of one size share one compiled renderer.
  """
  points, triangles = _grid(view)
  seen = np.unique(view.triangles)
  chosen = np.unique(
    seen[np.linspace(0, len(seen) - 1, SITES).astype(np.int64)]
  )
  sites = view.points[chosen] / view.pixels
  at = points / view.pixels
  depth = view.depth[chosen]
  back = np.median(depth) + BACK
  behind = spread(sites, (depth - back)[:, None], at, DEPTH_LENGTH)[:, 0]
  moves = expression[:, chosen].transpose(1, 0, 2).reshape(len(chosen), -1)
  moves = spread(sites, moves, at, EXPRESSION_LENGTH)

  covered = coverage(view.points, view.depth, view.triangles, view.head.shape)
  covered = ndimage.binary_fill_holes(covered)
  inwards = ndimage.distance_transform_edt(covered) / view.pixels
  deep = sample(inwards, points) > OVERLAP
  return Sheet(
    points,
    back + behind,
    moves.reshape(len(at), -1, 3).transpose(1, 0, 2),
    _follow(view, covered, points),
    np.where(deep[triangles].all(1)[:, None], 0, triangles),
  )


def _kernel(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
  """Exponential kernel [A, B] between points [A, D] and [B, D]."""
  squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T
  return np.exp(-np.sqrt(np.maximum(squared, 0.0)) / length)


def _grid(view: FaceView) -> tuple[np.ndarray, np.ndarray]:
  """Texture points [P, 2] and triangles of a grid over the whole texture."""
  height, width = view.head.shape
  step = max(width, height) / STEPS
  columns = np.linspace(0, width, int(np.ceil(width / step)) + 1)
  rows = np.linspace(0, height, int(np.ceil(height / step)) + 1)
  x, y = np.meshgrid(columns, rows)
  nx = len(columns)
  corner = (np.arange(len(rows) - 1)[:, None] * nx + np.arange(nx - 1)).ravel()
  triangles = np.concatenate(
    [
      np.stack([corner, corner + nx, corner + 1], 1),
      np.stack([corner + 1, corner + nx, corner + nx + 1], 1),
    ]
  )
  return np.stack([x.ravel(), y.ravel()], 1), triangles.astype(np.int32)


def _follow(
  view: FaceView, covered: np.ndarray, points: np.ndarray
) -> np.ndarray:
  """Weights [P] in [0, 1] with which sheet points [P, 2] move with the head.

  Args:
    view: Face in the photo.
    covered: [H, W] bool, pixels of the face.
    points: [P, 2] texture points.
  """
  distance = ndimage.distance_transform_edt(~view.head) / view.pixels
  follow = 1.0 - smoothstep(*HAIR, sample(distance, points))
  # Below the chin the neck hands over to the shoulders.
  down = view.chin - view.brow
  down = down / np.linalg.norm(down)
  follow *= 1.0 - smoothstep(*NECK, (points - view.chin) @ down / view.pixels)
  cell = max(view.head.shape) / STEPS
  face = sample(ndimage.distance_transform_edt(~covered), points)
  x0, y0, x1, y1 = view.frame
  inwards = (
    points[:, 0] - x0,
    points[:, 1] - y0,
    x1 - points[:, 0],
    y1 - points[:, 1],
  )
  for pinned, distance, extent in zip(
    view.pinned, inwards, (x1 - x0, y1 - y0) * 2, strict=True
  ):
    if pinned:
      # From one cell inside on: the cells at the border must rest as a whole.
      # A face within reach of the border keeps all that touches it.
      inside = np.maximum(distance - cell, 0.0)
      reach = np.minimum(BORDER * extent, inside + face)
      follow *= smoothstep(0.0, 1.0, inside / np.maximum(reach, 1e-6))
  return follow
