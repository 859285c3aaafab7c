"""Residuals on the canvas of the mark, and their correlation with a pattern."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np
from scipy import fft, ndimage

from sadtalker_jax.marking import canvases, patterns

SIDE = canvases.SIDE
FLAT = 1e-9  # beside the deviation of a correlation: 0 in flat pictures
_SLACK = 3  # pixels of the canvas by which a mark may be off
_GREYNESS = 1.5  # levels of colour, root mean square, that greyscale may have


class Residuals(NamedTuple):
  """Mean residuals on the canvas, and what frames they are of."""

  plane: np.ndarray  # [256, 256] of the marked plane
  grey: np.ndarray  # [256, 256] of luma
  aspect: float  # width by height of the frames
  is_grey: bool  # whether frames have no colours

  def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> Self:
    """Residuals whose planes went through a function."""
    return self._replace(plane=change(self.plane), grey=change(self.grey))

  def turned(self, degrees: float) -> Self:
    """Residuals of frames that were turned about their middle."""
    return self.changed(lambda plane: _turned(plane, degrees, self.aspect))


def residuals(frames: Sequence[np.ndarray]) -> Residuals:
  """The mean residuals of frames [H, W, 3] uint8 RGB; at least one."""
  planes = [canvases.colours(frame) for frame in frames]
  height, width = frames[0].shape[:2]
  return Residuals(
    np.mean([canvases.residual(p) for p in planes], axis=0),
    np.mean([canvases.grey_residual(p) for p in planes], axis=0),
    width / height,
    bool(np.mean([p[1:] ** 2 for p in planes]) < _GREYNESS**2),
  )


def mean(parts: Sequence[Residuals]) -> Residuals:
  """The mean of residuals of parts of a clip."""
  planes, greys, aspects, are_grey = zip(*parts, strict=True)
  return Residuals(
    np.mean(planes, axis=0), np.mean(greys, axis=0), aspects[0], all(are_grey)
  )


class Correlation(NamedTuple):
  """A residual's spectrum and its correlation with a known pattern."""

  spectrum: np.ndarray  # [256, 129], see `patterns.matched`
  map: np.ndarray  # [256, 256] standard deviations

  @classmethod
  def of(cls, plane: np.ndarray, known: np.ndarray) -> Self:
    """That of a tapered residual [256, 256] and the spectrum of a pattern."""
    spectrum = patterns.matched(fft.rfft2(plane))
    values = fft.irfft2(spectrum * np.conj(known), s=(SIDE, SIDE))
    return cls(spectrum, (values - values.mean()) / (values.std() + FLAT))

  @property
  def most(self) -> float:
    """Score at the likeliest place."""
    return float(self.map.max())

  @property
  def shift(self) -> tuple[float, float]:
    """The likeliest place, pixels of the canvas."""
    y, x = np.unravel_index(self.map.argmax(), self.map.shape)
    return _finer(self.map, (int(y), int(x)))

  def in_place(self) -> tuple[float, tuple[float, float]]:
    """Score and place of the mark of a whole frame."""
    values = near(self.map, patterns.REACH + _SLACK)
    peak = largest(values)
    y, x = (n % SIDE for n in peak)
    return float(values.max()), _finer(self.map, (y, x))


def near(values: np.ndarray, reach: int) -> np.ndarray:
  """Values [2 r + 1, 2 r + 1] of a map at places from -r to r."""
  rolled = np.roll(values, (reach, reach), (0, 1))
  return rolled[: 2 * reach + 1, : 2 * reach + 1].copy()


def largest(values: np.ndarray) -> tuple[int, int]:
  """The place, from -r to r, of the largest of values [2 r + 1, 2 r + 1]."""
  y, x = np.unravel_index(values.argmax(), values.shape)
  return int(y) - len(values) // 2, int(x) - len(values) // 2


def placed(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
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
