"""How far a portrait's lids must move to close.

Conventions: those of `fitted_head`.
"""

import numpy as np

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fitted_head


def blinks(
  model: morphable.MorphableModel, head: fitted_head.FittedHead
) -> tuple[np.ndarray, np.ndarray]:
  """Lid slots [2] and gains [2] such that a blink of 1 closes the lids.

  The unit of the model closes the mean face's lids; a person's own lids need
  more or less of it.

  Args:
    model: Head model.
    head: Fitted head.
  """
  slots = [
    model.expression_names.index(name)
    for name in ('eyeBlinkRight', 'eyeBlinkLeft')
  ]
  now = head.expressed()
  gains = []
  for slot in slots:
    upper, lower = _lid_rims(model, slot)
    lower = lower[np.argsort(now[lower, 0])]
    x = now[upper, 0]
    floor = np.interp(x, now[lower, 0], now[lower, 1])
    move = head.expression[slot]
    rising = np.interp(x, now[lower, 0], move[lower, 1])
    closing = np.maximum(rising - move[upper, 1], 1e-3)
    need = np.percentile((now[upper, 1] - floor) / closing, 80)
    gains.append(np.clip(need / max(1.0 - head.beta[slot], 0.2), 0.5, 1.5))
  return np.array(slots, np.int32), np.array(gains)


def _lid_rims(
  model: morphable.MorphableModel, slot: int
) -> tuple[np.ndarray, np.ndarray]:
  """Vertex ids of the upper and the lower rim of the eye that `slot` closes.

  The rims are where the skin ends; the upper one is what the blink moves most.
  """
  triangles = np.asarray(model.triangles)[model.group('skin')]
  edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
  edges, uses = np.unique(edges, axis=0, return_counts=True)
  rim = np.unique(edges[uses == 1])
  drop = -np.asarray(model.expression, np.float64)[slot, :, 1]
  upper = rim[drop[rim] > 0.5 * drop[rim].max()]
  mean = np.asarray(model.mean, np.float64)
  centre = mean[upper].mean(0)
  near = np.linalg.norm(mean[rim] - centre, axis=1) < 0.2
  lower = rim[near & (mean[rim, 1] < centre[1] - 0.03)]
  return upper, lower
