"""Lips of phones: what LipNet learns to hear.

Cohen and Massaro's coarticulation (Modeling coarticulation in synthetic visual
speech, 1993): every segment pulls the lips to its target with a strength that
falls off before and after it; lips are the mean of the targets, weighted by
these dominances.

`data/dominance.csv` was fitted to the measured lips of 15 clips of the GRID
corpus, whose words are known, and of three films, whose words were recognised,
with a prior towards a table made by hand (`sadtalker lips --fit_targets`): of
each class and measure a target (in amplitudes of a speaker, over rest), the
logarithm of a strength, and seconds in which it falls by a factor e before and
after the segment. Classes that the clips do not say keep the hand's numbers.
"""

from collections.abc import Sequence
import functools
import pathlib
from typing import NamedTuple

import numpy as np

from sadtalker_jax.ops import lip_classes

DATA = pathlib.Path(__file__).resolve().parent / 'data' / 'dominance.csv'
# Gap, width, how low the chin, how high the upper lip and the corners are.
MEASURES = ('gap', 'width', 'chin', 'upper', 'corner')
# What errors of them are multiplied by where one loss has them all.
SCALES = np.array([1.0, 2.0, 0.7, 2.0, 2.0], np.float32)
_CORE = 0.5  # share of a segment, around its middle, that dominates fully


class Dominance(NamedTuple):
  """How classes pull the lips; [24, M] classes by measures each."""

  target: np.ndarray
  strength: np.ndarray  # logarithm
  before: np.ndarray  # seconds
  after: np.ndarray


@functools.cache
def load(path: pathlib.Path = DATA) -> Dominance:
  """The numbers of a file, read once per process."""
  lines = path.read_text().splitlines()
  rows = {(cells := line.split(','))[0]: cells[1:] for line in lines[1:]}
  table = np.array([rows[name] for name in lip_classes.CLASSES], np.float64)
  parts = table.reshape(len(table), len(MEASURES), len(Dominance._fields))
  return Dominance(*np.moveaxis(parts, -1, 0))


def tracks(
  segments: Sequence[lip_classes.Segment],
  count: int,
  rate: float,
  dominance: Dominance | None = None,
) -> np.ndarray:
  """The measures [count, M] of what is said, float32.

  Args:
    segments: Classes in order, one at least.
    count: Rows; row n is at (n + 1/2) / `rate` seconds.
    rate: Rows a second.
    dominance: How classes pull; None for what ships.
  """
  return lips_at(segments, (np.arange(count) + 0.5) / rate, dominance)


def lips_at(
  segments: Sequence[lip_classes.Segment],
  seconds: np.ndarray,
  dominance: Dominance | None = None,
) -> np.ndarray:
  """As `tracks`, at times [T] in seconds: [T, M]."""
  table = load() if dominance is None else dominance
  classes = [lip_classes.INDEX[s.name] for s in segments]
  early, late = distances(segments, seconds)
  lips = np.empty((len(seconds), len(MEASURES)), np.float32)
  for measure in range(len(MEASURES)):
    target, strength, before, after = (part[classes, measure] for part in table)
    pull = strength - early / before - late / after
    pull = np.exp(pull - pull.max(1, keepdims=True))
    lips[:, measure] = pull @ target / pull.sum(1)
  lips[:, 0] = np.maximum(lips[:, 0], 0)
  return lips


def distances(
  segments: Sequence[lip_classes.Segment], seconds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """How long [T, N] times are before, and after, the cores of N segments."""
  begin = np.array([s.begin for s in segments])
  end = np.array([s.end for s in segments])
  away = seconds[:, None] - (begin + end) / 2
  core = (end - begin) / 2 * _CORE
  return np.maximum(-away - core, 0), np.maximum(away - core, 0)


def save(path: pathlib.Path, dominance: Dominance) -> None:
  """Writes numbers as `load` reads them."""
  names = [f'{m}_{part}' for m in MEASURES for part in Dominance._fields]
  table = np.stack(dominance, -1).reshape(len(lip_classes.CLASSES), -1)
  lines = [','.join(['class', *names])]
  for name, row in zip(lip_classes.CLASSES, table, strict=True):
    lines.append(','.join([name, *(f'{value:.4f}' for value in row)]))
  path.write_text('\n'.join(lines) + '\n')


def classes_at(
  segments: Sequence[lip_classes.Segment], count: int, rate: float
) -> np.ndarray:
  """The class [count] int32 at rows, silence where there is no segment."""
  seconds = (np.arange(count) + 0.5) / rate
  found = np.full(count, lip_classes.INDEX['SIL'], np.int32)
  for segment in segments:
    inside = (seconds >= segment.begin) & (seconds < segment.end)
    found[inside] = lip_classes.INDEX[segment.name]
  return found
