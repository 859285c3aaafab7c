"""Lids that close at every vertex.

The units of the model close the lids of the mean face; a person's own are
wider, narrower, or of another line. What is missing where the rims should meet
becomes part of the units. The photo's expression stays as it is.

Conventions: those of `fitted_head`.
"""

import numpy as np

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fields, fitted_head

UNITS = ('eyeBlinkRight', 'eyeBlinkLeft')  # in the order of `EYE_RIMS`
REACH = 0.2  # decimetre from the middle of an eye to its rim
RISE = 0.15  # share of an eye's height that the lower lid comes up
LAP = 0.008  # decimetre that the upper lid goes over the lower one
SHUT = 0.8  # of a unit in the photo, from which eyes count as closed
STILL = 0.085  # decimetre from the rims at which skin moves as the model says
LASHES = 0.035  # decimetre above the rim that move as one with it
PULL = 0.12  # decimetre over which the rims pull the skin along
STRETCH = (0.3, 2.0)  # of the unit's movement towards the camera


def closing(
  model: morphable.MorphableModel, head: fitted_head.FittedHead
) -> fitted_head.FittedHead:
  """The head with units that close its lids: rims meet where a unit is 1.

  Args:
    model: Head model.
    head: Fitted head.
  """
  now, mean = head.expressed(), np.asarray(model.mean, np.float64)
  expression, vertices = np.array(head.expression), np.array(head.vertices)
  skin = np.unique(np.asarray(model.triangles)[model.group('skin')])
  for name, corners in zip(UNITS, fitted_head.EYE_RIMS, strict=True):
    slot = model.expression_names.index(name)
    left = 1.0 - head.beta[slot]
    if left < 1.0 - SHUT:
      continue
    upper, lower = rims(model, corners)
    unit = head.expression[slot]
    rise = np.zeros((len(lower), 3))
    order = upper[np.argsort(now[upper, 0])]
    lid = np.interp(now[lower, 0], now[order, 0], now[order, 1])
    rise[:, 1] = RISE / left * np.maximum(lid - now[lower, 1], 0.0)
    floor = now[lower] + left * (unit[lower] + rise)
    floor = floor[np.argsort(floor[:, 0])]
    x = now[upper, 0] + left * unit[upper, 0]
    meet = np.interp(x, floor[:, 0], floor[:, 1]) - LAP
    fall = (meet - now[upper, 1]) / left
    change = np.zeros((len(upper), 3))
    change[:, 1] = fall - unit[upper, 1]
    ratio = fall / np.minimum(unit[upper, 1], -1e-3)
    change[:, 2] = unit[upper, 2] * (np.clip(ratio, *STRETCH) - 1.0)
    beside, away = (
      np.linalg.norm(mean[skin, None] - mean[rim], axis=-1).min(1)
      for rim in (upper, np.union1d(upper, lower))
    )
    still = skin[(away > STILL) & (away < 2 * STILL)]
    lashes = np.setdiff1d(skin[beside < LASHES], np.union1d(upper, lower))
    line = np.interp(mean[lashes, 0], mean[upper, 0], mean[upper, 1])
    lashes = lashes[mean[lashes, 1] > line]
    band = np.concatenate([upper, lashes])
    near = np.setdiff1d(skin[away <= STILL], np.union1d(band, lower))
    rim = unit[upper] + change
    whole = np.stack(
      [np.interp(mean[band, 0], mean[upper, 0], rim[:, k]) for k in range(3)], 1
    )
    whole[: len(upper)] = rim
    moved = fields.spread(
      np.concatenate([mean[band], mean[lower], mean[still]]),
      np.concatenate([whole - unit[band], rise, np.zeros((len(still), 3))]),
      mean[near],
      PULL,
    )
    expression[slot, near] += moved
    expression[slot, band] = whole
    expression[slot, lower] += rise
    vertices += head.beta[slot] * (head.expression[slot] - expression[slot])
  return head._replace(vertices=vertices, expression=expression)


def rims(
  model: morphable.MorphableModel, corners: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
  """Vertex ids of the upper and the lower rim of an eye, without its corners.

  Args:
    model: Head model.
    corners: Landmarks of its corners and lids, see `fitted_head.EYE_RIMS`.
  """
  mean = np.asarray(model.mean, np.float64)
  middle = fitted_head.points468(model, mean)[list(corners)].mean(0)
  triangles = np.asarray(model.triangles)[model.group('skin')]
  edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
  edges, uses = np.unique(edges, axis=0, return_counts=True)
  rim = np.unique(edges[uses == 1])
  rim = rim[np.linalg.norm((mean[rim] - middle)[:, :2], axis=1) < REACH]
  rim = rim[np.argsort(mean[rim, 0])]
  (x0, y0), (x1, y1) = mean[rim[0], :2], mean[rim[-1], :2]
  line = y0 + (mean[rim, 0] - x0) / (x1 - x0) * (y1 - y0)
  above = mean[rim, 1] > line
  inner = slice(1, -1)
  return rim[inner][above[inner]], np.setdiff1d(rim, rim[inner][above[inner]])
