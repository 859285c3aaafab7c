"""Lips at video frames, of what was heard.

Measures are shares of the distance between the outer eye corners, over the
mouth at rest, as in `face3d.measures`. What the network hears is finished by
four rules: lips are sealed where p, b or m is certain, and parted in consonants
of the tongue; louder speech opens them wider; and all of it is as large as real
speakers have it.

Letters: N rows of what was heard, T video frames.
"""

import fractions
from typing import NamedTuple

import numpy as np

from sadtalker_jax.inference.motion.phonetic import hearing
from sadtalker_jax.ops import dominance, filters, lip_classes

AMPLITUDE = 0.23  # share of the eye distance in an amplitude
# Regression to the mean opens lips too wide where they open little. Factors of
# a gap of none, and of one of `_WIDE` and above, with which the median and the
# 90th percentile in speech are up to 13 and 5 % above those of the clips at
# hand (docs/results/lips.md).
_LITTLE, _MUCH = 0.71, 0.95
_WIDE = 0.13
# And it makes all else move too little: 60 to 70 % of what people's width,
# upper lip and corners deviate by in the clips at hand.
_LIVELIER = np.array([1.4, 1.0, 1.4, 1.4], np.float32)
# Least gap of consonants that the tongue makes, by their probability.
_PARTED = 0.02
# Gaps of closed lips are measured, and learned, as a little above 0.
_CLOSED = 0.04
# Probabilities of p, b and m at which the seal begins, and is complete.
_SEAL_FROM, _SEAL_TO = 0.15, 0.4
_LOUDER = 0.02  # wider per decibel of loudness
_ORDINARY = -8.0  # decibel at which loudness changes nothing
_SYLLABLE = 15.0  # rows, 0.3 s, over which loudness is taken
_CLASS = lip_classes.INDEX
# Chin, upper lip and corners of pauses, as people's were measured, are rest.
_REST = dominance.load().target[_CLASS['SIL'], 2:].astype(np.float32)


class Mouth(NamedTuple):
  """Lips at T video frames."""

  gap: np.ndarray  # [T]
  width: np.ndarray  # [T]
  chin: np.ndarray  # [T] how much lower it is
  upper: np.ndarray  # [T] how much higher the upper lip's rim is
  corner: np.ndarray  # [T] how much higher the corners are
  seal: np.ndarray  # [T] 1 where lips are pressed on each other
  classes: np.ndarray  # [T, 24] probabilities of `ops.lip_classes`
  presence: np.ndarray  # [T] 0 in pauses, 1 in speech


def measure(
  heard: hearing.Heard,
  presence: np.ndarray,
  num_frames: int,
  fps: fractions.Fraction | float = 25.0,
  *,
  first: float = 0.0,
) -> Mouth:
  """Lips of what was heard, at the middles of video frames.

  Args:
    heard: N rows.
    presence: [T] 0 to 1, 0 in pauses of speech; all measures are multiplied by
      it. `heard_presence` is one, `baseline.speech` has another.
    num_frames: T.
    fps: Video frames per second.
    first: Seconds in the sound at which the first frame begins.

  Returns:
    Lips of T frames; after the end of the sound they rest.
  """
  seconds = first + (np.arange(num_frames) + 0.5) / float(fps)
  lips = _finished(heard)
  # At low frame rates a closure must not fall between two frames: what seals
  # at any time while a frame is shown, seals it.
  half = 0.5 / float(fps) - 0.5 / hearing.ROWS_PER_SECOND
  around = np.linspace(-half, half, 3) if half > 0 else np.zeros(1)
  seal = np.max(
    [at_times(_seal(heard.classes), seconds + each) for each in around], axis=0
  )
  gap, width, chin, upper, corner = (
    at_times(lips, seconds) * presence[:, None]
  ).T
  seal = seal * presence
  return Mouth(
    np.maximum(gap, 0) * (1 - seal),
    width,
    chin,
    upper,
    corner,
    seal,
    at_times(heard.classes, seconds) * presence[:, None],
    presence,
  )


def heard_presence(
  heard: hearing.Heard,
  num_frames: int,
  fps: fractions.Fraction | float = 25.0,
  *,
  first: float = 0.0,
) -> np.ndarray:
  """Presence of speech [T], 0 to 1, by what the network takes for silence.

  For streams, where the loudness of the whole is not known.
  """
  silence = filters.gaussian(heard.classes[:, _CLASS['SIL']], 2.0)
  share = np.clip((0.9 - silence) / 0.5, 0, 1)
  faint = np.clip((filters.gaussian(heard.loudness, 2.0) + 36) / 10, 0, 1)
  seconds = first + (np.arange(num_frames) + 0.5) / float(fps)
  return at_times(share * share * (3 - 2 * share) * faint, seconds)


def at_times(rows: np.ndarray, seconds: np.ndarray) -> np.ndarray:
  """Values [N, ...] of rows at times [K], interpolated; 0 after the end."""
  if len(rows) == 0:
    return np.zeros((len(seconds), *rows.shape[1:]), np.float32)
  place = seconds * hearing.ROWS_PER_SECOND - 0.5
  within = np.clip(place, 0, len(rows) - 1)
  below = np.floor(within).astype(np.int64)
  above = np.minimum(below + 1, len(rows) - 1)
  column = (-1, *[1] * (rows.ndim - 1))
  share = (within - below).astype(np.float32).reshape(column)
  inside = (place <= len(rows)).astype(np.float32).reshape(column)
  return (rows[below] * (1 - share) + rows[above] * share) * inside


def _finished(heard: hearing.Heard) -> np.ndarray:
  """The measures [N, 5], shares of the eye distance, not yet sealed."""
  lips = heard.lips.copy()
  lips[:, 2:] -= _REST
  silence = heard.classes[:, _CLASS['SIL']]
  lips[:, 0] = np.maximum(lips[:, 0] - _CLOSED, 0) / (1 - _CLOSED)
  lips[:, 0] *= 1 - 0.5 * np.clip((silence - 0.3) / 0.5, 0, 1)
  level = filters.gaussian(np.maximum(heard.loudness, -30), _SYLLABLE)
  louder = np.clip(1 + _LOUDER * (level - _ORDINARY), 0.5, 1.4)
  lips[:, 0] *= louder
  lips *= AMPLITUDE
  lips[:, 1:] *= _LIVELIER
  lips[:, 0] *= np.interp(lips[:, 0], (0, _WIDE), (_LITTLE, _MUCH))
  tongue = heard.classes[:, [_CLASS[name] for name in lip_classes.TONGUE]].sum(
    1
  )
  lips[:, 0] = np.maximum(lips[:, 0], _PARTED * tongue)
  return lips


def _seal(classes: np.ndarray) -> np.ndarray:
  """How far p, b or m seal the lips, [N], of probabilities [N, 24]."""
  certain = (classes[:, _CLASS['P']] - _SEAL_FROM) / (_SEAL_TO - _SEAL_FROM)
  return np.clip(certain, 0, 1)
