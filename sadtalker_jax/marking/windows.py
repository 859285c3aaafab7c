"""Finding marked pictures inside larger frames: where one may be.

A square picture that was pasted into a frame (a window on a screen, a clip in
a compilation) keeps its mark, but at an unknown place and size. The known
pattern is searched for at every place, for sides apart by a few per cent, on a
canvas on which a picture of that side has 64 pixels: the mark is no finer.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import fft

from sadtalker_jax.marking import canvases, patterns

_LEAST_SIDE = 160  # pixels of a picture that is looked for
_LEAST_SHARE = 1 / 8  # of the shorter side of the frame
_RATIO = 1.04  # between sides that are tried
_COARSE = 64  # side of the canvas
_FINE = 96  # pixels that a picture has at least where residuals are taken
_SPREAD = 2.0  # of the local regression, pixels there
_MOST_FRAMES = 6
_CANDIDATES = 4


class Window(NamedTuple):
  """Where a picture may be, pixels of the frame."""

  score: float  # standard deviations of the correlation
  top: float
  left: float
  side: float

  def cut(self, frame: np.ndarray, scale: float) -> np.ndarray | None:
    """The window of a frame, its side scaled about its middle.

    Returns:
      None where most of it is outside the frame.
    """
    side = self.side * scale
    middle = self.top + self.side / 2, self.left + self.side / 2
    rows, columns = (
      slice(max(0, round(m - side / 2)), max(0, round(m + side / 2)))
      for m in middle
    )
    part = frame[rows, columns]
    whole = min(part.shape[:2]) >= 0.98 * side - 1
    return part if whole else None


def find(
  frames: Sequence[np.ndarray], pattern: patterns.Pattern
) -> Iterator[Window]:
  """Places that look most like marked pictures, the likeliest first.

  Args:
    frames: Frames [H, W, 3] uint8 RGB of one size.
    pattern: Pattern of the key.
  """
  shorter = min(frames[0].shape[:2])
  least = max(_LEAST_SIDE, _LEAST_SHARE * shorter)
  found: list[Window] = []
  while least <= shorter:
    # Residuals of an octave of sides.
    most = min(2 * least, shorter * _RATIO)
    scale = min(1.0, _FINE / least)
    rest = _residual(frames, scale)
    side = least
    while side < most:
      found += _best(rest, side, scale, pattern)
      side *= _RATIO
    least *= 2
  chosen: list[Window] = []
  for window in sorted(found, reverse=True):
    if all(_apart(window, other) for other in chosen):
      chosen.append(window)
    if len(chosen) == _CANDIDATES:
      break
  return iter(chosen)


def _residual(frames: Sequence[np.ndarray], scale: float) -> np.ndarray:
  """The mean residual of frames at another size."""
  step = max(1, len(frames) // _MOST_FRAMES)
  chosen = frames[::step][:_MOST_FRAMES]
  height, width = (round(side * scale) for side in chosen[0].shape[:2])
  total = np.zeros((height, width), np.float32)
  for frame in chosen:
    planes = np.stack(
      [
        canvases.resized(plane, height, width)
        for plane in np.moveaxis(frame, 2, 0).astype(np.float32)
      ]
    )
    total += canvases.residual(canvases.from_rgb(planes), _SPREAD)
  return total / len(chosen)


def _best(
  rest: np.ndarray, side: float, scale: float, pattern: patterns.Pattern
) -> list[Window]:
  """The two likeliest places of pictures of a side."""
  shrink = _COARSE / (side * scale)
  height, width = (max(_COARSE, round(n * shrink)) for n in rest.shape)
  plane = canvases.resized(rest, height, width)
  # Room for no wrapping round; sizes for which transforms are quick.
  shape = tuple(fft.next_fast_len(n + _COARSE // 2, True) for n in plane.shape)
  spectrum = _whitened(fft.rfft2(plane, shape))
  template = fft.rfft2(pattern.coarse(_COARSE), shape)
  values = fft.irfft2(spectrum * np.conj(template), shape)
  values = (values - values.mean()) / (values.std() + 1e-9)
  values = values[: height - _COARSE + 1, : width - _COARSE + 1].copy()
  found = []
  for _ in range(2):
    y, x = np.unravel_index(values.argmax(), values.shape)
    score = float(values[y, x])
    unit = side / _COARSE
    found.append(Window(score, float(y * unit), float(x * unit), side))
    values[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5] = -np.inf
  return found


def _whitened(spectrum: np.ndarray) -> np.ndarray:
  """A spectrum over its mean power at that frequency, by rings."""
  rows = np.fft.fftfreq(len(spectrum))[:, None]
  columns = np.linspace(0, 0.5, spectrum.shape[1])[None]
  rings = (np.hypot(rows, columns) * _COARSE).astype(np.int64)
  power = (spectrum.real**2 + spectrum.imag**2).ravel()
  mean = np.bincount(rings.ravel(), power) / np.bincount(rings.ravel())
  return spectrum / (mean + 1e-9)[rings]


def _apart(one: Window, other: Window) -> bool:
  """Whether two windows are not about the same."""
  unit = other.side / 16
  return (
    abs(one.top - other.top) > unit
    or abs(one.left - other.left) > unit
    or abs(one.side - other.side) > unit
  )
