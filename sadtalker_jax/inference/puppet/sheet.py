"""The sheet of the puppet: a grid over the frame that carries the surroundings.

Hair, ears and neck are not part of the fitted face, yet they must move with it.
The sheet is a coarse grid in three dimensions, joined to the face: on the head
it has the head's depth, beside it that of its outline, and expressions are
smoothly continued. A weight `follow` of each point, 1 on the head, falls to 0
towards shoulders and pinned borders of the frame. If it carries the person
alone (`cutout`), hair follows however far it reaches, and shoulders a little;
they also rise with the breath. Otherwise the background is part of it, and
rests: `follow` falls to 0 beside the head, too.

Conventions: texture points are (x, y) in pixels of the source texture, y down,
pixel centres at half-integers; lengths are in decimetre unless said otherwise.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference.puppet import face_view, fields, relief

STEPS = 64  # cells of the grid along the texture's longer side
SITES = 700  # face points from which fields are continued
OVERLAP = 0.10  # width of the ring where face and sheet lie on each other
BACK = 0.9  # depth of the surroundings behind the middle of the face
DEPTH_LENGTH = 0.9  # fading length of the head's depth
EXPRESSION_LENGTH = 0.35  # fading length of expressions
HAIR = (0.35, 1.2)  # distances from the head up to which `follow` is 1, not 0
LONG_HAIR = (1.2, 3.0)  # the same if the sheet has no background
NECK = (0.05, 0.9)  # below the chin: there `follow` falls
BODY = 0.04  # of the head's movement that shoulders take part in
CHEST = (0.25, 0.9)  # below the chin: up to there, from there, breath is seen
BREATH = 0.03  # that a whole breath raises shoulders by
EDGE = 2  # pixels at a side of the frame
BORDER = 0.15  # share of the frame over which `follow` falls to a pinned border


class Sheet(NamedTuple):
  """The grid around the face."""

  points: np.ndarray  # [P, 2] texture points
  depth: np.ndarray  # [P]
  flank: np.ndarray  # [P] to be added on a side that comes into view
  expression: np.ndarray  # [K, P, 3]
  follow: np.ndarray  # [P] in [0, 1]
  triangles: np.ndarray  # [T, 3]


def build(
  view: face_view.FaceView, deep: relief.Relief, expression: np.ndarray
) -> Sheet:
  """The sheet around a face.

  Args:
    view: Face in the photo.
    deep: Its relief.
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
  known = expression[:, chosen].transpose(1, 0, 2).reshape(len(chosen), -1)
  spread = fields.spread(sites, known, at, EXPRESSION_LENGTH)
  moves = spread.reshape(len(at), -1, 3).transpose(1, 0, 2)

  inwards = ndimage.distance_transform_edt(deep.covered) / view.pixels
  under = fields.sample(inwards, points) > OVERLAP
  follow, free = _follow(view, points), _free(view, deep.covered, points)
  moves[makehuman.BREATH_SLOT] = 0.0
  if view.person is not None:
    chest = fields.smoothstep(*CHEST, face_view.below(view, points))
    moves[makehuman.BREATH_SLOT, :, 1] = BREATH * chest / follow
  return Sheet(
    points,
    *_depth(view, deep, points, chosen),
    moves,
    follow * free,
    np.where(under[triangles].all(1)[:, None], 0, triangles),
  )


def _depth(
  view: face_view.FaceView,
  deep: relief.Relief,
  points: np.ndarray,
  chosen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
  """Depths of sheet points, and flanks: of the photo's surface.

  Around the jaw it is continued from the face towards the back, as the neck
  goes.

  Args:
    view: Face in the photo.
    deep: Its relief.
    points: [P, 2] texture points.
    chosen: Vertices of the face from which it is continued.

  Returns:
    [P] and [P].
  """
  sites = view.points[chosen] / view.pixels
  known = view.depth[chosen]
  back = np.median(known) + BACK
  low = back + fields.spread(
    sites, (known - back)[:, None], points / view.pixels, DEPTH_LENGTH
  ).squeeze(1)
  if not np.isfinite(view.head).any():
    return low, np.zeros(len(low))
  share = relief.jaw_share(view, points)
  high, more = deep.at(points)
  return high + share * (low - high), (1.0 - share) * more


def _grid(view: face_view.FaceView) -> tuple[np.ndarray, np.ndarray]:
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


def _follow(view: face_view.FaceView, points: np.ndarray) -> np.ndarray:
  """Weights [P] in [0, 1] with which sheet points [P, 2] move with the head.

  Not less than `BODY` if the sheet carries the person alone.
  """
  beside = ndimage.distance_transform_edt(~np.isfinite(view.head))
  reach = HAIR if view.person is None else LONG_HAIR
  follow = 1.0 - fields.smoothstep(
    *reach, fields.sample(beside / view.pixels, points)
  )
  # Below the chin the neck hands over to the shoulders.
  follow *= 1.0 - fields.smoothstep(*NECK, face_view.below(view, points))
  if view.person is None:
    return follow
  return BODY + (1.0 - BODY) * follow


def _free(
  view: face_view.FaceView, covered: np.ndarray, points: np.ndarray
) -> np.ndarray:
  """Shares [P] in [0, 1] of their movement that borders leave to sheet points.

  Args:
    view: Face in the photo.
    covered: [H, W] bool, pixels of the face.
    points: [P, 2] texture points.
  """
  free = np.ones(len(points))
  cell = max(view.head.shape) / STEPS
  face = fields.sample(ndimage.distance_transform_edt(~covered), points)
  x0, y0, x1, y1 = view.frame
  inwards = (
    points[:, 0] - x0,
    points[:, 1] - y0,
    x1 - points[:, 0],
    y1 - points[:, 1],
  )
  for held, distance, extent in zip(
    _held(view), inwards, (x1 - x0, y1 - y0) * 2, strict=True
  ):
    if held:
      # From one cell inside on: the cells at the border must rest as a whole.
      # A face within reach of the border keeps all that touches it.
      inside = np.maximum(distance - cell, 0.0)
      limit = np.minimum(BORDER * extent, inside + face)
      free *= fields.smoothstep(0.0, 1.0, inside / np.maximum(limit, 1e-6))
  return free


def _held(view: face_view.FaceView) -> tuple[bool, ...]:
  """Sides (left, top, right, bottom) where something must not move."""
  if view.person is None:
    return view.pinned
  x0, y0, x1, y1 = (round(end) for end in view.frame)
  inner = view.person[y0:y1, x0:x1]
  sides = (inner[:, :EDGE], inner[:EDGE], inner[:, -EDGE:], inner[-EDGE:])
  return tuple(
    pinned and bool(side.max() > 0.0)
    for pinned, side in zip(view.pinned, sides, strict=True)
  )
