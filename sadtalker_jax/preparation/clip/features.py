"""Measures of a clip that a record holds besides frames and sound.

Frames are uint8 [T, S, S, 3] as they are stored (a JPEG decoded again), points
[T, 478, 3] as in `faces.landmarks`, in pixels of the frames. Coefficients are
rows of 257 (`face3d.coeffs`), crops are s, tx, ty of `alignment.TransParams`.

By the recon network, frames are aligned one by one, as SadTalker's preparation
does (method 10.3), by landmarks that a median over five frames has
calmed: their noise would enter scale and depth. By the fit the whole clip has
one alignment and one identity; texture and light stay zero.
"""

from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import measures
from sadtalker_jax.face3d.fitting import landmark_fit
from sadtalker_jax.faces import landmarks
from sadtalker_jax.preparation import experts as experts_lib

_CALM = 5  # frames of the median over landmarks
_OPEN = 90.0  # percentile of a clip's openness that counts as open
_CLOSED = 0.25  # share of that openness that closed lids have


class Faces(NamedTuple):
  """Coefficients of a clip."""

  coefficients: np.ndarray  # float32 [T, 257]
  crop: np.ndarray  # float32 [T, 3]
  error: np.ndarray  # float32 [T] of the fit, percent; NaN where unknown


def faces(
  frames: np.ndarray | None,
  points: np.ndarray,
  found: np.ndarray,
  size: int,
  experts: experts_lib.MeasuringNetworks,
) -> Faces:
  """The coefficients of a clip, by the network if there is one.

  Args:
    frames: uint8 [T, S, S, 3] frames; the fit needs none.
    points: [T, 478, 3] landmarks.
    found: [T] whether the face was seen.
    size: S, side of the frames.
    experts: Networks and face model.
  """
  if experts.recon is None:
    return fitted(points, found, size, experts)
  assert frames is not None
  calm = _median(landmarks.to_68(points)[..., :2].astype(np.float64), _CALM)
  rows, crops = [], []
  for start in range(0, len(frames), experts_lib.BATCH):
    part = slice(start, start + experts_lib.BATCH)
    row, trans = experts.recon.coefficients(list(frames[part]), calm[part])
    rows.append(row)
    crops += [t[2:] for t in trans]
  unknown = np.full(len(frames), np.nan, np.float32)
  return Faces(np.concatenate(rows), np.array(crops, np.float32), unknown)


def fitted(
  points: np.ndarray,
  found: np.ndarray,
  size: int,
  experts: experts_lib.MeasuringNetworks,
) -> Faces:
  """The coefficients of a clip from its landmarks alone; see `faces`."""
  fit = landmark_fit.fit_video(
    points, found, (size, size), conventions.FRAME_RATE, experts.model
  )
  rows = np.zeros((len(points), conventions.FULL_SIZE), np.float32)
  rows[:, conventions.IDENTITY] = fit.identity
  rows[:, conventions.EXPRESSION] = fit.expression
  rows[:, conventions.ANGLES] = fit.angles
  rows[:, conventions.TRANSLATION] = fit.translation
  crop = np.tile(np.array(fit.trans[2:], np.float32), (len(points), 1))
  return Faces(rows, crop, fit.error)


def blink(points: np.ndarray) -> np.ndarray:
  """How far the eyes are closed: [T] float32, 0 open to 1 closed.

  The mean of both eyes, measured against how open they mostly are in this clip;
  the same scale as the blink signal of ExpNet (method 2.4).
  """
  openness = measures.eye_openness(points).mean(-1)
  open_ = max(float(np.percentile(openness, _OPEN)), 1e-6)
  closed = _CLOSED * open_
  return ((open_ - openness) / (open_ - closed)).clip(0, 1).astype(np.float32)


def _median(values: np.ndarray, window: int) -> np.ndarray:
  """Medians over time of values [T, ...]; the ends are repeated."""
  half = window // 2
  padded = np.concatenate(
    [np.repeat(values[:1], half, 0), values, np.repeat(values[-1:], half, 0)]
  )
  shifted = [padded[i : i + len(values)] for i in range(window)]
  return np.median(np.stack(shifted), 0)
