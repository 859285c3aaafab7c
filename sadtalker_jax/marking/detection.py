"""Finding a mark in pictures of any origin.

Residuals of several frames of a clip are averaged: the mark stands still while
the picture moves. It is looked for in its place, then mirrored, then cropped,
scaled and turned. A payload counts only if its checksum, its version and the
known pattern agree; without one, a known pattern that stands out far enough
still says that there is a mark. Of greyscale that is all: the pattern in luma
has no payload.
"""

from collections.abc import Iterator, Sequence
import dataclasses
from typing import Literal

import numpy as np
from scipy import fft

from sadtalker_jax.marking import (
  canvases,
  codes,
  correlation,
  patterns,
  payloads,
  windows,
)

SIDE = canvases.SIDE
# Scores are standard deviations of the correlation with the known pattern.
# Least score of a payload: of whole frames, and where more places were tried.
LEAST_IN_PLACE, LEAST_SEARCHED = 4.0, 4.5
# Where the known pattern is that clear, several words are tried: most for the
# mean of all frames, which is read once.
SURE_IN_PLACE, SURE_SEARCHED = 5.0, 6.0
_PATHS, _PATHS_OF_WHOLE = 16, 256
LEAST_ALONE = 7.0  # of a mark without a payload
_COARSE = 64  # side of the canvas of the search
_EXTENTS = np.arange(1.0625, 0.69, -1 / 64)  # shares of the frame that are left
_GREY_EXTENTS = np.arange(1.0625, 0.69, -1 / 128)  # its pattern is finer
_STEPS = (-0.009, 0.0, 0.009)  # about a candidate
_TURNS = np.arange(-3.0, 3.1, 0.5)  # degrees
_CANDIDATES = 8  # crops that are measured finely and read
_APART = 0.04  # between candidates
_NEARBY = 1.015  # between sides of pictures in frames


@dataclasses.dataclass(frozen=True)
class Finding:
  """What was found in pictures.

  Attributes:
    payload: What the mark says; None if it cannot be read.
    score: Standard deviations by which the known pattern stands out; see
      docs/results/marking.md for those of pictures without a mark.
    kind: `payload`, `mark` without a payload, or `nothing`.
    place: Where the mark was, in words.
  """

  payload: payloads.Payload | None
  score: float
  kind: Literal['payload', 'mark', 'nothing']
  place: str

  def __bool__(self) -> bool:
    return self.kind != 'nothing'

  @property
  def rank(self) -> tuple[bool, bool, float]:
    """How much was found, for comparisons."""
    return self.payload is not None, bool(self), self.score


def find(
  groups: Sequence[Sequence[np.ndarray]], key: bytes = payloads.PUBLIC_KEY
) -> Finding:
  """The mark in frames, searched for in more and more places.

  Args:
    groups: Frames [H, W, 3] uint8 RGB of one size, of places of a clip in order
      of time; one frame is enough.
    key: Key of the mark.
  """
  search = Search(patterns.of_key(key))
  parts = [correlation.residuals(group) for group in groups]
  whole = correlation.mean(parts)
  findings = []
  for finding in _ways(search, groups, whole, parts):
    if finding.payload:
      return finding
    findings.append(finding)
  return max(findings, key=lambda finding: finding.rank)


def _ways(
  search: 'Search',
  groups: Sequence[Sequence[np.ndarray]],
  whole: correlation.Residuals,
  parts: Sequence[correlation.Residuals],
) -> Iterator[Finding]:
  """Findings of all ways to look, the quickest first."""
  # Of a film, one scene may be ours.
  yield search.in_place(whole, 'whole', paths=_PATHS_OF_WHOLE)
  for part in parts if len(parts) > 1 else ():
    yield search.in_place(part, 'whole')
  yield from search.moved(whole)
  # Frames at different times: what is about the picture moves.
  spread_out = [group[0] for group in groups]
  yield search.inside(spread_out if len(groups) > 1 else groups[0])


class Search:
  """Search for marks of one key."""

  def __init__(self, pattern: patterns.Pattern):
    self._pattern = pattern
    self._coarse = np.conj(fft.rfft2(pattern.coarse(_COARSE)))

  def moved(self, found: correlation.Residuals) -> Iterator[Finding]:
    """Findings mirrored, cropped or scaled, and turned."""
    mirrored = found.changed(lambda plane: plane[:, ::-1])
    yield self.in_place(mirrored, 'mirrored, whole')
    for way, words in ((found, ''), (mirrored, 'mirrored, ')):
      tapered = way.changed(lambda plane: canvases.taper() * plane)
      place = f'{words}cropped or scaled'
      if found.is_grey:  # there is nothing in the marked plane
        yield self._cropped_grey(tapered.grey, place)
        continue
      yield self._cropped(tapered.plane, place)
      for degrees in _TURNS[_TURNS != 0]:
        turned = tapered.turned(degrees)
        yield self.in_place(turned, f'{words}turned by {-degrees:g} degrees')

  def inside(self, frames: Sequence[np.ndarray]) -> Finding:
    """The mark of a picture that was pasted into frames [H, W, 3]."""
    best = _without(0.0, '')
    for window in windows.find(frames, self._pattern):
      for scale in (1.0, 1 / _NEARBY, _NEARBY):
        cut = [window.cut(frame, scale) for frame in frames]
        parts = [part for part in cut if part is not None]
        if len(parts) < len(cut):
          continue
        place = (
          f'a picture in the picture, {window.side:.0f} pixels at '
          f'{window.left:.0f}, {window.top:.0f}'
        )
        finding = self.in_place(
          correlation.residuals(parts), place, SURE_SEARCHED
        )
        if finding.payload:
          return finding
        best = max(best, finding, key=lambda finding: finding.rank)
    return best

  def in_place(
    self,
    found: correlation.Residuals,
    place: str,
    sure: float = SURE_IN_PLACE,
    paths: int = _PATHS,
  ) -> Finding:
    """The mark of whole frames.

    Args:
      found: Residuals.
      place: Where they are from, in words.
      sure: Score from which several words are tried.
      paths: Number of these.
    """
    taper = canvases.taper()
    colour = correlation.Correlation.of(taper * found.plane, self._known)
    grey = correlation.Correlation.of(taper * found.grey, self._pattern.grey)
    score, shift = colour.in_place()
    in_grey = grey.most  # a planned place, see `embedding`
    is_sure = score >= sure or in_grey >= LEAST_ALONE
    if score >= LEAST_IN_PLACE:
      # A faint peak says less of the place than that nothing was moved.
      for where in (shift, (0.0, 0.0)):
        if payload := self._read(colour, where, paths if is_sure else 1):
          return Finding(payload, score, 'payload', place)
    if score < LEAST_ALONE <= in_grey:
      return Finding(None, in_grey, 'mark', f'{place}, in luma')
    return _without(score, place)

  @property
  def _known(self) -> np.ndarray:
    return self._pattern.known

  def _cropped(self, tapered: np.ndarray, place: str) -> Finding:
    """The mark of a part of the frames, or of frames within a border."""
    scored = []
    for rows in _EXTENTS:
      matrix = canvases.resizing(_COARSE, SIDE, round(_COARSE * rows))
      low = canvases.product(matrix, tapered)
      scored += [
        (self._coarse_score(low, columns), rows, columns)
        for columns in _EXTENTS
        if abs(rows - columns) < 0.23
      ]
    ranked = sorted(scored, reverse=True)
    best = 0.0
    for rows, columns in _apart(ranked):
      found, score = self._best_near(tapered, rows, columns)
      best = max(best, score)
      if score < LEAST_SEARCHED:
        continue
      paths = _PATHS if score >= SURE_SEARCHED else 1
      if payload := self._read(found, found.shift, paths):
        return Finding(payload, score, 'payload', place)
    return _without(best, place)

  def _cropped_grey(self, tapered: np.ndarray, place: str) -> Finding:
    """The mark of a part of greyscale frames that kept their shape."""
    sides = (round(SIDE * share) for share in _GREY_EXTENTS)
    best = max(
      correlation.Correlation.of(
        correlation.placed(tapered, (side, side)), self._pattern.grey
      ).most
      for side in sides
    )
    return _without(best, f'{place}, in luma')

  def _best_near(
    self, tapered: np.ndarray, rows: float, columns: float
  ) -> tuple[correlation.Correlation, float]:
    """The best correlation at shares of the frame about a candidate."""
    tried = (
      correlation.Correlation.of(
        correlation.placed(
          tapered,
          (round(SIDE * (rows + dy)), round(SIDE * (columns + dx))),
        ),
        self._known,
      )
      for dy in _STEPS
      for dx in _STEPS
    )
    scored = ((found, found.most) for found in tried)
    return max(scored, key=lambda pair: pair[1])

  def _coarse_score(self, low: np.ndarray, columns: float) -> float:
    """Score of a plane [64, 256] whose rows are in place."""
    matrix = canvases.resizing(_COARSE, SIDE, round(_COARSE * columns))
    spectrum = fft.rfft2(canvases.product(low, matrix.T))
    matched = patterns.matched(spectrum) * self._coarse
    values = fft.irfft2(matched, s=(_COARSE, _COARSE))
    return float(
      (values.max() - values.mean()) / (values.std() + correlation.FLAT)
    )

  def _read(
    self, found: correlation.Correlation, shift: tuple[float, float], paths: int
  ) -> payloads.Payload | None:
    """The payload at a place; sure of a mark, more words are tried."""
    soft = self._pattern.soft(found.spectrum, shift)
    known = payloads.VERSION_PREFIX if paths > 1 else ()
    word, right = codes.decode(soft, payloads.WORD_BITS, known, paths)
    payload = payloads.Payload.from_word(word)
    if right and payload.version == payloads.VERSION:
      return payload
    return None


def _apart(
  ranked: Sequence[tuple[float, float, float]],
) -> list[tuple[float, float]]:
  """The first candidates (score, rows, columns) that differ enough."""
  chosen: list[tuple[float, float]] = []
  for _, rows, columns in ranked:
    if len(chosen) == _CANDIDATES:
      break
    if all(max(abs(rows - r), abs(columns - c)) > _APART for r, c in chosen):
      chosen.append((float(rows), float(columns)))
  return chosen


def _without(score: float, place: str) -> Finding:
  kind: Literal['mark', 'nothing'] = 'nothing'
  if score >= LEAST_ALONE:
    kind = 'mark'
  return Finding(None, score, kind, place)
