"""Identity: similarity of faces by their embeddings (method 9.3).

Embeddings are those of `models.experts.arcface`, [..., 512]; they need not be
normalised.
"""

import numpy as np

from sadtalker_jax.typing import Array


def similarities(source: Array, frames: Array) -> np.ndarray:
  """Cosine of the angle between embeddings.

  Args:
    source: [D] embedding of the source picture, or [T, D] frame by frame.
    frames: [T, D] embeddings of a clip's frames, T at least 1.

  Returns:
    [T] float64 in [-1, 1].

  Raises:
    ValueError: shapes do not fit, there are no frames, or an embedding is zero.
  """
  source = np.asarray(source, np.float64)
  frames = np.asarray(frames, np.float64)
  fits = frames.ndim == 2 and source.shape in (frames.shape, frames.shape[1:])
  if not fits or not frames.size:
    raise ValueError(
      'expected embeddings [D] or [T, D] and [T, D], T > 0, found '
      f'{source.shape} and {frames.shape}'
    )
  lengths = np.linalg.norm(source, axis=-1) * np.linalg.norm(frames, axis=-1)
  if not lengths.all():
    raise ValueError('expected embeddings of a length above 0, found zeros')
  return np.clip((source * frames).sum(-1) / lengths, -1, 1)


def csim(source: Array, frames: Array) -> float:
  """CSIM of a clip: the mean of `similarities`, 1 for the same face.

  Raises:
    ValueError: as `similarities`.
  """
  return float(similarities(source, frames).mean())
