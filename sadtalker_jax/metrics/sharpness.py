"""Sharpness of single pictures, without a picture to compare with.

Host only, float64.
"""

import numpy as np

from sadtalker_jax.metrics import edges

# Constants of CPBD (method 9.2): the side of a block, the least share of edge
# pixels in a block that counts, the just noticeable widths in blocks of low and
# of high contrast, the exponent, the percentage from which blur is noticed.
_BLOCK, _EDGES, _SEEN = 64, 0.002, 64
_LOW_CONTRAST, _JUST_NOTICED, _STEEPNESS = 50, (5.0, 3.0), 3.6


def grey(frames: np.ndarray) -> np.ndarray:
  """Brightness of RGB frames, not rounded to integers.

  Args:
    frames: [..., H, W, 3] uint8.

  Returns:
    [..., H, W] float64 in [0, 255].

  Raises:
    ValueError: `frames` has another shape or type.
  """
  frames = np.asarray(frames)
  if frames.dtype != np.uint8 or frames.ndim < 3 or frames.shape[-1] != 3:
    raise ValueError(
      'expected RGB frames of uint8 [..., H, W, 3], found '
      f'{frames.dtype} {frames.shape}'
    )
  return frames @ np.array([0.299, 0.587, 0.114])


def cpbd(picture: np.ndarray) -> float:
  """CPBD sharpness: the share of edges whose blur is not noticed.

  Narvekar and Karam, A No-Reference Image Blur Metric Based on the Cumulative
  Probability of Blur Detection, TIP 2011, as in the public Python code
  (method 9.2).

  Args:
    picture: [H, W] grey, 0 to 255, at least 64 pixels a side; the rest at the
      right and at the bottom, beyond whole blocks of 64 pixels, is ignored.

  Returns:
    A number in [0, 1]; higher is sharper, 0 where there is no edge.

  Raises:
    ValueError: `picture` has another shape or is too small.
  """
  picture = np.asarray(picture, np.float64)
  if picture.ndim != 2 or min(picture.shape) < _BLOCK:
    raise ValueError(
      f'expected a grey picture [H, W] of {_BLOCK} pixels a side or more, '
      f'found {picture.shape}'
    )
  width = _blocks(edges.widths(picture, edges.vertical(picture)))
  many = _blocks(edges.canny(picture)).sum(-1) > _EDGES * _BLOCK**2  # [N]
  pixels = _blocks(picture)
  contrast = np.trunc(pixels.max(-1) - pixels.min(-1))
  noticed = np.where(contrast <= _LOW_CONTRAST, *_JUST_NOTICED)
  has_width = (width > 0) & many[:, None]
  if not has_width.any():
    return 0.0
  ratio = (width / noticed[:, None])[has_width]
  percent = np.round(100 * (1 - np.exp(-(ratio**_STEEPNESS))))
  return float((percent < _SEEN).mean())


def cpbd_clip(frames: np.ndarray) -> np.ndarray:
  """CPBD sharpness [T], float64, of RGB frames [T, H, W, 3], uint8.

  Raises:
    ValueError: `frames` has another shape or type, or frames are too small.
  """
  if np.ndim(frames) != 4 or not len(frames):
    raise ValueError(
      f'expected frames [T, H, W, 3], T > 0, found {np.shape(frames)}'
    )
  return np.array([cpbd(grey(frame)) for frame in frames])


def _blocks(picture: np.ndarray) -> np.ndarray:
  """Whole blocks [N, 64 * 64] of a picture [H, W]."""
  rows, columns = (side // _BLOCK for side in picture.shape)
  whole = picture[: rows * _BLOCK, : columns * _BLOCK]
  parts = whole.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
  return parts.reshape(rows * columns, _BLOCK**2)
