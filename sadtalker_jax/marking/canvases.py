"""Pictures brought onto the canvas of the mark, and what is left of them there.

The canvas is 256 x 256 and covers the whole frame, whatever its size and shape.
Colours are three planes: Y of BT.601 (levels of 0 to 255), and the plane of Cb
and Cr turned by `_TURN`. The mark is in the first of those two, between cyan
and orange: of the directions tried, codecs leave most of it there for the same
PSNR and visibility. Its residual is what neither its surroundings nor the other
two planes explain, which takes most of the picture away and leaves the mark.
Of greyscale only Y is left; there the residual is detail over its strength.
"""

import functools

import numpy as np
from scipy import ndimage

SIDE = 256
_ALONE = 1 << 18  # multiplications
_SPREAD = 4.0  # of the local regression, canvas pixels
_NOISE = 4.0  # variance of the planes that says nothing
_FINE, _GRAIN = 2.0, 0.5  # of Y: spread, and the deviation that says nothing
_TURN = np.deg2rad(-65)
_YCC = np.array(
  [
    [0.299, 0.587, 0.114],
    [-0.168736, -0.331264, 0.5],
    [0.5, -0.418688, -0.081312],
  ]
)
_FROM_RGB = np.stack(
  [
    _YCC[0],
    np.cos(_TURN) * _YCC[1] + np.sin(_TURN) * _YCC[2],
    np.cos(_TURN) * _YCC[2] - np.sin(_TURN) * _YCC[1],
  ]
).astype(np.float32)
_TO_RGB = np.linalg.inv(_FROM_RGB)
MARKED_IN_RGB = _TO_RGB[:, 1].copy()  # one level of the marked plane


@functools.lru_cache(512)
def resizing(out: int, size: int, extent: float | None = None) -> np.ndarray:
  """Matrix [out, size] of a resize with a triangle, wide enough to average.

  Args:
    out: Number of output samples.
    size: Number of input samples.
    extent: Number of output samples that the input covers; None for all.
  """
  scale = size / (extent or out)
  places = (np.arange(out) + 0.5) * scale - 0.5
  distance = np.abs(places[:, None] - np.arange(size)) / max(1.0, scale)
  weights = np.clip(1 - distance, 0, None)
  weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
  # Outside the input there is nothing.
  weights[(places < -0.5) | (places > size - 0.5)] = 0
  return weights.astype(np.float32)


def resized(plane: np.ndarray, height: int, width: int) -> np.ndarray:
  """A plane [h, w] at another size, float32."""
  rows, columns = plane.shape
  if (rows, columns) == (height, width):
    return plane
  return resizing(height, rows) @ plane @ resizing(width, columns).T


def product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
  """Matrix product [n, m] of [n, k] and [k, m], on this thread alone.

  OpenBLAS shares products of more than `_ALONE` multiplications among threads
  that wait for each other in a loop: on a busy machine the thousand small ones
  of a search took a minute instead of a second.
  """
  rows = max(1, _ALONE // (other.shape[0] * other.shape[1]))
  parts = [one[i : i + rows] @ other for i in range(0, len(one), rows)]
  return np.concatenate(parts)


def colours(picture: np.ndarray) -> np.ndarray:
  """Planes [3, 256, 256] float32 of a picture [H, W, 3] uint8 RGB."""
  planes = np.moveaxis(picture, 2, 0).astype(np.float32)
  return from_rgb(np.stack([resized(plane, SIDE, SIDE) for plane in planes]))


def from_rgb(planes: np.ndarray) -> np.ndarray:
  """The three planes [3, H, W] of R, G, B [3, H, W]."""
  return np.tensordot(_FROM_RGB, planes, 1)


def to_rgb(planes: np.ndarray) -> np.ndarray:
  """R, G, B [3, H, W] of the three planes [3, H, W]."""
  return np.tensordot(_TO_RGB, planes, 1)


def residual(planes: np.ndarray, spread: float = _SPREAD) -> np.ndarray:
  """What the others do not explain of the marked plane, evened out.

  Args:
    planes: The three planes [3, H, W].
    spread: Deviation of the window of the local regression, pixels.
  """
  blurred = functools.partial(_blurred, spread=spread)
  y, target, other = planes
  mean_y, mean_t, mean_o = (blurred(plane) for plane in (y, target, other))
  var_y = blurred(y * y) - mean_y**2 + _NOISE
  var_o = blurred(other * other) - mean_o**2 + _NOISE
  both = blurred(y * other) - mean_y * mean_o
  with_y = blurred(y * target) - mean_y * mean_t
  with_o = blurred(other * target) - mean_o * mean_t
  # The matrix is positive definite by Cauchy-Schwarz and the noise.
  determinant = np.maximum(var_y * var_o - both**2, 1)
  slope_y = (with_y * var_o - with_o * both) / determinant
  slope_o = (with_o * var_y - with_y * both) / determinant
  rest = target - mean_t - slope_y * (y - mean_y) - slope_o * (other - mean_o)
  deviation = np.sqrt(np.maximum(blurred(rest * rest), 0)) + 0.3
  return np.clip(rest / deviation, -2, 2)


def grey_residual(planes: np.ndarray) -> np.ndarray:
  """Detail of Y of the three planes [3, H, W], evened out.

  Where a picture is smooth little strength is enough to stand out, so that a
  mark that is the same everywhere is seen by its flat parts.
  """
  detail = planes[0] - _blurred(planes[0], _FINE)
  deviation = np.sqrt(_blurred(detail * detail, _FINE)) + _GRAIN
  return np.clip(detail / deviation, -2, 2)


@functools.cache
def taper() -> np.ndarray:
  """Window [256, 256] that falls to 0 over the last pixels of each side."""
  rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, 8) / 8)
  line = np.ones(SIDE, np.float32)
  line[:7], line[-7:] = rise, rise[::-1]
  return np.outer(line, line)


def _blurred(plane: np.ndarray, spread: float) -> np.ndarray:
  return ndimage.gaussian_filter(plane, spread, mode='nearest', truncate=3)
