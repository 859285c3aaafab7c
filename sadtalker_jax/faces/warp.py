"""Rotated square crops of a picture, and points in them.

A crop is a square of the picture: its centre, side and angle. Pictures are
uint8 [H, W, 3]; points are (x, y) in pixels, y down, the centre of the first
pixel at (0.5, 0.5). An angle is in radians and is the direction, in the
picture, of the crop's x axis (positive: clockwise as seen).
"""

import dataclasses
import math
from typing import Literal

import numpy as np


@dataclasses.dataclass(frozen=True)
class Square:
  """A rotated square of a picture."""

  centre: tuple[float, float]  # x, y in the picture
  side: float  # pixels of the picture
  angle: float = 0.0  # radians

  def to_picture(self, points: np.ndarray, n: int) -> np.ndarray:
    """Points of the n x n crop in pixels of the picture.

    Args:
      points: [..., 2 or 3] x, y (and z) in pixels of the crop.
      n: side of the crop in its own pixels.

    Returns:
      The points in pixels of the picture; z is scaled alike.
    """
    scaled = np.asarray(points, np.float64) * (self.side / n)
    xy = (scaled[..., :2] - self.side / 2) @ self._axes() + self.centre
    return np.concatenate([xy, scaled[..., 2:]], -1)

  def to_crop(self, points: np.ndarray, n: int) -> np.ndarray:
    """Points [..., 2] of the picture in pixels of the n x n crop."""
    offset = np.asarray(points, np.float64) - self.centre
    return (offset @ self._axes().T + self.side / 2) * (n / self.side)

  def _axes(self) -> np.ndarray:
    """The crop's x and y axes in the picture, as rows: [2, 2]."""
    c, s = math.cos(self.angle), math.sin(self.angle)
    return np.array([[c, s], [-s, c]])


def check_picture(picture: np.ndarray) -> None:
  """Checks that the picture is uint8 [H, W, 3] and not empty.

  Raises:
    ValueError: it is not.
  """
  if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
    raise ValueError(
      f'expected a uint8 picture [H, W, 3], found {picture.dtype} '
      f'{list(picture.shape)}'
    )
  if not picture.size:
    raise ValueError(f'expected a picture, found shape {list(picture.shape)}')


def shrink(picture: np.ndarray, factor: int) -> np.ndarray:
  """Means of blocks of factor x factor pixels.

  Args:
    picture: uint8 [H, W, C].
    factor: side of a block, at most 256.

  Returns:
    uint8 [ceil(H / factor), ceil(W / factor), C]; pixel (i, j) covers rows
    from i * factor on; where the picture ends early its edge is repeated.
  """
  height, width, channels = picture.shape
  rows, columns = -(-height // factor), -(-width // factor)
  missing = (rows * factor - height, columns * factor - width)
  if any(missing):
    pads = ((0, missing[0]), (0, missing[1]), (0, 0))
    picture = np.pad(picture, pads, mode='edge')
  # Rows first, in 16 bits: large pictures are read once and never copied.
  tall = np.zeros((rows, columns * factor, channels), np.uint16)
  for i in range(factor):
    tall += picture[i::factor]
  total = np.zeros((rows, columns, channels), np.uint32)
  for j in range(factor):
    total += tall[:, j::factor]
  half = factor**2 // 2
  return ((total + half) // factor**2).astype(np.uint8)


def crop(
  picture: np.ndarray,
  square: Square,
  n: int,
  *,
  border: Literal['edge', 'black'] = 'edge',
) -> np.ndarray:
  """A square of a picture as an n x n picture.

  Bilinear; where the square is larger than n pixels, the picture is first
  averaged over blocks of the nearest whole factor, so that nothing aliases.

  Args:
    picture: uint8 [H, W, 3].
    square: part of the picture; may reach beyond the border.
    n: side of the result in pixels.
    border: values outside of the picture: its edge repeated, or black.

  Returns:
    float32 [n, n, 3] in [0, 255].
  """
  height, width = picture.shape[:2]
  corners = square.to_picture(
    np.array([[0, 0], [n, 0], [0, n], [n, n]], np.float64), n
  )
  factor = max(1, round(square.side / n))
  low = np.floor(corners.min(0)).astype(int) - factor
  high = np.ceil(corners.max(0)).astype(int) + factor
  # At least one pixel remains, so that 'edge' has something to repeat.
  x0, y0 = np.clip(low, 0, (width - 1, height - 1))
  x1, y1 = np.clip(high, (x0 + 1, y0 + 1), (width, height))
  part = picture[y0:y1, x0:x1]
  if factor > 1:
    part = shrink(part, factor)

  axis = np.arange(n) + 0.5
  grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
  points = square.to_picture(grid, n)
  local = ((points - (x0, y0)) / factor - 0.5).astype(np.float32)
  result = _bilinear(part, local)
  if border == 'black':
    inside = np.logical_and(points > 0, points < (width, height))
    result *= inside.all(1, keepdims=True)
  return result.reshape(n, n, 3)


def _bilinear(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Values [N, C] at points [N, 2] (pixel centres at whole numbers)."""
  height, width, channels = picture.shape
  flat = picture.reshape(-1, channels)
  start = np.floor(points)
  weight = points - start
  x0, y0 = start.astype(np.intp).T
  x1 = np.clip(x0 + 1, 0, width - 1)
  y1 = np.clip(y0 + 1, 0, height - 1) * width
  x0 = np.clip(x0, 0, width - 1)
  y0 = np.clip(y0, 0, height - 1) * width
  a, b = weight[:, :1], weight[:, 1:]
  top = flat[y0 + x0] * (1 - a) + flat[y0 + x1] * a
  bottom = flat[y1 + x0] * (1 - a) + flat[y1 + x1] * a
  return top * (1 - b) + bottom * b
