"""The soft mask by which a restored face is laid over its picture.

Made of the classes of the aligned face's pixels (`models.experts.parsenet`) as
facexlib makes it: face or not, blurred twice, its rim of ten pixels cut off.
"""

import functools

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models.experts import parsenet

_SIGMA, _REACH = 11, 50  # of the blur, pixels
_RIM = 10  # pixels without weight at every edge


def soft(labels: jax.Array) -> jax.Array:
  """Masks of squares, [B, N, N] float32 in [0, 1].

  Args:
    labels: [B, N, N] classes of pixels, N above 50.
  """
  face = ~jnp.isin(labels, jnp.asarray(parsenet.NO_FACE, labels.dtype))
  blur = jnp.asarray(_blur(labels.shape[-1]))
  mask = jnp.einsum(
    'ij,bjk,lk->bil',
    blur,
    face.astype(jnp.float32),
    blur,
    precision=lax.Precision.HIGHEST,
  )
  inside = np.zeros(labels.shape[-1], np.float32)
  inside[_RIM:-_RIM] = 1
  return mask * inside[:, None] * inside


@functools.cache
def _blur(side: int) -> np.ndarray:
  """The matrix [N, N] of two blurs; edges mirror without being repeated."""
  reach = np.arange(-_REACH, _REACH + 1)
  taps = np.exp(-(reach**2) / (2 * _SIGMA**2))
  place = np.abs(np.arange(side)[:, None] + reach)
  place = np.where(place >= side, 2 * (side - 1) - place, place)
  once = np.zeros((side, side))
  np.add.at(once, (np.arange(side)[:, None], place), taps / taps.sum())
  return (once @ once).astype(np.float32)
