"""Finding a mark in pictures of any origin.

Residuals of several frames of a clip are averaged: the mark stands still while
the picture moves. It is looked for in its place, then mirrored, then cropped,
scaled and turned. A payload counts only if its checksum, its version and the
known pattern agree; without one, a known pattern that stands out far enough
still says that there is a mark. In greyscale nothing is left of it.
"""

from collections.abc import Iterator, Sequence
import dataclasses
from typing import Literal, NamedTuple

import numpy as np
from scipy import fft, ndimage

from sadtalker_jax.marking import canvases, codes, patterns, payloads, windows

SIDE = canvases.SIDE
# Scores are standard deviations of the correlation with the known pattern.
# Least score of a payload: in its place, and where the best of many was taken.
LEAST_IN_PLACE, LEAST_SEARCHED = 3.0, 4.5
# Where the known pattern is that clear, several words are tried.
SURE_IN_PLACE, SURE_SEARCHED = 4.0, 6.0
_PATHS = 16
LEAST_ALONE = 7.0  # of a mark without a payload
_SLACK = 3  # pixels of the canvas by which a mark in its place may be off
_COARSE = 64  # side of the canvas of the search
_EXTENTS = np.arange(1.0625, 0.69, -1 / 64)  # shares of the frame that are left
_STEPS = (-0.009, 0.0, 0.009)  # about a candidate
_TURNS = np.arange(-3.0, 3.1, 0.5)  # degrees
_CANDIDATES = 8  # crops that are measured finely and read
_APART = 0.04  # between candidates
_NEARBY = 1.015  # between sides of pictures in frames
_FLAT = 1e-9  # beside the deviation of a correlation: 0 in flat pictures


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


class Residuals(NamedTuple):
  """A mean residual on the canvas, and the shape of the frames."""

  plane: np.ndarray  # [256, 256]
  aspect: float  # width by height


def residuals(frames: Sequence[np.ndarray]) -> Residuals:
  """The mean residual of frames [H, W, 3] uint8 RGB; at least one."""
  planes = [canvases.residual(canvases.colours(frame)) for frame in frames]
  height, width = frames[0].shape[:2]
  return Residuals(np.mean(planes, axis=0), width / height)


def mean(parts: Sequence[Residuals]) -> Residuals:
  """The mean of residuals of parts of a clip."""
  plane = np.mean([part.plane for part in parts], axis=0)
  return Residuals(plane, parts[0].aspect)


def find(found: Residuals, key: bytes = payloads.PUBLIC_KEY) -> Finding:
  """The mark in residuals, searched for in more and more places.

  Args:
    found: Residuals of a clip, see `residuals`.
    key: Key of the mark.
  """
  search = Search(patterns.of_key(key))
  findings: list[Finding] = []
  for finding in search.everywhere(found):
    if finding.payload:
      return finding
    findings.append(finding)
  return max(findings, key=lambda finding: finding.score)


class Search:
  """Search for marks of one key."""

  def __init__(self, pattern: patterns.Pattern):
    self._pattern = pattern
    self._coarse = np.conj(fft.rfft2(pattern.coarse(_COARSE)))

  def everywhere(self, found: Residuals) -> Iterator[Finding]:
    """Findings in place, mirrored, cropped or scaled, and turned."""
    ways = [(found.plane, ''), (found.plane[:, ::-1], 'mirrored, ')]
    for plane, words in ways:
      yield self.in_place(plane, f'{words}whole')
    for plane, words in ways:
      tapered = canvases.taper() * plane
      yield self._cropped(tapered, f'{words}cropped or scaled')
      for degrees in _TURNS[_TURNS != 0]:
        turned = _turned(tapered, degrees, found.aspect)
        yield self.in_place(turned, f'{words}turned by {-degrees:g} degrees')

  def inside(self, frames: Sequence[np.ndarray]) -> Finding:
    """The mark of a picture that was pasted into frames [H, W, 3]."""
    best = _without(0.0, '')
    for window in windows.find(frames, self._pattern):
      for scale in (1.0, 1 / _NEARBY, _NEARBY):
        parts = [window.cut(frame, scale) for frame in frames]
        if any(part is None for part in parts):
          continue
        plane = residuals([p for p in parts if p is not None]).plane
        place = (
          f'a picture in the picture, {window.side:.0f} pixels at '
          f'{window.left:.0f}, {window.top:.0f}'
        )
        finding = self.in_place(plane, place, SURE_SEARCHED)
        if finding.payload:
          return finding
        best = max(best, finding, key=lambda finding: finding.score)
    return best

  def in_place(
    self, plane: np.ndarray, place: str, sure: float = SURE_IN_PLACE
  ) -> Finding:
    """The mark of whole frames.

    Args:
      plane: Residual [256, 256].
      place: Where it is from, in words.
      sure: Score from which several words are tried.
    """
    found = _correlated(canvases.taper() * plane, self._pattern.known)
    near = np.roll(found.map, (_SLACK, _SLACK), (0, 1))
    near = near[: 2 * _SLACK + 1, : 2 * _SLACK + 1]
    y, x = np.unravel_index(near.argmax(), near.shape)
    peak = (int(y) - _SLACK) % SIDE, (int(x) - _SLACK) % SIDE
    score = float(near.max())
    if score >= LEAST_IN_PLACE:
      # A faint peak says less of the place than that nothing was moved.
      for shift in (_finer(found.map, peak), (0.0, 0.0)):
        if payload := self._read(found, shift, score >= sure):
          return Finding(payload, score, 'payload', place)
    return _without(score, place)

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
      y, x = np.unravel_index(found.map.argmax(), found.map.shape)
      shift = _finer(found.map, (int(y), int(x)))
      if payload := self._read(found, shift, score >= SURE_SEARCHED):
        return Finding(payload, score, 'payload', place)
    return _without(best, place)

  def _best_near(
    self, tapered: np.ndarray, rows: float, columns: float
  ) -> tuple['_Correlation', float]:
    """The best correlation at shares of the frame about a candidate."""
    tried = (
      _correlated(
        _placed(
          tapered,
          (round(SIDE * (rows + dy)), round(SIDE * (columns + dx))),
        ),
        self._pattern.known,
      )
      for dy in _STEPS
      for dx in _STEPS
    )
    scored = ((found, float(found.map.max())) for found in tried)
    return max(scored, key=lambda pair: pair[1])

  def _coarse_score(self, low: np.ndarray, columns: float) -> float:
    """Score of a plane [64, 256] whose rows are in place."""
    matrix = canvases.resizing(_COARSE, SIDE, round(_COARSE * columns))
    spectrum = fft.rfft2(canvases.product(low, matrix.T))
    matched = patterns.matched(spectrum) * self._coarse
    values = fft.irfft2(matched, s=(_COARSE, _COARSE))
    return float((values.max() - values.mean()) / (values.std() + _FLAT))

  def _read(
    self, found: '_Correlation', shift: tuple[float, float], sure: bool
  ) -> payloads.Payload | None:
    """The payload at a place; sure of a mark, it is looked for harder."""
    soft = self._pattern.soft(found.spectrum, shift)
    known, paths = (payloads.VERSION_PREFIX, _PATHS) if sure else ((), 1)
    word, right = codes.decode(soft, payloads.WORD_BITS, known, paths)
    payload = payloads.Payload.from_word(word)
    if right and payload.version == payloads.VERSION:
      return payload
    return None


class _Correlation(NamedTuple):
  """A residual's spectrum and its correlation with a known pattern."""

  spectrum: np.ndarray  # [256, 129], see `patterns.matched`
  map: np.ndarray  # [256, 256] standard deviations


def _correlated(plane: np.ndarray, known: np.ndarray) -> _Correlation:
  spectrum = patterns.matched(fft.rfft2(plane))
  values = fft.irfft2(spectrum * np.conj(known), s=(SIDE, SIDE))
  return _Correlation(
    spectrum, (values - values.mean()) / (values.std() + _FLAT)
  )


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


def _placed(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """A plane of the canvas, shrunk to rows and columns of it."""
  rows = canvases.resizing(SIDE, SIDE, size[0])
  columns = canvases.resizing(SIDE, SIDE, size[1])
  return canvases.product(canvases.product(rows, plane), columns.T)


def _turned(plane: np.ndarray, degrees: float, aspect: float) -> np.ndarray:
  """A plane of the canvas, turned about its middle as the frame was."""
  cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
  matrix = np.array([[cos, sin * aspect], [-sin / aspect, cos]])
  middle = np.full(2, (SIDE - 1) / 2)
  return ndimage.affine_transform(
    plane, matrix, middle - matrix @ middle, order=1
  )


def _finer(values: np.ndarray, peak: tuple[int, int]) -> tuple[float, float]:
  """A maximum to parts of a pixel, by a parabola; from -128 to 128."""
  result = []
  for axis in (0, 1):
    line = np.roll(values, -peak[axis] + 1, axis)
    low, top, high = line.take([0, 1, 2], axis).take(peak[1 - axis], 1 - axis)
    bend = low - 2 * top + high
    place = peak[axis] + (0.5 * (low - high) / bend if bend else 0.0)
    result.append(float(place - SIDE if place > SIDE / 2 else place))
  return result[0], result[1]
