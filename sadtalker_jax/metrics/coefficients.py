"""Distances of coefficients of a face model (see `face3d.coeffs`).

Rows belong to the frames of a clip and come in pairs, real and generated. AED
and APD are named in Ren et al., PIRenderer, ICCV 2021, without a formula; here
they are means of absolute differences, as in the papers OTAvatar and GAGAvatar.
E-FID is of Tian et al., EMO, ECCV 2024. All depend on the face model: numbers
of two models cannot be compared.
"""

import numpy as np

from sadtalker_jax.metrics import frechet
from sadtalker_jax.typing import Array


def expression_distance(real: Array, generated: Array) -> float:
  """AED: mean absolute difference of expression weights [T, 64].

  Raises:
    ValueError: there are no frames, or shapes differ.
  """
  return _mean_gap(real, generated)


def pose_distance(real: Array, generated: Array) -> float:
  """APD: mean absolute difference of poses.

  Args:
    real: [T, 6] angles in radian and translation, as in OTAvatar; or [T, 3]
      angles alone, as in GAGAvatar.
    generated: the same shape.

  Raises:
    ValueError: there are no frames, or shapes differ.
  """
  return _mean_gap(real, generated)


def angle_distance(real: Array, generated: Array) -> float:
  """Mean absolute difference, in degrees, of angles [T, 3] in radian.

  Raises:
    ValueError: there are no frames, or shapes differ.
  """
  return float(np.rad2deg(_mean_gap(real, generated)))


def expression_frechet(real: Array, generated: Array) -> float:
  """E-FID: Fréchet distance of expression weights.

  Args:
    real: [N, 64] expression weights, N at least 2.
    generated: [M, 64] expression weights, M at least 2.

  Raises:
    ValueError: there are too few rows, or sizes differ.
  """
  return frechet.distance(frechet.of(real), frechet.of(generated))


def _mean_gap(real: Array, generated: Array) -> float:
  one = np.asarray(real, np.float64)
  two = np.asarray(generated, np.float64)
  if one.ndim != 2 or one.shape != two.shape or not one.size:
    raise ValueError(
      'expected coefficients [T, D] twice, T > 0, found '
      f'{one.shape} and {two.shape}'
    )
  return float(np.abs(one - two).mean())
