"""Filters along time (Savitzky-Golay, Gaussian), and reduction of pictures.

Along time: time is axis 0, all other axes are treated alike. A numpy array in
gives a numpy array out, a jax array gives a jax array (the functions can be
jitted: window, order and width are static). Widths are in samples.

Pictures: channels last, jax arrays, differentiable.
"""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

_Track = TypeVar('_Track', np.ndarray, jax.Array)


def _namespace(x: np.ndarray | jax.Array) -> Any:
  return jnp if isinstance(x, jax.Array) else np


def _correlate(x: _Track, taps: np.ndarray) -> _Track:
  """'Valid' correlation of `x` [T, ...] with `taps` [K] along axis 0."""
  length = x.shape[0] - len(taps) + 1
  xp = _namespace(x)
  total = xp.zeros((length, *x.shape[1:]), x.dtype)
  for offset, tap in enumerate(taps.astype(x.dtype)):
    total = total + tap * x[offset : offset + length]
  return total


def savitzky_golay_matrix(window: int, order: int) -> np.ndarray:
  """The matrix that takes the samples of one window to fitted values.

  Args:
    window: number of samples, odd.
    order: degree of the polynomial, less than `window`.

  Returns:
    [window, window] float64; row i makes the least-squares polynomial's value
    at place i of the window's samples. The middle row is the filter.

  Raises:
    ValueError: `window` is even, or `order` is not below it.
  """
  if window % 2 == 0 or window < 1:
    raise ValueError(f'window must be odd and positive, found {window}')
  if not 0 <= order < window:
    raise ValueError(f'order must lie in [0, {window}), found {order}')
  place = np.arange(window) - window // 2
  # Scaled to [-1, 1] to keep the normal equations well conditioned.
  basis = np.vander(place / max(window // 2, 1), order + 1, increasing=True)
  return basis @ np.linalg.pinv(basis)


def savitzky_golay(x: _Track, window: int = 13, order: int = 2) -> _Track:
  """Smooths a track by sliding polynomial fits (method 4.7, item 4).

  The first and last half windows take the polynomial of the first and last
  whole window ('interp' edges). A track shorter than the window is smoothed
  with the largest odd window that fits; where that is not above the order
  (T <= 2 at order 2) the track returns unchanged.

  Args:
    x: [T, ...] floating point; T may be 0.
    window: number of samples, odd.
    order: degree of the polynomial.

  Returns:
    Smoothed track, shape and dtype of `x`.

  Raises:
    ValueError: `window` is even, or `order` is not below it.
  """
  savitzky_golay_matrix(window, order)  # the checks
  length = x.shape[0]
  if length < window:
    window = 2 * ((length - 1) // 2) + 1
  if window <= order:
    return x
  fit = savitzky_golay_matrix(window, order)
  half = window // 2
  xp = _namespace(x)

  def edge(rows: np.ndarray, samples: _Track) -> _Track:
    return xp.tensordot(xp.asarray(rows.astype(x.dtype)), samples, axes=(1, 0))

  return xp.concatenate(
    [
      edge(fit[:half], x[:window]),
      _correlate(x, fit[half]),
      edge(fit[half + 1 :], x[length - window :]),
    ]
  )


def gaussian(x: _Track, sigma: float, *, truncate: float = 4.0) -> _Track:
  """Smooths a track with a Gaussian; beyond the ends its end values continue.

  Args:
    x: [T, ...] floating point; T may be 0.
    sigma: standard deviation in samples; 0 leaves the track as it is.
    truncate: reach of the window in standard deviations.

  Returns:
    Smoothed track, shape and dtype of `x`.

  Raises:
    ValueError: `sigma` is negative.
  """
  if sigma < 0:
    raise ValueError(f'sigma must not be negative, found {sigma}')
  reach = int(truncate * sigma + 0.5)
  if reach == 0 or x.shape[0] == 0:
    return x
  taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
  xp = _namespace(x)
  padding = [(reach, reach)] + [(0, 0)] * (x.ndim - 1)
  return _correlate(xp.pad(x, padding, mode='edge'), taps / taps.sum())


def reduction_taps(factor: int) -> np.ndarray:
  """The Gaussian that blurs pictures before their reduction (method 5.3).

  Args:
    factor: reduction factor, at least 2.

  Returns:
    [K] float32 with sum 1, K odd.
  """
  sigma = (factor - 1) / 2
  reach = round(4 * sigma)
  taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
  return (taps / taps.sum()).astype(np.float32)


def reduce(image: jax.Array, factor: int) -> jax.Array:
  """Pictures at 1 / factor of their size, blurred first, black outside.

  Args:
    image: [B, H, W, C].
    factor: reduction factor; 1 returns the pictures as they are. Every
      `factor`-th pixel of the blurred picture is kept, from the first on.

  Returns:
    [B, H / factor, W / factor, C], sizes rounded up; type of `image`.
  """
  if factor == 1:
    return image
  taps = reduction_taps(factor)

  def matrix(length: int) -> jax.Array:
    padded = np.zeros((-(-length // factor), length + len(taps)), np.float32)
    for row, weights in enumerate(padded):
      weights[row * factor : row * factor + len(taps)] = taps
    reach = len(taps) // 2
    return jnp.asarray(padded[:, reach : reach + length], image.dtype)

  # Two matrix products are quicker than a depthwise convolution, and so are
  # their gradients.
  height, width = image.shape[1:3]
  tall = jnp.einsum('ph,bhwc->bpwc', matrix(height), image, precision='highest')
  return jnp.einsum('qw,bpwc->bpqc', matrix(width), tall, precision='highest')
