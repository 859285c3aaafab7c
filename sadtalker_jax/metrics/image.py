"""Similarity of pictures: PSNR, SSIM, LPIPS.

Frames are [T, H, W, C], uint8 as decoded, or floats of the same range; the two
clips have one shape. Results have one number per frame, float64 [T].
"""

from collections.abc import Callable
import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.metrics import batches
from sadtalker_jax.typing import Array

_BATCH = 8  # frames at a time: bounds memory, compiles once
_C1, _C2 = 0.01**2, 0.03**2  # in squared peaks


def psnr(first: Array, second: Array, *, peak: float = 255.0) -> np.ndarray:
  """Peak signal-to-noise ratio.

  Args:
    first: [T, H, W, C].
    second: the same shape.
    peak: largest value that a pixel can have.

  Returns:
    [T] float64, decibels; infinite for equal frames.

  Raises:
    ValueError: arrays have other shapes, or their shapes differ.
  """
  _check_pair(first, second)
  error = batches.apply(_squared_error, first, second, size=_BATCH)
  with np.errstate(divide='ignore'):
    return 10 * np.log10(peak**2 / error.astype(np.float64))


def ssim(
  first: Array,
  second: Array,
  *,
  window: Literal['uniform', 'gaussian'] = 'uniform',
  peak: float = 255.0,
) -> np.ndarray:
  """Structural similarity, mean over pixels and channels.

  Wang et al., Image Quality Assessment, TIP 2004, as in scikit-image: only
  windows that lie inside the picture are used.

  Args:
    first: [T, H, W, C].
    second: the same shape.
    window: 'uniform', 7 x 7 pixels of equal weight with unbiased variances
      (scikit-image's default), or 'gaussian', 11 x 11 with a standard deviation
      of 1.5 pixels and biased variances (the paper's).
    peak: largest value that a pixel can have.

  Returns:
    [T] float64, 1 for equal frames.

  Raises:
    ValueError: arrays have other shapes, their shapes differ, they are smaller
      than the window, or `window` is unknown.
  """
  _check_pair(first, second)
  taps = _taps(window)
  if min(first.shape[1:3]) < len(taps):
    raise ValueError(
      f'expected frames of {len(taps)} pixels a side or more, '
      f'found {first.shape}'
    )
  measure = functools.partial(similarity, window=window, peak=float(peak))
  return batches.apply(measure, first, second, size=_BATCH).astype(np.float64)


def lpips(
  distance: Callable[[jax.Array, jax.Array], jax.Array],
  first: Array,
  second: Array,
  *,
  batch: int = 16,
) -> np.ndarray:
  """LPIPS: distance by the features of a network, frame by frame.

  Args:
    distance: function of two batches [B, H, W, 3], float32 RGB in [0, 1], that
      returns [B]; the total of `models.experts.lpips`.
    first: [T, H, W, 3] RGB, uint8.
    second: the same shape.
    batch: batch size B.

  Returns:
    [T] float64, 0 for equal frames.

  Raises:
    ValueError: arrays have other shapes or types, or their shapes differ.
  """
  _check_pair(first, second)
  if first.dtype != np.uint8 or second.dtype != np.uint8:
    raise ValueError(
      f'expected frames of uint8, found {first.dtype} and {second.dtype}'
    )

  def scaled(a: Array, b: Array) -> jax.Array:
    return distance(*(jnp.asarray(x, jnp.float32) / 255 for x in (a, b)))

  answer = batches.apply(scaled, first, second, size=batch)
  return answer.astype(np.float64)


def _check_pair(first: Array, second: Array) -> None:
  if first.ndim != 4 or first.shape != second.shape or not first.size:
    raise ValueError(
      'expected frames [T, H, W, C] twice, T > 0, found '
      f'{first.shape} and {second.shape}'
    )


@jax.jit
def _squared_error(first: jax.Array, second: jax.Array) -> jax.Array:
  """Mean squared difference [B]; rows first, so that float32 sums are short."""
  gap = first.astype(jnp.float32) - second.astype(jnp.float32)
  return jnp.square(gap).mean((2, 3)).mean(1)


def _taps(window: str) -> np.ndarray:
  """Weights of the window along one axis [K]."""
  if window == 'uniform':
    return np.full(7, 1 / 7)
  if window != 'gaussian':
    raise ValueError(f"expected 'uniform' or 'gaussian', found {window!r}")
  taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
  return taps / taps.sum()


@functools.partial(jax.jit, static_argnames=('window', 'peak'))
def similarity(
  first: jax.Array,
  second: jax.Array,
  *,
  window: Literal['uniform', 'gaussian'] = 'uniform',
  peak: float = 255.0,
) -> jax.Array:
  """SSIM [B] of frames [B, H, W, C], for use inside a larger computation.

  Args:
    first: [B, H, W, C].
    second: the same shape.
    window: see `ssim`.
    peak: largest value that a pixel can have.
  """
  taps = [float(tap) for tap in _taps(window)]
  unbiased = 49 / 48 if window == 'uniform' else 1.0
  channels = first.shape[-1]

  def means(x: jax.Array) -> jax.Array:
    """Means of all whole windows of maps [M, H, W * C]: [M, h, w * C]."""
    for axis, step in ((1, 1), (2, channels)):
      length = x.shape[axis] - (len(taps) - 1) * step
      x = functools.reduce(
        jnp.add,
        [
          tap * jax.lax.slice_in_dim(x, i * step, i * step + length, axis=axis)
          for i, tap in enumerate(taps)
        ],
      )
    return x

  def one(pair: tuple[jax.Array, jax.Array]) -> jax.Array:
    # In units of the peak and around 0: differences of squares stay precise.
    a, b = (
      x.astype(jnp.float32).reshape(x.shape[0], -1) / peak - 0.5 for x in pair
    )
    # All maps at once: XLA:CPU is six times slower map by map.
    mean_a, mean_b, square, product = means(
      jnp.stack([a, b, a * a + b * b, a * b])
    )
    square = unbiased * (square - mean_a**2 - mean_b**2)
    product = unbiased * (product - mean_a * mean_b)
    mean_a, mean_b = mean_a + 0.5, mean_b + 0.5
    light = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    structure = (2 * product + _C2) / (square + _C2)
    return (light * structure).mean(1).mean()

  return jax.lax.map(one, (first, second))
