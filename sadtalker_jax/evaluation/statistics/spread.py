"""Fréchet distances of all clips, and the influence of each clip.

FID of 2,048 features takes seconds to minutes, so its resamples are not drawn
by computing it anew: the distance d is differentiated by the weight of every
clip, once, and a resample of weights w has d + sum (w - 1) g (the infinitesimal
jackknife: Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982,
chapter 6). With d = |m1 - m2|^2 + Tr(C1 + C2) - 2 Tr((C1 C2)^(1/2)), C = R R^T
and R1^T R2 = U S V^T, the derivative by C2 is 1 - B B^T with B = R1 U S^(-1/2)
(zero singular values left out), and that by C1 has R2 V in its place.

Features [T, D] of each clip lie in files; one clip at a time is in memory.
"""

from collections.abc import Sequence
import os

import numpy as np
from scipy import linalg

from sadtalker_jax.evaluation.statistics import bootstrap
from sadtalker_jax.metrics import frechet

Files = Sequence[str | os.PathLike[str]]  # .npy, float [T, D], one a clip


def estimate(
  real: Files, generated: Files, drawn: np.ndarray
) -> bootstrap.Estimate:
  """The distance of generated features from real ones.

  Args:
    real: Features of the real clips.
    generated: Features of the generated clips, in the same order.
    drawn: [R, N] resamples, see `bootstrap.weights`; real and generated of a
      clip are drawn together.
  """
  one, frames = moments(real)
  two, _ = moments(generated)
  value = frechet.distance(one, two)
  slopes = _slopes(real, generated, one, two)
  draws = np.maximum(value + (drawn - 1) @ slopes, 0)
  return bootstrap.Estimate(value, draws, len(real), frames)


def moments(features: Files) -> tuple[frechet.Moments, int]:
  """Moments of all clips, and the number of frames."""
  total: frechet.Moments | None = None
  for path in features:
    here = frechet.of(np.load(path))
    total = here if total is None else frechet.merge(total, here)
  if total is None:
    raise ValueError('expected features of at least one clip, found none')
  return total, int(total.number)


def _slopes(
  real: Files,
  generated: Files,
  one: frechet.Moments,
  two: frechet.Moments,
) -> np.ndarray:
  """Derivatives [N] of the distance by the weights of the clips."""
  roots = [_root(frechet.covariance(m)) for m in (one, two)]
  left, sizes, right = linalg.svd(roots[0].T @ roots[1], full_matrices=False)
  kept = sizes > sizes[0] * len(one.mean) * np.finfo(float).eps
  scale = 1 / np.sqrt(sizes[kept])
  towards_one = roots[1] @ right[kept].T * scale  # of C1
  towards_two = roots[0] @ left[:, kept] * scale  # of C2
  gap = one.mean - two.mean
  slopes = np.zeros(len(real))
  for files, all_, basis, sign in (
    (real, one, towards_one, 1),
    (generated, two, towards_two, -1),
  ):
    covariance = frechet.covariance(all_)
    spread = np.trace(covariance)
    spread -= np.einsum('ik,ij,jk->', basis, covariance, basis, optimize=True)
    for i, path in enumerate(files):
      rows = np.load(path).astype(np.float64) - all_.mean
      here = np.square(rows).sum() - np.square(rows @ basis).sum()
      shift = 2 * sign * (gap @ rows.sum(0))
      slopes[i] += (shift + here - len(rows) * spread) / all_.number
  return slopes


def _root(matrix: np.ndarray) -> np.ndarray:
  """R [D, r] with R R^T the covariance [D, D]."""
  values, vectors = linalg.eigh(matrix)
  kept = values > max(values[-1], 0.0) * len(values) * np.finfo(float).eps
  kept[-1] = True
  return vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0.0))
