"""Edges of grey pictures, for measures of sharpness.

Host only, float64, pictures [H, W]. `canny` is scikit-image's with its default
arguments, `vertical` the Sobel edges of Octave's `edge`, as in the public code
of CPBD, `widths` the measure of Marziliano et al., A No-Reference Perceptual
Blur Metric, ICIP 2002. All equal those programs pixel by pixel.
"""

import numpy as np
from scipy import ndimage

# Thresholds of Canny's smoothed gradient, in the picture's unit; scikit-image
# compares the lower one in float32.
_LOW, _HIGH = np.float64(np.float32(0.1)), 0.2
_SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 8
_REACH = 100  # limit of the pixels on each side of an edge


def canny(picture: np.ndarray) -> np.ndarray:
  """Canny's edges with sigma 1, [H, W] bool.

  The thresholds are 0.1 and 0.2 for any range of values.
  """
  inside = np.ones(picture.shape)
  share = ndimage.gaussian_filter(inside, 1.0, mode='constant')
  smooth = ndimage.gaussian_filter(picture, 1.0, mode='constant')
  smooth /= share + np.finfo(float).eps
  down = ndimage.sobel(smooth, axis=0)
  right = ndimage.sobel(smooth, axis=1)
  strength = np.sqrt(down * down + right * right)
  thin = _crests(down, right, strength)
  labels, count = ndimage.label(thin, np.ones((3, 3), bool))
  kept = np.zeros(count + 1, bool)
  kept[labels[thin & (strength >= _HIGH)]] = True
  kept[0] = False
  return kept[labels]


def _crests(
  down: np.ndarray, right: np.ndarray, strength: np.ndarray
) -> np.ndarray:
  """Whether the gradient is at least as strong as before and behind, [H, W]."""
  usable = strength >= _LOW
  usable[[0, -1]] = usable[:, [0, -1]] = False
  place = np.flatnonzero(usable)
  width = strength.shape[1]
  flat = strength.reshape(-1)
  y, x, here = down.reshape(-1)[place], right.reshape(-1)[place], flat[place]
  tall, wide = np.abs(y), np.abs(x)
  same = (y > 0) == (x > 0)  # of one sign, zero being negative
  # Of equal ones scikit-image takes the column where signs differ.
  steep = np.where(same, tall > wide, tall >= wide)
  weight = np.where(steep, wide, tall) / np.where(steep, tall, wide)
  sign = np.where(same, width, -width)  # a row on, or back
  straight = np.where(steep, sign, 1)
  slanted = sign + 1

  def highest(direction: int) -> np.ndarray:
    near = flat[place + direction * straight]
    far = flat[place + direction * slanted]
    return far * weight + near * (1.0 - weight) <= here

  result = np.zeros(flat.shape, bool)
  result[place] = highest(1) & highest(-1)
  return result.reshape(strength.shape)


def vertical(picture: np.ndarray) -> np.ndarray:
  """Thinned edges of the horizontal gradient, [H, W] bool."""
  strength = np.square(ndimage.convolve(picture, _SOBEL))
  strength[strength <= 2 * np.sqrt(strength.mean())] = 0
  padded = np.pad(strength, 1)
  middle = padded[1:-1, 1:-1]
  across = (middle > padded[1:-1, :-2]) & (middle > padded[1:-1, 2:])
  along = (middle > padded[:-2, 1:-1]) & (middle > padded[2:, 1:-1])
  return across | along


def widths(picture: np.ndarray, edges: np.ndarray) -> np.ndarray:
  """Widths of edges in pixels, 0 where there is no edge, [H, W] int.

  The width of an edge whose gradient points left or right is the length over
  which the brightness keeps falling or rising on its two sides. Other edges
  have width 0, and so have edges at the border.

  Args:
    picture: [H, W].
    edges: [H, W] bool, whether a pixel is on an edge.
  """
  result = np.zeros(picture.shape, np.int64)
  down, right = np.gradient(picture)
  if not (((right != 0) & (down != 0)) | (right < 0)).any():
    return result  # as in the public code: one direction in the whole picture
  inner = np.zeros(edges.shape, bool)
  inner[1:-1, 1:-1] = edges[1:-1, 1:-1]
  row, column = np.nonzero(inner)
  x, y = right[row, column], down[row, column]
  # The public code has angle 0 where there is no horizontal gradient.
  angle = np.where(x != 0, np.arctan2(y, x) * (180 / np.pi), 0.0)
  octant = np.abs(np.round(angle / 45))
  step = np.diff(picture, axis=1, prepend=picture[:, :1])
  for wanted, goes_on in ((0, step > 0), (4, step < 0)):
    chosen = octant == wanted
    r, c = row[chosen], column[chosen]
    left = _run(goes_on)[r, c - 1]
    beyond = np.pad(_run(goes_on[:, ::-1])[:, ::-1], ((0, 0), (0, 2)))[r, c + 2]
    result[r, c] = np.minimum(left, _REACH) + np.minimum(beyond, _REACH) + 2
  return result


def _run(flags: np.ndarray) -> np.ndarray:
  """Number of set flags in a row, up to and with each place: [H, W] int."""
  places = np.arange(1, flags.shape[1] + 1)
  return places - np.maximum.accumulate(np.where(flags, 0, places), axis=1)
