"""Inner lips where the photo has them.

Landmarks of the inner lips are a network's guess, often a pixel or two beside
what the picture shows: then a lip keeps a rim of teeth, or loses one of its
own. Shut lips meet in a dark line, which is followed. Open ones end where their
colour does: along every column across the mouth the lip's colours are told from
those between the lips, and a smooth path of least cost parts them.

Conventions: points are texture points, (x, y), y down, pixel centres at
half-integers. Columns run over the mouth from the image-left corner to the
other one, each across both lips, from the upper one down.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.inference.puppet import fields

# Landmarks of the 468, from one corner to the other, corners left out; outer
# rims are opposite to inner ones.
UPPER_RIM = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_RIM = (95, 88, 178, 87, 14, 317, 402, 318, 324)
CORNERS = (78, 308)
OUTER_UPPER = (185, 40, 39, 37, 0, 267, 269, 270, 409)
OUTER_LOWER = (146, 91, 181, 84, 17, 314, 405, 321, 375)
OUTER_CORNERS = (61, 291)
EYES = (33, 263)  # outer corners
REACH = 0.06  # share of the eyes' distance up to which rims are looked for
OPEN = 0.045  # of it; lips farther apart count as open
LEAST_GAP = 3.0  # pixels; the same
PER_LANDMARK = 6  # columns
STEP = 0.5  # pixels along a column
CONTRAST = 8.0  # grey levels of a line between shut lips; less is none
SHUT_PRIOR, OPEN_PRIOR = 0.35, 4.0  # cost of the farthest place
SHUT_SLOPE, OPEN_SLOPE = 0.3, 2.0  # cost of a step from column to column
SMOOTHING = 3.0  # columns
CLEAREST = 3.0  # cost that one sample may have at the most
KINDS = 3  # of what is between lips by brightness: dark, flesh, teeth
_LUMA = np.array([0.299, 0.587, 0.114])


class _Columns(NamedTuple):
  """Columns across the mouth."""

  outer: np.ndarray  # [2, C, 2] outer rims, upper and lower
  inner: np.ndarray  # [2, C, 2] inner rims
  down: np.ndarray  # [C, 2] direction
  reach: float  # pixels


def met(points: np.ndarray, texture: np.ndarray) -> np.ndarray:
  """Landmarks whose inner lips are where the photo has them.

  Args:
    points: [N, 2] landmarks, texture points.
    texture: [H, W, 3].

  Returns:
    [N, 2]; others than those of the inner lips, and all of a mouth too small or
    without a line to be seen, as they were.
  """
  points = np.asarray(points, np.float64)
  eyes = float(np.linalg.norm(np.diff(points[list(EYES)], axis=0)))
  columns = _columns(points, REACH * eyes)
  texture = np.asarray(texture, np.float64)
  middle = len(columns.down) // 2
  gap = np.linalg.norm(np.diff(columns.inner[:, middle], axis=0))
  if columns.reach < 1.0:
    return points
  if gap > max(OPEN * eyes, LEAST_GAP):
    offsets = _open(columns, texture)
  else:
    offsets = _shut(columns, texture)
  t = np.linspace(0.0, 1.0, len(columns.down))
  share = fields.smoothstep(0.0, 0.15, np.minimum(t, 1.0 - t))
  moved = points.copy()
  at = slice(PER_LANDMARK, -PER_LANDMARK, PER_LANDMARK)
  for rim, offset in zip((UPPER_RIM, LOWER_RIM), offsets, strict=True):
    offset = share * ndimage.gaussian_filter1d(
      offset, SMOOTHING, mode='nearest'
    )
    moved[list(rim)] += (offset[:, None] * columns.down)[at]
  return moved


def _columns(points: np.ndarray, reach: float) -> _Columns:
  left, right = CORNERS
  outer_left, outer_right = OUTER_CORNERS
  lines = np.stack(
    [
      points[[outer_left, *OUTER_UPPER, outer_right]],
      points[[left, *UPPER_RIM, right]],
      points[[left, *LOWER_RIM, right]],
      points[[outer_left, *OUTER_LOWER, outer_right]],
    ]
  )
  known = np.arange(lines.shape[1])
  at = np.linspace(0, known[-1], PER_LANDMARK * known[-1] + 1)
  fine = np.stack(
    [np.stack([np.interp(at, known, part) for part in line.T], 1)
     for line in lines]
  )  # fmt: skip
  middle = fine[:, len(at) // 2]
  down = middle[3] - middle[0]
  down = down / max(float(np.linalg.norm(down)), 1e-6)
  return _Columns(
    fine[[0, 3]], fine[1:3], np.broadcast_to(down, fine[0].shape), reach
  )


def _shut(columns: _Columns, texture: np.ndarray) -> np.ndarray:
  """Offsets [2, C] of both rims to the dark line between shut lips."""
  places = _places(columns.reach)
  middle = columns.inner.mean(0)
  luma = ndimage.gaussian_filter(texture @ _LUMA, 0.6)[..., None]
  strip = _read(luma, middle, columns.down, places)[..., 0]
  dark, bright = np.percentile(strip, (5, 80))
  if bright - dark < CONTRAST:
    return np.zeros((2, len(middle)))
  cost = np.clip((strip - dark) / (bright - dark), 0.0, 1.0)
  cost = cost + SHUT_PRIOR * (places / columns.reach) ** 2
  offset = places[path(cost.T, SHUT_SLOPE)]
  return np.stack([offset, offset])


def _open(columns: _Columns, texture: np.ndarray) -> np.ndarray:
  """Offsets [2, C] of the rims of open lips to where their colour ends."""
  colours = _features(ndimage.gaussian_filter(texture, (0.5, 0.5, 0.0)))
  gap = ((columns.inner[1] - columns.inner[0]) * columns.down).sum(1)
  within = np.linspace(0.2, 0.8, 7)[:, None, None]
  upper, lower = columns.inner
  wide = gap > 2.0
  if wide.sum() < PER_LANDMARK:
    return np.zeros((2, len(gap)))
  inside = sample(colours, (upper + within * (lower - upper))[:, wide])
  offsets = []
  for k, sign in ((0, 1.0), (1, -1.0)):
    outer, rim = columns.outer[k], columns.inner[k]
    lip = sample(colours, outer + np.linspace(0.3, 0.75, 5)[:, None, None]
              * (rim - outer))  # fmt: skip
    # Places go from the lip inwards, not beyond the middle between the lips.
    places = _places(columns.reach)
    seen = _read(colours, rim, sign * columns.down, places)
    evidence = _evidence(seen, lip, inside)
    beyond = places > np.maximum(0.45 * gap, 0.0)[:, None]
    evidence = np.where(beyond, -CLEAREST, evidence)
    # Lip before the place, what is between the lips after it.
    before = np.cumsum(evidence, 1) - 0.5 * evidence
    cost = STEP * (evidence.sum(1, keepdims=True) - 2.0 * before)
    cost = cost + OPEN_PRIOR * (places / columns.reach) ** 2
    offsets.append(sign * places[path(cost.T, OPEN_SLOPE)])
  return np.stack(offsets)


def path(cost: np.ndarray, slope: float) -> np.ndarray:
  """Rows [C] of the path of least cost through [R, C], one a column.

  Args:
    cost: [R, C].
    slope: Cost of every row between one column and the next.
  """
  total, came = cost[:, 0], []
  rows = np.arange(len(cost))
  steps = slope * np.abs(rows[:, None] - rows)
  for column in cost.T[1:]:
    ways = total + steps
    came.append(ways.argmin(1))
    total = ways.min(1) + column
  found = [int(total.argmin())]
  for step in reversed(came):
    found.append(int(step[found[-1]]))
  return np.array(found[::-1])


def _evidence(
  seen: np.ndarray, lip: np.ndarray, inside: np.ndarray
) -> np.ndarray:
  """How much better the lip explains colours [C, P, 3] than what is inside."""
  lip, inside = lip.reshape(-1, 3), inside.reshape(-1, 3)
  kinds = np.array_split(inside[np.argsort(inside[:, 0])], KINDS)
  costs = [_cost(seen, kind) for kind in kinds]
  return np.clip(np.min(costs, 0) - _cost(seen, lip), -CLEAREST, CLEAREST)


def _cost(seen: np.ndarray, samples: np.ndarray) -> np.ndarray:
  """Negative log-likelihood of colours by samples [S, 3] of a Gaussian."""
  if len(samples) < 8:
    return np.full(seen.shape[:-1], np.inf)
  spread = np.cov(samples.T) + np.diag([0.03, 0.01, 0.01]) ** 2
  away = seen - np.median(samples, 0)
  scaled = np.einsum('...i,ij,...j', away, np.linalg.inv(spread), away)
  return 0.5 * (scaled + np.linalg.slogdet(spread)[1])


def _features(texture: np.ndarray) -> np.ndarray:
  """Brightness and chroma [H, W, 3]."""
  total = texture.sum(-1) + 24.0
  return np.stack(
    [
      0.25 * np.log(total / 3.0),
      (texture[..., 0] + 8.0) / total,
      (texture[..., 2] + 8.0) / total,
    ],
    -1,
  )


def _places(reach: float) -> np.ndarray:
  """Offsets [P] along a column, pixels; 0 is among them."""
  count = int(reach / STEP)
  return STEP * np.arange(-count, count + 1)


def _read(
  picture: np.ndarray, start: np.ndarray, way: np.ndarray, places: np.ndarray
) -> np.ndarray:
  """Colours [C, P, K] at places along columns that start at points [C, 2]."""
  return sample(picture, start[:, None] + places[:, None] * way[:, None])


def sample(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Colours [..., K] of a picture [H, W, K] at points [..., 2]."""
  rows = [points[..., 1] - 0.5, points[..., 0] - 0.5]
  return np.stack(
    [
      ndimage.map_coordinates(picture[..., k], rows, order=1, mode='nearest')
      for k in range(picture.shape[-1])
    ],
    -1,
  )
