"""Lips for a sound: measures of the mouth, and the expression units for them.

`measure` returns three numbers per video frame, all as shares of the distance
between the outer eye corners and all relative to the mouth at rest: how far the
inner lips are apart, how much wider the mouth is, how much lower the chin is.
They come from kernel regression: the sound around each instant is compared with
a few hundred prototypes of sounds, whose lips were fitted to measurements of
real speakers (`cli.fit_baseline`). In pauses all three are exactly 0.

`units` turns them into weights of the canonical model's expression units
(`face3d.bases.makehuman`), 64 slots. The measures are almost linear in the
units; their slopes (`LipWeights.response`) were measured on the mean face.

Letters: N video frames, M mel frames, B bands, D context features, P
components, Q prototypes.
"""

import functools
import pathlib
from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference.motion.baseline import speech
from sadtalker_jax.ops import filters
from sadtalker_jax.typing import Array

DATA = pathlib.Path(__file__).resolve().parent / 'data' / 'baseline.npz'

# Mel frames around an instant whose bands are features, +-0.15 s.
CONTEXT = (-12, -8, -4, 0, 4, 8, 12)
MEASURES = ('gap', 'width', 'chin')

_BLOCK = 4096  # mel frames at a time; bounds memory on long sound
SMOOTH = 2.2  # mel frames, 28 ms; no jitter, closures of 60 ms survive
_SLOT = makehuman.EXPRESSION_SLOTS
# Units of the source that open its mouth; they fade while it speaks.
_OPENING = (
  'jawOpen', 'mouthFunnel', 'mouthLowerDownLeft', 'mouthLowerDownRight',
  'mouthUpperUpLeft', 'mouthUpperUpRight', 'mouthShrugUpper',
)  # fmt: skip
# Units of the source's mood; a part of them stays while it speaks.
_MOOD = (
  'mouthSmileLeft', 'mouthSmileRight', 'mouthFrownLeft', 'mouthFrownRight',
  'mouthDimpleLeft', 'mouthDimpleRight', 'mouthPressLeft', 'mouthPressRight',
  'mouthRollLower', 'mouthRollUpper', 'mouthStretchLeft', 'mouthStretchRight',
  'mouthPucker', 'cheekPuff',
)  # fmt: skip
_MOOD_KEPT = 0.7
_SHUT = 0.02  # opening up to which a mouth in a picture is certainly shut
_PARTED = 0.05  # opening that pauses between words have at the most


class LipWeights(NamedTuple):
  """The contents of baseline.npz."""

  reference: np.ndarray  # [80] mean spectrum of speech, decibel
  mean: np.ndarray  # [D] mean of the context features
  projection: np.ndarray  # [D, P] from context features to components
  prototypes: np.ndarray  # [Q, P] components of the prototypes
  width: np.ndarray  # [] kernel is exp(-width * squared distance)
  lips: np.ndarray  # [Q, 3] lips that each prototype adds
  base: np.ndarray  # [3] lips of a sound that resembles none
  curve: np.ndarray  # [2, K] gap as regressed -> gap as real mouths have it
  scale: np.ndarray  # [3] amplitude of an ordinary speaker
  response: np.ndarray  # [64, 3] change of the measures per unit


class Lips(NamedTuple):
  """Measures of the mouth over rest, per video frame."""

  gap: np.ndarray  # [N]
  width: np.ndarray  # [N]
  chin: np.ndarray  # [N]


@functools.cache
def load(path: pathlib.Path = DATA) -> LipWeights:
  """The fitted weights of a file, read once per process."""
  with np.load(path) as stored:
    arrays = {name: stored[name].astype(np.float32) for name in stored.files}
  return LipWeights(**arrays)


def save(path: pathlib.Path, weights: LipWeights) -> None:
  """Writes weights; the large arrays in half precision."""
  large = ('projection', 'prototypes')
  kinds = {
    n: np.float16 if n in large else np.float32 for n in LipWeights._fields
  }
  np.savez_compressed(
    path,
    **{name: getattr(weights, name).astype(kinds[name]) for name in kinds},
  )


def context(bands: np.ndarray, seconds: np.ndarray) -> np.ndarray:
  """Features [K, D] around times [K] of a recording with `bands` [M, B]."""
  taps = [
    speech.at_times(bands, seconds + tap / speech.MELS_PER_SECOND)
    for tap in CONTEXT
  ]
  return np.concatenate(taps, axis=1)


def kernel(
  points: np.ndarray, prototypes: np.ndarray, width: float
) -> np.ndarray:
  """Gaussian similarity [K, Q] of points [K, P] and prototypes [Q, P]."""
  squares = (points**2).sum(1)[:, None] + (prototypes**2).sum(1)
  distance = np.maximum(squares - 2 * points @ prototypes.T, 0)
  return np.exp(-width * distance)


def regress(features: np.ndarray, weights: LipWeights) -> np.ndarray:
  """Raw lips [K, 3] for context features [K, D]; 1 is a speaker's amplitude."""
  points = (features - weights.mean) @ weights.projection
  near = kernel(points, weights.prototypes, float(weights.width))
  return near @ weights.lips + weights.base


def measure(
  sound: speech.Sound,
  num_frames: int,
  fps: float = 25.0,
  weights: LipWeights | None = None,
  *,
  first: float = 0.0,
) -> Lips:
  """Lips of a sound.

  Args:
    sound: Result of `speech.listen` with `weights.reference`.
    num_frames: N.
    fps: Video frames per second.
    weights: Weights; None for the ones that ship.
    first: Seconds in the sound at which the first frame begins.

  Returns:
    Lips of N frames, float32; exactly 0 where `sound.activity` is 0.
  """
  weights = load() if weights is None else weights
  length = len(sound.bands)
  rows = []
  for begin in range(0, length, _BLOCK):
    places = np.arange(begin, min(begin + _BLOCK, length))
    seconds = places / speech.MELS_PER_SECOND
    rows.append(regress(context(sound.bands, seconds), weights))
  lips = filters.gaussian(np.concatenate(rows), SMOOTH)  # [M, 3]
  lips[:, 0] = np.interp(lips[:, 0], *weights.curve)
  lips = lips * weights.scale * sound.activity[:, None]
  gap, width, chin = speech.at_frames(lips, num_frames, fps, first=first).T
  return Lips(np.maximum(gap, 0), width, chin)


def opening(expression: Array, weights: LipWeights | None = None) -> np.ndarray:
  """Gap of the inner lips that units cause, [...], share of the eye distance.

  Args:
    expression: [..., 64] units of the canonical model; longer rows are cut.
    weights: Weights; None for the ones that ship.
  """
  weights = load() if weights is None else weights
  units_only = np.asarray(expression)[..., : conventions.EXPRESSION_SIZE]
  return units_only @ weights.response[:, 0]


def units(lips: Lips, weights: LipWeights | None = None) -> np.ndarray:
  """Units [N, 64] that move a closed mouth to the measures `lips`.

  The jaw follows gap and chin. Where the gap is wider than the jaw opens it,
  the lips part (teeth seen in s and t); where it is narrower, the lips close
  over the open jaw (b, m, w). Narrow mouths are rounded, wide ones stretched.

  Args:
    lips: Measures of N frames.
    weights: Weights; None for the ones that ship.
  """
  weights = load() if weights is None else weights
  respond = weights.response
  gap, width, chin = (np.asarray(part, np.float32) for part in lips)
  result = np.zeros((len(gap), conventions.EXPRESSION_SIZE), np.float32)

  def put(name: str, value: np.ndarray) -> np.ndarray:
    """Sets a unit, or a left and right pair; returns the gap it makes."""
    names = [
      n for n in _SLOT if n == name or n in (name + 'Left', name + 'Right')
    ]
    for each in names:
      result[:, _SLOT[each]] = value
    return value * sum(respond[_SLOT[each], 0] for each in names)

  wide = np.clip(width, 0, 0.08)
  # Wide mouths are stretched and smile a little; round ones funnel, open.
  rest = gap - put('mouthStretch', 3.2 * wide) - put('mouthSmile', 1.6 * wide)
  narrow = np.clip(-width, 0, 0.08)
  rest = rest - put('mouthPucker', 7.0 * narrow)
  rest = rest - put('mouthFunnel', np.minimum(2.5 * narrow, 2.0 * gap))
  by_gap = rest / respond[_SLOT['jawOpen'], 0]
  by_chin = chin / respond[_SLOT['jawOpen'], 2]
  jaw = np.clip(0.75 * by_gap + 0.15 * by_chin, 0, 0.9)
  rest = rest - put('jawOpen', jaw)
  part = np.clip(rest / 0.1, 0, 0.8)
  rest = rest - put('mouthUpperUp', 0.8 * part)
  rest = rest - put('mouthLowerDown', 1.1 * part)
  closing = rest / respond[_SLOT['mouthClose'], 0]  # both negative
  put('mouthClose', np.clip(closing, 0, 1))
  return result


def resting(
  source: np.ndarray,
  activity: np.ndarray,
  weights: LipWeights | None = None,
  *,
  spoken: np.ndarray | None = None,
) -> np.ndarray:
  """The source's expression, to which that of speech is added: [N, 64].

  At activity 0 it is the source exactly. Towards activity 1 a mouth that is
  open in the picture closes, and a smile relaxes a little, so that b and m
  close the lips; eyes, brows and cheeks stay. Who has spoken does not gape in
  pauses: lips that are wide open in the picture only part there.

  Args:
    source: [64] expression of the picture.
    activity: [N] speech activity, 0 to 1.
    weights: Weights; None for the ones that ship.
    spoken: [N] 0 before anything was said, to 1; None: pauses are the picture.
  """
  weights = load() if weights is None else weights
  respond = weights.response[:, 0]
  speaking = source.astype(np.float32).copy()
  for name in _MOOD:
    speaking[_SLOT[name]] *= _MOOD_KEPT
  opens = np.array([_SLOT[name] for name in _OPENING])
  excess = float(speaking @ respond)
  removable = float(np.maximum(speaking[opens] * respond[opens], 0).sum())
  # Fits of shut mouths come out some hundredths open; those stay as they are.
  excess *= min(max(excess / _SHUT - 1, 0.0), 1.0)
  if excess > 0 and removable > 0:
    keep = 1 - min(1.0, excess / removable)
    positive = speaking[opens] * respond[opens] > 0
    speaking[opens] *= np.where(positive, keep, 1)
  share = np.repeat(activity[:, None].astype(np.float32), len(source), 1)
  if spoken is not None and excess > _PARTED:
    shut = (1 - _PARTED / excess) * spoken
    share[:, opens] = np.maximum(share[:, opens], shut[:, None])
  return source + share * (speaking - source)
