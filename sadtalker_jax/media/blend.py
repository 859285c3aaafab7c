"""Rendered frames pasted back into the picture that they were cut from.

For the modes `full` and `extfull` (method 11.2). Pictures and frames
are uint8 RGB, [H, W, 3]; a box is (x0, y0, x1, y1) in whole pixels, x1 and y1
one past the last pixel. The frame is stretched to the box, its colours are
matched to those of the picture around the box's border, and a soft mask hides
the rest of the seam.

The published program clones by Poisson's equation with the whole box as mask.
That makes the border agree exactly and spreads every difference there, such as
a lock of hair that moved across it, as a tint over the whole face: videos turn
dark or coloured and flicker (quirk Q34). Here one gain and one offset per
channel are fitted to the border, robustly, so that moved content has no
influence; everything else is left alone.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.typing import Array

_RING_PIXELS = 2048  # largest number of pixels used by the colour match
_RING_WIDTH = 4  # least width in pixels
_PRIOR_STD = 8.0  # grey levels; strength of the prior for a gain of 1
_NOISE = 2.0  # grey levels by which equal content may differ
_GAINS = 0.8, 1.25  # limits; beyond them the content differs, not the colours
_FIT_ROUNDS = 3

Box = tuple[int, int, int, int]


class Paster:
  """Pastes frames of one clip into one box of one picture."""

  def __init__(
    self,
    picture: np.ndarray,
    box: Box,
    *,
    feather: float,
    color_match: bool,
    reference: Array | None = None,
  ):
    """Prepares the mask and the background.

    Args:
      picture: uint8 [H, W, 3] picture to paste into.
      box: (x0, y0, x1, y1), whole pixels inside the picture.
      feather: width in pixels of the soft border inside the box, at most half
        the box's shorter side. Sides on the picture's own border stay hard,
        since there is no seam.
      color_match: whether to fit the colours of frames to the picture's.
      reference: frame [h, w, 3] whose content equals that of the picture;
        colours are then matched once, with it, and all frames get the same
        change. Without it each frame is matched by itself.

    Raises:
      InputError: the box is empty or reaches out of the picture.
      ValueError: the picture has another shape or type, `feather` is negative,
        or the box has fractions of pixels.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
      raise ValueError(
        f'expected a picture uint8 [H, W, 3], found {picture.dtype} '
        f'{picture.shape}'
      )
    if not feather >= 0:
      raise ValueError(f'expected a feather of 0 pixels or more: {feather}')
    self._picture = picture
    self._box = _checked_box(box, picture)
    x0, y0, x1, y1 = self._box
    height, width = picture.shape[:2]
    hard = x0 == 0, y0 == 0, x1 == width, y1 == height
    soft = min(feather, min(x1 - x0, y1 - y0) / 2)
    self._background = jnp.asarray(picture[y0:y1, x0:x1])
    self._mask_x = jnp.asarray(_ramp(x1 - x0, soft, hard[0], hard[2]))
    self._mask_y = jnp.asarray(_ramp(y1 - y0, soft, hard[1], hard[3]))
    self._ring = jnp.asarray(_ring(x1 - x0, y1 - y0, soft, hard))
    self._border = np.asarray(_at(self._background, self._ring), np.float32)
    self._colors: np.ndarray | None = None
    if not color_match:
      self._colors = np.array([[1, 1, 1], [0, 0, 0]], np.float32)
    elif reference is not None:
      self._colors = self._matched(self._stretched(reference))

  def paste(self, frames: Array) -> np.ndarray:
    """Pastes frames into the picture.

    Args:
      frames: uint8 [B, h, w, 3].

    Returns:
      uint8 [B, H, W, 3]; outside the box the unchanged picture.

    Raises:
      ValueError: the frames have another shape or type.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
      raise ValueError(
        f'expected frames uint8 [B, h, w, 3], found {frames.dtype} '
        f'{frames.shape}'
      )
    x0, y0, x1, y1 = self._box
    # Compiled for one frame, so that a smaller last batch compiles nothing new.
    windows = [self._window(frame) for frame in frames]
    out = np.empty((len(windows), *self._picture.shape), np.uint8)
    for index, window in enumerate(windows):
      out[index] = self._picture
      out[index, y0:y1, x0:x1] = np.asarray(window)
    return out

  def _window(self, frame: Array) -> jax.Array:
    """The pasted content of the box, uint8 [H', W', 3]."""
    frame = self._stretched(frame)
    colors = self._matched(frame) if self._colors is None else self._colors
    return _blend(frame, self._background, self._mask_x, self._mask_y, colors)

  def _matched(self, stretched: jax.Array) -> np.ndarray:
    """Gains and offsets [2, 3] that match a stretched frame to the picture."""
    return _fit_colors(np.asarray(_at(stretched, self._ring)), self._border)

  def _stretched(self, frame: Array) -> jax.Array:
    """A frame at the size of the box, float32."""
    x0, y0, x1, y1 = self._box
    rows = _taps(frame.shape[0], y1 - y0)
    columns = _taps(frame.shape[1], x1 - x0)
    return _resize(jnp.asarray(frame), *rows, *columns)


def _checked_box(box: Box, picture: np.ndarray) -> Box:
  (height, width), (x0, y0, x1, y1) = picture.shape[:2], box
  if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
    raise errors.InputError(
      f'box: expected x0,y0,x1,y1 with 0 <= x0 < x1 <= {width} and '
      f'0 <= y0 < y1 <= {height}, found {x0},{y0},{x1},{y1}'
    )
  if any(int(side) != side for side in box):
    raise ValueError(f'expected a box of whole pixels, found {box}')
  return int(x0), int(y0), int(x1), int(y1)


def _ramp(
  length: int, feather: float, hard_start: bool, hard_end: bool
) -> np.ndarray:
  """Weights [length] that rise smoothly from 0 at each soft end."""
  centres = np.arange(length) + 0.5
  weights = np.ones(length)
  for distance, hard in ((centres, hard_start), (length - centres, hard_end)):
    if feather > 0 and not hard:
      t = np.clip(distance / feather, 0, 1)
      weights = np.minimum(weights, t * t * (3 - 2 * t))
  return weights.astype(np.float32)


def _ring(
  width: int, height: int, feather: float, hard: tuple[bool, ...]
) -> np.ndarray:
  """Flat indices [n], int32, of pixels near the soft sides of the box.

  Without a soft side, near all sides.
  """
  hard = (False,) * 4 if all(hard) else hard
  x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
  away = [np.inf if side else 0.0 for side in hard]
  in_x = np.minimum(x + away[0], width - x + away[2])
  in_y = np.minimum(y + away[1], height - y + away[3])
  near = np.minimum(in_x[None, :], in_y[:, None]) < max(feather, _RING_WIDTH)
  indices = np.flatnonzero(near)
  picks = np.linspace(0, len(indices) - 1, min(len(indices), _RING_PIXELS))
  return indices[picks.round().astype(int)].astype(np.int32)


@functools.cache
def _taps(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
  """Indices and weights [target, K] of antialiased bilinear resizing."""
  scale = source / target
  support = max(scale, 1.0)
  centre = (np.arange(target) + 0.5) * scale
  first = np.floor(centre - 0.5 - support).astype(int) + 1
  index = first[:, None] + np.arange(int(np.ceil(2 * support)))
  weight = np.maximum(0, 1 - np.abs(index + 0.5 - centre[:, None]) / support)
  weight *= (index >= 0) & (index < source)
  weight /= weight.sum(axis=1, keepdims=True)
  index = np.clip(index, 0, source - 1)
  return index.astype(np.int32), weight.astype(np.float32)


@jax.jit
def _resize(
  frame: jax.Array,
  row_index: Array,
  row_weight: Array,
  column_index: Array,
  column_weight: Array,
) -> jax.Array:
  """Frame uint8 [h, w, 3] to float32 [H, W, 3]."""
  wide = sum(
    column_weight[None, :, k, None]
    * frame[:, column_index[:, k]].astype(jnp.float32)
    for k in range(column_index.shape[1])
  )  # [h, W, 3]
  # Without the barrier XLA repeats the first pass for each tap of the second.
  wide = jax.lax.optimization_barrier(wide)
  return sum(
    row_weight[:, k, None, None] * wide[row_index[:, k]]
    for k in range(row_index.shape[1])
  )  # [H, W, 3]


@jax.jit
def _at(frame: jax.Array, indices: jax.Array) -> jax.Array:
  """Pixels [n, 3] of a frame at flat indices."""
  return frame.reshape(-1, 3)[indices]


def _fit_colors(x: np.ndarray, y: np.ndarray) -> np.ndarray:
  """Gains and offsets [2, 3], per channel, that take pixels `x` to `y` [n, 3].

  A line per channel by iteratively re-weighted least squares (Geman-McClure
  weights, started at the median difference), with a prior for gain 1. In numpy,
  since XLA's sort takes 15 ms on a CPU where this takes one.
  """
  gain, offset = np.ones(3), np.median(y - x, axis=0)
  for _ in range(_FIT_ROUNDS):
    residual = np.abs(gain * x + offset - y)
    spread = 2 * (1.4826 * np.median(residual, axis=0) + _NOISE)
    weight = 1 / np.square(1 + np.square(residual / spread))
    weight /= weight.sum(axis=0)
    mean_x, mean_y = (weight * x).sum(axis=0), (weight * y).sum(axis=0)
    variance = (weight * np.square(x - mean_x)).sum(axis=0)
    covariance = (weight * (x - mean_x) * (y - mean_y)).sum(axis=0)
    prior = _PRIOR_STD**2
    gain = np.clip((covariance + prior) / (variance + prior), *_GAINS)
    offset = mean_y - gain * mean_x
  return np.stack([gain, offset]).astype(np.float32)


@jax.jit
def _blend(
  frame: jax.Array,
  background: jax.Array,
  mask_x: jax.Array,
  mask_y: jax.Array,
  colors: jax.Array | np.ndarray,
) -> jax.Array:
  """The box with the frame blended in, uint8 [H, W, 3]."""
  frame = jnp.clip(frame * colors[0] + colors[1], 0, 255)
  below = background.astype(jnp.float32)
  mask = mask_y[:, None, None] * mask_x[:, None]  # [H, W, 1]
  return (below + mask * (frame - below) + 0.5).astype(jnp.uint8)
