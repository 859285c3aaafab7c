"""The mouth that a new voice begins from: the clip's own, at rest.

What was said in a frame must not be heard in its lips. So jaw and lips begin,
in every frame, where this person has them in pauses: the median of the frames
with the least open mouth.
"""

from typing import NamedTuple

import numpy as np

from sadtalker_jax.face3d import measures
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.footage import following

_SHARE = 0.15  # of the frames, those with the least open mouth
_LEAST = 3  # frames
_OPEN = 0.9  # quantile of the gap that is an open mouth


class Rest(NamedTuple):
  """A resting mouth."""

  row: np.ndarray  # [70] typical coefficients with the mouth at rest
  frames: np.ndarray  # [k] frames of the shot that show it, best first
  open: int  # frame with an open mouth


def mouth_slots(model: morphable.MorphableModel) -> np.ndarray:
  """Expression slots [S] of jaw, lips and tongue."""
  return np.array(
    [
      slot
      for slot, name in enumerate(model.expression_names)
      if name.startswith(('jaw', 'mouth', 'tongue'))
    ]
  )


def find(shot: following.Shot) -> Rest:
  """The resting mouth of a shot."""
  rows = shot.fit.rows
  shown = np.flatnonzero(shot.fit.found)
  gap = measures.lip_gap(shot.landmarks[shown])
  # Of equally closed mouths, those of the usual pose are seen best.
  turned = np.abs(rows[shown, 64:67] - np.median(rows[shown, 64:67], 0)).sum(1)
  count = min(len(shown), max(_LEAST, round(_SHARE * len(shown))))
  least = np.argsort(gap + 0.05 * turned, kind='stable')[:count]
  frames = shown[least]
  # Not the widest: that may be a grimace, or a landmark that is off.
  wide = shown[np.argsort(gap, kind='stable')[int(_OPEN * (len(shown) - 1))]]
  row = np.median(rows[frames], 0).astype(np.float32)
  return Rest(row, frames, int(wide))
