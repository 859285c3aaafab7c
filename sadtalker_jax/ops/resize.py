"""Resampling of picture windows on the host, anti-aliased.

Conventions: pictures [H, W, C], windows (x0, y0, x1, y1) in pixels of the
picture (fractions allowed), y down, pixel centres at half-integers. Outside of
the picture its border continues.
"""

import numpy as np
from scipy import sparse


def window(
  picture: np.ndarray,
  box: tuple[float, float, float, float],
  size: tuple[int, int],
) -> np.ndarray:
  """A window of a picture at another size.

  Cubic convolution (Keys, a = -0.5), the kernel stretched where the window
  shrinks, so that nothing aliases; separable.

  Args:
    picture: [H, W, C], any real type.
    box: window, x0 < x1 and y0 < y1; may reach beyond the picture.
    size: (width, height) of the result.

  Returns:
    [height, width, C] float32, in the range of the picture (cubic overshoot
    cut off).
  """
  x0, y0, x1, y1 = box
  if not (x0 < x1 and y0 < y1) or min(size) < 1:
    raise ValueError(f'expected a window and a size, found {box} and {size}')
  height, width = picture.shape[:2]
  rows, first_row = _weights(y0, y1, size[1], height)
  columns, first_column = _weights(x0, x1, size[0], width)
  part = np.asarray(
    picture[
      first_row : first_row + rows.shape[1],
      first_column : first_column + columns.shape[1],
    ],
    np.float32,
  )
  channels = part.shape[2]
  tall = rows @ part.reshape(part.shape[0], -1)  # [h, W' C]
  tall = tall.reshape(size[1], part.shape[1], channels).transpose(1, 0, 2)
  wide = columns @ tall.reshape(part.shape[1], -1)  # [w, h C]
  result = wide.reshape(size[0], size[1], channels).transpose(1, 0, 2)
  return np.clip(result, part.min(), part.max()).astype(np.float32)


def _cubic(x: np.ndarray) -> np.ndarray:
  """Keys' cubic kernel with a = -0.5."""
  x = np.abs(x)
  near = (1.5 * x - 2.5) * x**2 + 1.0
  far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
  return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _weights(
  low: float, high: float, count: int, length: int
) -> tuple[sparse.csr_matrix, int]:
  """Interpolation along one axis.

  Args:
    low: start of the window, pixels of the source.
    high: its end.
    count: samples of the result.
    length: samples of the source.

  Returns:
    Weights [count, used] and the first source sample that they refer to.
  """
  step = (high - low) / count
  stretch = max(step, 1.0)
  centre = low + (np.arange(count) + 0.5) * step - 0.5
  taps = np.arange(int(np.ceil(4.0 * stretch)) + 1)
  index = np.ceil(centre - 2.0 * stretch).astype(np.int64)[:, None] + taps
  value = _cubic((index - centre[:, None]) / stretch)
  value /= value.sum(1, keepdims=True)
  index = np.clip(index, 0, length - 1)
  first = int(index.min())
  rows = np.repeat(np.arange(count), len(taps))
  matrix = sparse.csr_matrix(
    (value.ravel(), (rows, index.ravel() - first)),
    shape=(count, int(index.max()) - first + 1),
    dtype=np.float32,
  )
  return matrix, first
