"""Lips against the phones that are spoken; no network needed.

Curves are [T], over the frames of a clip: gaps of the lips and widths of the
mouth, in any unit. Segments are those of `ops.lip_classes`, in seconds; frame i
is seen at (i + 1/2) / fps seconds. Gaps are measured over rest, the 2nd
percentile of a curve, since closed lips measure a little above 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sadtalker_jax.metrics import lips
from sadtalker_jax.ops import lip_classes, lip_spectra
from sadtalker_jax.typing import Array

QUANTILES = (10, 50, 90)
REACH = 3  # frames by which lips may be early or late in correlations
_SHUT = 0.1  # share of the 95th percentile below which lips are shut
_AUDIBLE = -25.0  # decibel over loud speech
_HELD = 0.1  # seconds around sound in which lips still speak
_SPREAD = ('IY', 'IH')
_ROUND = ('W', 'UW', 'UH', 'OW')
_FINE = 0.01  # seconds between the places at which gaps are looked at


class Closures(NamedTuple):
  """How lips shut, in numbers of phones."""

  shut: int  # p, b and m in which the lips touch
  bilabials: int  # all p, b and m
  false: int  # other consonants whose middle stays shut; not f, v, w
  others: int  # all of those


def in_speech(wave: Array, num_frames: int, fps: float) -> np.ndarray:
  """Whether there is speech at frames [T], by loudness.

  Args:
    wave: [L] sound at 16 kHz.
    num_frames: T.
    fps: Frames per second.
  """
  decibel = lip_spectra.decibels(wave)
  if not len(decibel):
    return np.zeros(num_frames, bool)
  level = lip_spectra.levels(decibel)
  over = level - lip_spectra.loud_level(level)
  rate = lip_spectra.ROWS_PER_SECOND
  reach = round(_HELD * rate)
  padded = np.pad(over, reach, constant_values=-np.inf)
  windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
  heard = windows.max(1) > _AUDIBLE
  place = ((np.arange(num_frames) + 0.5) / fps * rate).astype(np.int64)
  return heard[np.minimum(place, len(heard) - 1)] & (place < len(heard))


def correlation(
  real: Array, made: Array, frames: Array, *, reach: int = REACH
) -> float:
  """Highest Pearson r of two curves in chosen frames, at lags up to `reach`.

  Args:
    real: [T].
    made: [T].
    frames: [T] bool, such as `in_speech`.
    reach: Frames by which one may come before the other.

  Returns:
    The correlation, NaN where fewer than 2 reach + 3 frames are chosen.
  """
  chosen = np.asarray(frames, bool)
  one, two = np.asarray(real)[chosen], np.asarray(made)[chosen]
  if len(one) < 2 * reach + 3:
    return float('nan')
  return max(
    lips.correlation(
      one[max(lag, 0) : len(one) + min(lag, 0)],
      two[max(-lag, 0) : len(two) - max(lag, 0)],
    )
    for lag in range(-reach, reach + 1)
  )


def over_rest(gap: Array) -> np.ndarray:
  """A gap [T] over that of the closed lips."""
  values = np.asarray(gap, np.float64)
  return values - np.percentile(values, 2)


def quantiles(gap: Array, frames: Array) -> np.ndarray:
  """10th, 50th and 90th percentile [3] of a gap over rest; NaN of nothing."""
  values = over_rest(gap)[np.asarray(frames, bool)]
  if not len(values):
    return np.full(len(QUANTILES), np.nan)
  return np.percentile(values, QUANTILES)


def closures(
  gap: Array, fps: float, segments: Sequence[lip_classes.Segment]
) -> Closures:
  """How many p, b and m shut the lips, and how many others do that should not.

  Lips are shut below a tenth of the 95th percentile of the gap. A p, b or m
  must be so at any time, another consonant is so by the mean of its middle.

  Args:
    gap: [T].
    fps: Frames per second.
    segments: Classes that were spoken.
  """
  values = over_rest(gap)
  limit = _SHUT * np.percentile(values, 95)
  counts = dict.fromkeys(Closures._fields, 0)
  for segment in segments:
    inside = _inside(values, fps, segment)
    if not len(inside):
      continue
    if segment.name == 'P':
      counts['bilabials'] += 1
      counts['shut'] += bool(inside.min() < limit)
    elif segment.name in lip_classes.TONGUE:
      quarter = len(inside) // 4
      middle = inside[quarter : max(quarter + 1, len(inside) - quarter)]
      counts['others'] += 1
      counts['false'] += bool(middle.mean() < limit)
  return Closures(**counts)


def openings(
  gap: Array, fps: float, segments: Sequence[lip_classes.Segment]
) -> dict[str, float]:
  """Mean gap over rest of each class that was spoken, in its 95th percentile.

  Args:
    gap: [T].
    fps: Frames per second.
    segments: Classes that were spoken.
  """
  values = over_rest(gap)
  top = max(float(np.percentile(values, 95)), 1e-9)
  found: dict[str, list[float]] = {}
  for segment in segments:
    inside = _inside(values, fps, segment)
    if len(inside):
      found.setdefault(segment.name, []).append(float(inside.mean()) / top)
  return {name: float(np.mean(values)) for name, values in found.items()}


def rounding(
  width: Array, fps: float, segments: Sequence[lip_classes.Segment]
) -> tuple[np.ndarray, np.ndarray]:
  """Widths in the middles of spread and of rounded phones: i e, and w u o.

  Args:
    width: [T].
    fps: Frames per second.
    segments: Classes that were spoken.

  Returns:
    [N] and [M]; `separation` compares them, of one clip or of many.
  """

  def of(names: tuple[str, ...]) -> np.ndarray:
    middles = [
      (s.begin + s.end) / 2 * fps - 0.5 for s in segments if s.name in names
    ]
    values = np.asarray(width, np.float64)
    return np.interp(middles, np.arange(len(values)), values)

  return of(_SPREAD), of(_ROUND)


def separation(first: np.ndarray, second: np.ndarray) -> float:
  """Difference of two means in common deviations, d; NaN of too few."""
  if min(len(first), len(second)) < 2:
    return float('nan')
  spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
  return float((first.mean() - second.mean()) / max(spread, 1e-9))


def _inside(
  values: np.ndarray, fps: float, segment: lip_classes.Segment
) -> np.ndarray:
  """A curve, interpolated, every 10 ms of a segment."""
  seconds = np.arange(segment.begin, segment.end, _FINE)
  return np.interp(seconds * fps - 0.5, np.arange(len(values)), values)
