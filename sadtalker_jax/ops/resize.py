"""Resampling of rectangular parts of pictures on the host, anti-aliased.

Conventions: pictures are [H, W, C], windows (x0, y0, x1, y1) in pixels of the
picture (fractions allowed), y down, pixel centres at half-integers. Beyond the
picture its border pixels are repeated.
"""

import numpy as np
from scipy import sparse


def window(
  picture: np.ndarray,
  box: tuple[float, float, float, float],
  size: tuple[int, int],
) -> np.ndarray:
  """A window of a picture, resized.

  Separable cubic convolution (Keys, a = -0.5); where the window is made smaller
  the kernel is stretched, so that nothing aliases.

  Args:
    picture: [H, W, C], any real type.
    box: window, x0 < x1 and y0 < y1; may reach beyond the picture.
    size: (width, height) of the result.

  Returns:
    [height, width, C] float32, cut to the range of values in the window (cubic
    kernels overshoot).

  Raises:
    ValueError: the window is empty, or a size is below 1.
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
  """Weights of the interpolation along one axis.

  Args:
    low: start of the window, in pixels of the source.
    high: end of the window, in pixels of the source.
    count: number of samples of the result.
    length: number of samples of the source.

  Returns:
    Weights [count, used], and the index of the first source sample used.
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
