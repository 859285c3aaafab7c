"""Tables in Markdown of what was measured, talker by talker.

A talker's value is the mean over the clips, cut by cut; means and their 95 %
intervals are over talkers, who are drawn again and again (`bootstrap`), as
clips of one talker are alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from sadtalker_jax.benchmarks.likeness import (
  cuts,
  lips_alike,
  mouths,
  movement,
  surroundings,
)
from sadtalker_jax.evaluation.statistics import bootstrap

# Measures in order, and the shares or values that are wanted.
WANTED = {
  movement.BROWS: 'share .6 to 1.4',
  movement.GAZE: 'share .6 to 1.4',
  movement.WIDTH: 'share .6 to 1.4',
  movement.NODS: 'share .6 to 1.4',
  movement.HEAD: '.8 to 4 across clips',
  movement.BLINKS: '15 or more',
  movement.TRACK_BLINKS: '15 or more',
  movement.LIDS: '.25 or less',
  movement.SPEED: '',
  movement.GAP: '',
  surroundings.BACKGROUND: 'below .5',
  surroundings.HAIR: '.85 or more',
  mouths.CHIN: '1.5 or more',
  mouths.TEETH: '1.5 or more',
  mouths.ROW: 'share .5 or more',
  mouths.TONGUE: '15 or less',
}
NOT_HERE = {
  "glasses' rim in a blink, pixels": 'tests/inference/puppet follows them',
  'surroundings that show in the face': 'tests/inference/puppet looks for them',
}
_RANGES = (movement.HEAD, movement.LIDS)
_MADE = ('drawn', 'track')
_LEAST_RANKED = 5  # talkers

Row = Mapping[str, Any]


def all_of(rows: Sequence[Row]) -> Iterator[str]:
  """The lines of all tables.

  Args:
    rows: A row for each clip and cut, see `redriving`.
  """
  yield from movements(rows)
  yield ''
  yield from lips(rows)
  yield ''
  yield from lips_by_cut(rows)
  yield ''
  yield from lips_by_clip(rows)


def movements(rows: Sequence[Row]) -> Iterator[str]:
  """Real, ours, share, its interval and ranks of every measure."""
  talkers = by_talker(rows)
  yield (
    f'| measure, {len({r["clip"] for r in rows})} clips of '
    f'{len(talkers)} talkers | real | ours | share (95 %) | rank r | to reach '
    '| of |'
  )
  yield '|---|---|---|---|---|---|---|'
  for name, wanted in WANTED.items():
    real, ours = (_means(talkers, side, name) for side in ('real', 'ours'))
    if not np.isfinite(ours).any() and not np.isfinite(real).any():
      reason = f'not measured: {_reasons(rows, name)}'
      yield f'| {name} | {reason} | | | | {wanted} | |'
      continue
    yield (
      f'| {name} | {_number(real)} | {_number(ours)} | {_share(real, ours)} | '
      f'{_ranks(real, ours)} | {wanted} | {_known(real)}, {_known(ours)} |'
    )
    if name in _RANGES:
      spans = ' | '.join(_span(rows, side, name) for side in ('real', 'ours'))
      yield f'| least and greatest of a clip | {spans} | | | | |'
  for name, reason in NOT_HERE.items():
    yield f'| {name} | not measured: {reason} | | | | | |'


def lips(rows: Sequence[Row]) -> Iterator[str]:
  """Correlations of the lips of every talker, as drawn and of the track."""
  talkers = by_talker(rows)
  yield '| talker | clips, cuts | drawn | track | drawn - track |'
  yield '|---|---|---|---|---|'
  for name, own in talkers.items():
    values = [_three(own, made) for made in _MADE]
    yield (
      f'| {name} | {len({r["clip"] for r in own})}, {len(own)} | '
      f'{_triple(values[0])} | {_triple(values[1])} | '
      f'{_triple(values[0] - values[1], "+")} |'
    )
  drawn, track = (
    np.array([_three(own, made) for own in talkers.values()]) for made in _MADE
  )
  cells = [
    ' / '.join(_with_interval(part[:, k]) for k in range(3))
    for part in (drawn, track, drawn - track)
  ]
  yield f'| mean over talkers (95 %) | | {" | ".join(cells)} |'


def lips_by_cut(rows: Sequence[Row]) -> Iterator[str]:
  """The same by how the mouth is where the clip begins."""
  yield '| mouth in the first frame | talkers, cuts | drawn | track |'
  yield '|---|---|---|---|'
  for start in cuts.STARTS:
    own = [row for row in rows if row['start'] == start]
    if not own:
      continue
    talkers = by_talker(own).values()
    cells = [
      _triple(_mean(np.array([_three(each, made) for each in talkers])))
      for made in _MADE
    ]
    yield f'| {start} | {len(talkers)}, {len(own)} | {" | ".join(cells)} |'


def lips_by_clip(rows: Sequence[Row]) -> Iterator[str]:
  """Every clip and cut."""
  yield '| clip | cut | frames | drawn | track |'
  yield '|---|---|---|---|---|'
  for row in rows:
    cells = [_triple(_three([row], made)) for made in _MADE]
    yield (
      f'| {row["clip"]} | {row["start"]}, {row["at"]:.2f} s | {row["frames"]} '
      f'| {" | ".join(cells)} |'
    )


def by_talker(rows: Sequence[Row]) -> dict[str, list[Row]]:
  """Rows by who talks."""
  found: dict[str, list[Row]] = {}
  for row in rows:
    found.setdefault(row['talker'], []).append(row)
  return found


def _means(
  talkers: Mapping[str, Sequence[Row]], side: str, name: str
) -> np.ndarray:
  """A measure of every talker [N], NaN where it is missing."""
  return np.array(
    [
      _mean(np.array([row[side].get(name, np.nan) for row in own]))
      for own in talkers.values()
    ]
  )


def _three(rows: Sequence[Row], made: str) -> np.ndarray:
  """Mean correlations [3] of the lips."""
  values = [[row[made][name] for name in lips_alike.NAMES] for row in rows]
  return _mean(np.array(values, np.float64))  # None is NaN


def _mean(values: np.ndarray) -> np.ndarray:
  """Mean over the first axis of what is known."""
  known = np.isfinite(values)
  total = np.where(known, values, 0).sum(0)
  return np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)


def _resampled(values: np.ndarray) -> np.ndarray:
  """Means [R] of values [N] of talkers who are drawn again."""
  known = values[np.isfinite(values)]
  return bootstrap.weights(len(known)) @ known / len(known)


def _with_interval(values: np.ndarray) -> str:
  known = values[np.isfinite(values)]
  if not len(known):
    return '-'
  span = bootstrap.interval(_resampled(values)) if len(known) > 1 else None
  mean = f'{known.mean():.2f}'
  return mean if span is None else f'{mean} ({span[0]:.2f} to {span[1]:.2f})'


def _share(real: np.ndarray, ours: np.ndarray) -> str:
  """The share of real values [N] that ours [N] have, and its interval."""
  both = np.isfinite(real) & np.isfinite(ours)
  if not both.any() or not real[both].mean():
    return '-'
  real, ours = real[both], ours[both]
  share = f'{ours.mean() / real.mean():.2f}'
  drawn = bootstrap.weights(len(real))
  with np.errstate(divide='ignore', invalid='ignore'):
    span = bootstrap.interval((drawn @ ours) / (drawn @ real))
  if span is None or len(real) < 2:
    return share
  return f'{share} ({span[0]:.2f} to {span[1]:.2f})'


def _ranks(real: np.ndarray, ours: np.ndarray) -> str:
  """Spearman's r over talkers: are those who move more drawn so?"""
  both = np.isfinite(real) & np.isfinite(ours)
  if both.sum() < _LEAST_RANKED or np.ptp(real[both]) * np.ptp(ours[both]) == 0:
    return '-'
  return f'{stats.spearmanr(real[both], ours[both]).statistic:.2f}'


def _number(values: np.ndarray) -> str:
  mean = _mean(values)
  return f'{mean:.3g}' if np.isfinite(mean) else '-'


def _known(values: np.ndarray) -> int:
  return int(np.isfinite(values).sum())


def _span(rows: Sequence[Row], side: str, name: str) -> str:
  values = [row[side][name] for row in rows if name in row[side]]
  return f'{min(values):.2f} to {max(values):.2f}' if values else '-'


def _triple(values: np.ndarray, sign: str = '') -> str:
  return ' / '.join(
    f'{value:{sign}.2f}' if np.isfinite(value) else '-' for value in values
  )


def _reasons(rows: Sequence[Row], name: str) -> str:
  found = [
    row['missing'][side][name]
    for row in rows
    for side in ('real', 'ours')
    if name in row['missing'].get(side, {})
  ]
  return max(set(found), key=found.count) if found else 'no clip'
