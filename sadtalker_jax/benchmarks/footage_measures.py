"""What is measured of a re-voiced clip beside its own frames.

Lengths are in percent of the distance between the outer eye corners.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d import measures
from sadtalker_jax.ops import resize

_EDGE = 8  # pixels inside the edge of what changed
_LIPS = [61, 291, 0, 17, 13, 14]
OUTER = [*measures.EYE_CORNERS]
_TILE = 240  # pixels of a mouth in a sheet
_SHOWN = 8  # frames of a sheet


class Pair(NamedTuple):
  """The frames of a re-voiced clip beside its own, T that show the face."""

  old: np.ndarray  # [T, H, W, 3] uint8
  new: np.ndarray  # [T, H, W, 3] uint8
  old_points: np.ndarray  # [T, 478, 3]
  new_points: np.ndarray  # [T, 478, 3]
  asked: np.ndarray  # [T] gaps of the lips that the track asks for
  cost: float  # seconds of the processor for a frame
  places: np.ndarray  # [T] numbers of these frames in the result
  fps: float

  @property
  def changed(self) -> np.ndarray:
    """Pixels [T, H, W] that differ."""
    return (self.new != self.old).any(-1)


def jitter(points: np.ndarray) -> float:
  """Mean second difference of lip points beside the eyes, percent.

  Args:
    points: [T, 478, 3].
  """
  flat = points[..., :2]
  beside = flat[:, _LIPS] - flat[:, OUTER].mean(1, keepdims=True)
  steps = np.linalg.norm(np.diff(beside, 2, axis=0), axis=-1).mean(1)
  return float(100 * (steps / measures.interocular(flat)[1:-1]).mean())


def flicker(pair: Pair) -> tuple[float, float]:
  """Mean temporal difference in levels at the edge of what changed: new, old.

  The edge is the outer eight pixels that changed in both of two frames.
  """
  rings = []
  for mask in pair.changed:
    whole = ndimage.binary_fill_holes(
      ndimage.binary_closing(mask, iterations=3)
    )
    rings.append(whole & ~ndimage.binary_erosion(whole, iterations=_EDGE))
  sums = np.zeros(2)
  count = 0
  for k in range(1, len(rings)):
    both = rings[k] & rings[k - 1]
    count += int(both.sum())
    for i, frames in enumerate((pair.new, pair.old)):
      step = frames[k].astype(int) - frames[k - 1]
      sums[i] += np.abs(step).mean(-1)[both].sum()
  new, old = sums / max(count, 1)
  return float(new), float(old)


def lips_off(points: np.ndarray, real: np.ndarray) -> float:
  """Mean distance of lip points in percent, with the eyes laid upon another.

  Args:
    points: [T, 478, 3].
    real: [T, 478, 3] of the original.
  """

  def placed(face: np.ndarray) -> np.ndarray:
    flat = face[..., 0] + 1j * face[..., 1]
    right, left = (flat[:, [k]] for k in OUTER)
    return (flat[:, _LIPS] - (right + left) / 2) / (left - right)

  return float(100 * np.abs(placed(points) - placed(real)).mean())


def sheet(pair: Pair) -> np.ndarray:
  """Mouths [2 S, k S, 3] of some frames, the original's above."""
  places = np.linspace(0, len(pair.old) - 1, _SHOWN).round().astype(int)
  rows = []
  for frames in (pair.old, pair.new):
    tiles = []
    for k in places:
      points = pair.old_points[k, :, :2]
      reach = 0.75 * float(measures.interocular(points))
      x, y = points[_LIPS].mean(0)
      box = x - reach, y - reach, x + reach, y + reach
      tile = resize.window(frames[k], box, (_TILE, _TILE))
      tiles.append(np.rint(tile).clip(0, 255).astype(np.uint8))
    rows.append(np.concatenate(tiles, axis=1))
  return np.concatenate(rows)
