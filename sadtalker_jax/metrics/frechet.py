"""Fréchet distance of features: FID, and the same for other networks.

Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local
Nash Equilibrium, NIPS 2017 (method 9.1): the features [N, D] of each of two
sets are described by a Gaussian, with the unbiased covariance. For FID they are
the 2048 pooled features of `models.experts.inception`. Moments are accumulated
and merged in float64, so that no set is in memory as a whole.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from sadtalker_jax.typing import Array


class Moments(NamedTuple):
  """Moments of N features of D numbers each; N may be 0."""

  number: np.ndarray  # [] float64, N
  mean: np.ndarray  # [D] float64
  scatter: np.ndarray  # [D, D] float64, sum of products of deviations


def empty(size: int) -> Moments:
  """The moments of no features of `size` numbers."""
  return Moments(np.zeros(()), np.zeros(size), np.zeros((size, size)))


def of(features: Array) -> Moments:
  """Moments of features [N, D].

  Raises:
    ValueError: they have another shape, are empty, or are not finite.
  """
  rows = np.asarray(features, np.float64)
  if rows.ndim != 2 or not rows.size:
    raise ValueError(f'expected features [N, D], N > 0, found {rows.shape}')
  if not np.isfinite(rows).all():
    raise ValueError('expected finite features, found NaN or infinity')
  mean = rows.mean(0)
  centred = rows - mean
  return Moments(np.array(float(len(rows))), mean, centred.T @ centred)


def merge(first: Moments, second: Moments) -> Moments:
  """Moments of the features of both (Chan et al., 1979).

  Raises:
    ValueError: their features have different sizes.
  """
  if first.mean.shape != second.mean.shape:
    raise ValueError(
      'expected features of one size, found '
      f'{len(first.mean)} and {len(second.mean)} numbers'
    )
  count = first.number + second.number
  if count == 0:
    return first
  gap = second.mean - first.mean
  mean = first.mean + gap * (second.number / count)
  between = (first.number * second.number / count) * np.outer(gap, gap)
  return Moments(count, mean, first.scatter + second.scatter + between)


def add(moments: Moments, features: Array) -> Moments:
  """Moments with the features [N, D] of one more batch.

  Raises:
    ValueError: as `of` and `merge`.
  """
  return merge(moments, of(features))


def covariance(moments: Moments) -> np.ndarray:
  """Unbiased covariance [D, D].

  Raises:
    ValueError: there are fewer than 2 features.
  """
  if moments.number < 2:
    raise ValueError(
      f'expected at least 2 features, found {int(moments.number)}'
    )
  return moments.scatter / (moments.number - 1)


def distance(first: Moments, second: Moments) -> float:
  """Squared Fréchet distance of the Gaussians with these moments.

  |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)). The trace of the root is the sum
  of the singular values of C1^(1/2) C2^(1/2), which also holds where
  covariances are singular, as with fewer features than numbers (pytorch-fid
  adds 1e-6 to the diagonals when its root fails).

  Args:
    first: moments of at least 2 features.
    second: moments of at least 2 features of the same size.

  Returns:
    The distance, at least 0.

  Raises:
    ValueError: there are too few features, or sizes differ.
  """
  if first.mean.shape != second.mean.shape:
    raise ValueError(
      'expected features of one size, found '
      f'{len(first.mean)} and {len(second.mean)} numbers'
    )
  one, two = covariance(first), covariance(second)
  shift = first.mean - second.mean
  shared = linalg.svdvals(_root(one).T @ _root(two)).sum()
  spread = np.trace(one) + np.trace(two) - 2 * shared
  return max(0.0, float(shift @ shift + spread))


def _root(matrix: np.ndarray) -> np.ndarray:
  """R [D, r] with R R^T = `matrix` [D, D]; r is its rank, at least 1."""
  values, vectors = linalg.eigh(matrix)
  kept = values > max(values[-1], 0.0) * len(values) * np.finfo(float).eps
  kept[-1] = True
  return vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0.0))
