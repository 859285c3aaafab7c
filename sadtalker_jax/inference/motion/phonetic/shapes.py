"""Expression units [T, 64] for lips whose phones are known.

Phones have a shape beyond gap and width: rolled-in lips, a lip under the teeth,
funnels, a tongue. Those units come first; `baseline.lips.units` then adds jaw,
stretched and parted lips, so that gap, width and chin are what was asked for.
"""

from collections.abc import Mapping

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.phonetic import mouth as mouth_lib
from sadtalker_jax.ops import lip_classes

# Units at probability 1 of a class; a name without side stands for both.
_SHAPES: Mapping[str, Mapping[str, float]] = {
  'F': {'mouthRollLower': 0.9, 'mouthUpperUp': 0.45},
  'W': {'mouthPucker': 0.3, 'mouthFunnel': 0.1},
  'UW': {'mouthPucker': 0.3, 'mouthFunnel': 0.15},
  'UH': {'mouthPucker': 0.12, 'mouthFunnel': 0.08},
  'OW': {'mouthPucker': 0.12, 'mouthFunnel': 0.25},
  'AO': {'mouthFunnel': 0.15},
  'SH': {'mouthFunnel': 0.35, 'mouthUpperUp': 0.08, 'mouthLowerDown': 0.15},
  'R': {'mouthPucker': 0.1, 'mouthFunnel': 0.15},
  'TH': {'tongueOut': 0.55},
  'L': {'tongueOut': 0.35},
  'T': {'tongueOut': 0.2},
}
# How far the lower lip goes down and the upper one up by themselves, over jaws
# that open the less for it: in spread vowels and in s both rows of teeth are
# seen, one close above the other (talkers of GRID and films, looked at).
_PARTED: Mapping[str, Mapping[str, float]] = {
  'TH': {'mouthLowerDown': 0.3},
  'L': {'mouthLowerDown': 0.3},
  'T': {'mouthLowerDown': 0.4, 'mouthUpperUp': 0.1},
  'S': {'mouthLowerDown': 0.7, 'mouthUpperUp': 0.25},
  'K': {'mouthLowerDown': 0.5, 'mouthUpperUp': 0.1},
  'Y': {'mouthLowerDown': 0.7, 'mouthUpperUp': 0.25},
  'IY': {'mouthLowerDown': 1.0, 'mouthUpperUp': 0.5},
  'IH': {'mouthLowerDown': 0.9, 'mouthUpperUp': 0.4},
  'EH': {'mouthLowerDown': 0.7, 'mouthUpperUp': 0.25},
  'AE': {'mouthLowerDown': 0.5, 'mouthUpperUp': 0.2},
  'AX': {'mouthLowerDown': 0.4},
  'HH': {'mouthLowerDown': 0.4},
}
# What parts lips a little more than was measured there, shares of the eye
# distance: teeth on the lower lip, and r, which is rounded and never shut.
_LEAST: Mapping[str, float] = {'F': 0.012, 'R': 0.02}
# Units of pressed lips, of the seal and not of the class: pauses have none.
_PRESSED = {'mouthRollLower': 0.2, 'mouthRollUpper': 0.12, 'mouthPress': 0.1}
_FUNNEL_PER_GAP = 5.0  # funnels open lips; no farther than the gap allows
# Jaws go to one side in wide vowels.
_ASIDE, _WIDE_FROM, _WIDE_TO = 0.1, 0.1, 0.2


def units(
  mouth: mouth_lib.Mouth, weights: lips_lib.LipWeights | None = None
) -> np.ndarray:
  """Units [T, 64] that move a closed mouth to those lips.

  Args:
    mouth: Lips of T frames.
    weights: Weights of the baseline, whose `response` is used; None for the
      ones that ship.
  """
  weights = lips_lib.load() if weights is None else weights
  shaped = _shaped(mouth) + _parted(mouth, weights)
  gap, width, chin = (shaped @ weights.response).T
  # Pressed lips may be more than shut, rounded ones rounder than was heard.
  gap = np.where(gap < 0, gap * (1 - mouth.seal), gap)
  width = np.minimum(width, 0)
  least = sum(
    size * mouth.classes[:, lip_classes.INDEX[name]]
    for name, size in _LEAST.items()
  ) * (1 - mouth.seal)
  rest = lips_lib.Lips(
    mouth.gap + least - gap,
    np.minimum(mouth.width - width, np.maximum(mouth.width, 0)),
    mouth.chin - chin,
  )
  return shaped + lips_lib.units(rest, weights)


def _shaped(mouth: mouth_lib.Mouth) -> np.ndarray:
  """Units [T, 64] of the phones alone."""
  result = _of_classes(_SHAPES, mouth.classes)
  _add(result, _PRESSED, mouth.seal)
  strong = np.clip((mouth.gap - _WIDE_FROM) / (_WIDE_TO - _WIDE_FROM), 0, 1)
  _add(result, {'jawLeft': _ASIDE}, strong)
  funnel = makehuman.EXPRESSION_SLOTS['mouthFunnel']
  result[:, funnel] = np.minimum(result[:, funnel], _FUNNEL_PER_GAP * mouth.gap)
  return result


def _parted(mouth: mouth_lib.Mouth, weights: lips_lib.LipWeights) -> np.ndarray:
  """Units [T, 64] of lips that part by themselves, no wider than they shall."""
  result = _of_classes(_PARTED, mouth.classes)
  gap = result @ weights.response[:, 0]
  return result * np.minimum(mouth.gap / np.maximum(gap, 1e-6), 1)[:, None]


def _of_classes(
  shapes: Mapping[str, Mapping[str, float]], classes: np.ndarray
) -> np.ndarray:
  """Units [T, 64] of shapes by class, and probabilities [T, 24] of classes."""
  result = np.zeros((len(classes), conventions.EXPRESSION_SIZE), np.float32)
  for name, shape in shapes.items():
    _add(result, shape, classes[:, lip_classes.INDEX[name]])
  return result


def _add(
  units: np.ndarray, shape: Mapping[str, float], share: np.ndarray
) -> None:
  """Adds a share [T] of a shape to units [T, 64], in place."""
  for name, value in shape.items():
    for slot in _slots(name):
      units[:, slot] += value * share


def _slots(name: str) -> list[int]:
  """Slots of a unit, or of its left and right one."""
  return [
    slot
    for full, slot in makehuman.EXPRESSION_SLOTS.items()
    if full in (name, f'{name}Left', f'{name}Right')
  ]
