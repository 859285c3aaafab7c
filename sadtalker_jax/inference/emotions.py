"""Emotions as units of the packaged head, and how much may be asked for.

Each is a sum of the action units by which people know it (EMFACS, Ekman and
Friesen 1983; the numbers in the table are theirs), as far as the units of the
head have them. None opens or shuts the lips: these are the voice's.
"""

from collections.abc import Mapping

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman

NEUTRAL = 'neutral'
MAX_STRENGTH = 2.0
MAX_GAZE = 30.0  # degrees, to each side


def _both(**units: float) -> dict[str, float]:
  """Units of the left and the right side alike."""
  return {
    name + side: value
    for name, value in units.items()
    for side in ('Left', 'Right')
  }


# Units at strength 1, clear and not yet a caricature.
_UNITS: Mapping[str, Mapping[str, float]] = {
  NEUTRAL: {},
  'happy': _both(  # 6 12
    mouthSmile=0.75, cheekSquint=0.6, eyeSquint=0.3, browOuterUp=0.1
  ),
  'sad': {  # 1 4 15
    **_both(mouthFrown=0.7, browDown=0.25, eyeLookDown=0.15),
    'browInnerUp': 0.85,
    'mouthShrugLower': 0.2,
  },
  'angry': _both(  # 4 5 7 23
    browDown=0.95, eyeWide=0.25, eyeSquint=0.45, mouthFrown=0.3, noseSneer=0.25
  ),
  'surprised': {  # 1 2 5
    **_both(browOuterUp=0.85, eyeWide=0.75),
    'browInnerUp': 0.85,
  },
  'afraid': {  # 1 2 4 5 20
    **_both(browOuterUp=0.2, browDown=0.4, eyeWide=0.6, mouthStretch=0.6),
    'browInnerUp': 0.9,
  },
  'disgusted': {  # 9 15 17
    **_both(noseSneer=0.8, browDown=0.45, mouthFrown=0.35, cheekSquint=0.4),
    **_both(mouthUpperUp=0.15),
  },
  'contemptuous': {  # 12 and 14 of one side
    'mouthSmileLeft': 0.5,
    'mouthDimpleLeft': 0.6,
    'cheekSquintLeft': 0.35,
    'browOuterUpLeft': 0.3,
  },
}
NAMES = tuple(_UNITS)


def offsets(weights: np.ndarray) -> np.ndarray:
  """Sums of the units of emotions.

  Args:
    weights: [..., E] strengths, in the order of `NAMES`.

  Returns:
    [..., 64] to be added to expressions of the packaged head.
  """
  table = np.zeros((len(NAMES), conventions.EXPRESSION_SIZE))
  for row, units in zip(table, _UNITS.values(), strict=True):
    for name, value in units.items():
      row[makehuman.EXPRESSION_SLOTS[name]] = value
  return np.asarray(weights) @ table


def one(name: str, strength: float) -> np.ndarray:
  """Strengths [E] of one emotion."""
  weights = np.zeros(len(NAMES))
  weights[NAMES.index(name)] = strength
  return weights
