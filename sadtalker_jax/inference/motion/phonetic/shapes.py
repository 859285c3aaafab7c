"""Expression units [T, 64] for lips whose phones are known.

Phones have a shape beyond gap and width: rolled-in lips, a lip under the teeth,
funnels, a tongue. Those units come first; jaw, both lips and the corners then
make the measures what was asked for.
"""

from collections.abc import Mapping
import functools

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
# How far the lower lip goes down by itself, over a jaw that opens the less for
# it: in spread vowels and in s both rows of teeth are seen, one close above the
# other (talkers of GRID and films, looked at). What it measures is the gap's.
_LOWERED: Mapping[str, float] = {
  'TH': 0.3, 'L': 0.3, 'T': 0.4, 'S': 0.7, 'K': 0.5, 'Y': 0.7, 'IY': 1.0,
  'IH': 0.9, 'EH': 0.7, 'AE': 0.5, 'AX': 0.4, 'HH': 0.4,
}  # fmt: skip
# What units do to the rim of the upper lip and to the corners of the mouth on
# the mean face, up, shares of the eye distance; both sides of a unit together.
# Gap, width and chin are in `LipWeights.response`.
_HEIGHTS: Mapping[str, tuple[float, float]] = {
  'jawOpen': (0.001, -0.120),
  'mouthClose': (-0.080, 0.052),
  'mouthFunnel': (0.045, -0.011),
  'mouthPress': (0.006, 0.053),
  'mouthPucker': (-0.023, -0.015),
  'mouthRollUpper': (-0.021, 0.002),
  'mouthSmile': (0.037, 0.154),
  'mouthStretch': (-0.006, -0.029),
  'mouthUpperUp': (0.059, 0.025),
}
# Chins of people go down by .8 of what their lips part in open vowels, the
# mean face's by .55 where its jaw opens; with this, a is made by the jaw.
_JAW_PER_CHIN = 0.7
_JAW = 0.9  # most of a jaw
# What parts lips a little more than was measured there, shares of the eye
# distance: teeth on the lower lip, and r, which is rounded and never shut.
_LEAST: Mapping[str, float] = {'F': 0.012, 'R': 0.02}
# Units of pressed lips, of the seal and not of the class: pauses have none.
_PRESSED = {'mouthRollLower': 0.2, 'mouthRollUpper': 0.12, 'mouthPress': 0.1}
_FUNNEL_PER_GAP = 5.0  # funnels open lips; no farther than the gap allows
# Jaws go to one side in wide vowels.
_ASIDE, _WIDE_FROM, _WIDE_TO = 0.1, 0.1, 0.2
_NARROW = _WIDE = 0.08  # most by which mouths are narrower and wider


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
  response = _response(weights)
  result = _shaped(mouth) + _lowered(mouth, response)
  gap, width, chin, upper, corner = (result @ response).T
  # Pressed lips may be more than shut, rounded ones rounder than was heard.
  gap = np.where(gap < 0, gap * (1 - mouth.seal), gap)
  width = np.minimum(width, 0)
  least = sum(
    size * mouth.classes[:, lip_classes.INDEX[name]]
    for name, size in _LEAST.items()
  ) * (1 - mouth.seal)
  wanted = np.stack(
    [
      mouth.gap + least - gap,
      np.minimum(mouth.width - width, np.maximum(mouth.width, 0)),
      _JAW_PER_CHIN * mouth.chin - chin,
      mouth.upper - upper,
      mouth.corner - corner,
    ],
    axis=1,
  )
  return result + _measured(wanted.astype(np.float32), response, mouth.gap)


def _measured(
  wanted: np.ndarray, response: np.ndarray, gap: np.ndarray
) -> np.ndarray:
  """Units [T, 64] that change the measures of the mouth.

  The jaw follows the chin, as far as lips part. Corners say whether a wide
  mouth smiles or is stretched, the upper lip goes where it was heard, and the
  lower one makes up for what is left of the gap.

  Args:
    wanted: [T, 5] changes.
    response: [64, 5] changes of a unit.
    gap: [T] of the mouth in the end.
  """
  result = np.zeros((len(wanted), conventions.EXPRESSION_SIZE), np.float32)
  left = wanted.copy()

  def of(name: str) -> np.ndarray:
    """What a unit, or a left and right pair, changes [5]."""
    return response[_slots(name)].sum(0)

  def put(name: str, value: np.ndarray) -> None:
    """Adds a unit, and takes off what it changes."""
    nonlocal left
    _add(result, {name: 1.0}, value)
    left = left - value[:, None] * of(name)

  jaw = of('jawOpen')
  # No farther than the lips part: what the lower lip does is not done again.
  opened = np.minimum(left[:, 2] / jaw[2], left[:, 0] / jaw[0])
  put('jawOpen', np.clip(opened, 0, _JAW))
  narrow = np.clip(-left[:, 1], 0, _NARROW)
  put('mouthPucker', 7.0 * narrow)
  put('mouthFunnel', np.minimum(2.5 * narrow, 2.0 * gap))
  smile, stretch = of('mouthSmile'), of('mouthStretch')
  pair = np.stack([smile[[1, 4]], stretch[[1, 4]]], axis=1)
  wide = np.clip(left[:, 1], 0, _WIDE)
  share = np.linalg.solve(pair, np.stack([wide, left[:, 4]]))[0]
  smiling = np.clip(share, 0, wide / smile[1])
  put('mouthSmile', smiling)
  put('mouthStretch', (wide - smiling * smile[1]) / stretch[1])
  put('mouthUpperUp', np.clip(left[:, 3] / of('mouthUpperUp')[3], 0, 1))
  put('mouthLowerDown', np.clip(left[:, 0] / of('mouthLowerDown')[0], 0, 1))
  open_more = np.maximum(left[:, 0], 0) / jaw[0]
  put('jawOpen', np.minimum(open_more, _JAW - result[:, _slots('jawOpen')[0]]))
  put('mouthClose', np.clip(left[:, 0] / of('mouthClose')[0], 0, 1))
  return result


@functools.cache
def _heights() -> np.ndarray:
  """What units do to upper lip and corners [64, 2]."""
  result = np.zeros((conventions.EXPRESSION_SIZE, 2), np.float32)
  for name, heights in _HEIGHTS.items():
    slots = _slots(name)
    result[slots] = np.array(heights) / len(slots)
  return result


def _response(weights: lips_lib.LipWeights) -> np.ndarray:
  """What units do to all measures [64, 5]."""
  return np.concatenate([weights.response, _heights()], axis=1)


def _shaped(mouth: mouth_lib.Mouth) -> np.ndarray:
  """Units [T, 64] of the phones alone."""
  result = _of_classes(_SHAPES, mouth.classes)
  _add(result, _PRESSED, mouth.seal)
  strong = np.clip((mouth.gap - _WIDE_FROM) / (_WIDE_TO - _WIDE_FROM), 0, 1)
  _add(result, {'jawLeft': _ASIDE}, strong)
  funnel = makehuman.EXPRESSION_SLOTS['mouthFunnel']
  result[:, funnel] = np.minimum(result[:, funnel], _FUNNEL_PER_GAP * mouth.gap)
  return result


def _lowered(mouth: mouth_lib.Mouth, response: np.ndarray) -> np.ndarray:
  """Units [T, 64] of a lower lip that parts, no wider than lips shall."""
  shapes = {name: {'mouthLowerDown': size} for name, size in _LOWERED.items()}
  result = _of_classes(shapes, mouth.classes)
  gap = result @ response[:, 0]
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
