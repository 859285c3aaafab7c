"""Coefficients of the faces in pictures, by the reconstruction network.

As in the published pipeline (method 6.1, method 6.2, method 6.3, method 1.2):
pictures are aligned by landmarks and fed in as RGB in [0, 1]; rows of
coefficients also contain the crop.

Pictures are uint8 [H, W, 3], RGB; in the published pipeline they are the crop
resized to a square. Landmarks are the 68 points (x, y) of iBUG in pixels of the
picture, y down; the y-up ones for `face3d.alignment` are H - 1 - y, as in the
published program. (That is exact for points whose pixel centres are whole
numbers and half a pixel off for others; released weights were trained with it.)
"""

from collections.abc import Mapping, Sequence
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment, coeffs
from sadtalker_jax.faces import warp
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables


class Reconstructor:
  """The reconstruction network, from pictures and landmarks to coefficients."""

  def __init__(
    self,
    variables: Variables,
    *,
    fields: Mapping[str, Any] | None = None,
    batch_size: int = 8,
  ):
    """Puts the weights on the device.

    Args:
      variables: variables of the zoo's network `recon`.
      fields: fields of its module that differ from the zoo's.
      batch_size: number of pictures that run together; a call with one picture
        runs alone.
    """
    self._variables = jax.device_put(variables)
    self._module = zoo.build('recon', **(fields or {}))
    self._batch_size = batch_size

  def coefficients(
    self,
    pictures: np.ndarray | Sequence[np.ndarray],
    landmarks: np.ndarray,
  ) -> tuple[np.ndarray, list[alignment.TransParams]]:
    """Full coefficient vectors, and the alignments of the pictures.

    Args:
      pictures: B pictures of any sizes, or a single one.
      landmarks: [B, 68, 2], for a single picture also [68, 2]; all -1 where no
        face was found, and then the standard face fills the picture.

    Returns:
      [B, 257] float32 (layout in `face3d.coeffs`), and B alignments.

    Raises:
      ValueError: a picture has another shape or type, or the landmarks differ
        in number or span no face.
    """
    if isinstance(pictures, np.ndarray) and pictures.ndim == 3:
      pictures = [pictures]
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.ndim == 2:
      landmarks = landmarks[None]
    if landmarks.shape != (len(pictures), 68, 2):
      raise ValueError(
        f'expected landmarks [{len(pictures)}, 68, 2], one face per picture, '
        f'found {list(landmarks.shape)}'
      )
    trans = [
      _align(picture, points)
      for picture, points in zip(pictures, landmarks, strict=True)
    ]
    vectors = np.zeros((len(pictures), conventions.FULL_SIZE), np.float32)
    step = 1 if len(pictures) == 1 else self._batch_size
    side = alignment.TARGET_SIZE
    for start in range(0, len(pictures), step):
      part = slice(start, start + step)
      faces = np.zeros((step, side, side, 3), np.uint8)  # padded with black
      count = len(trans[part])
      for i in range(count):
        faces[i] = alignment.crop(pictures[start + i], trans[start + i])
      found = _reconstruct(self._module, self._variables, faces)
      vectors[part] = np.asarray(found)[:count]
    return vectors, trans


def row73(
  vectors: np.ndarray, trans: Sequence[alignment.TransParams]
) -> np.ndarray:
  """Rows of coefficients and crop from results of `Reconstructor.coefficients`.

  Args:
    vectors: [B, 257] coefficients.
    trans: B alignments.

  Returns:
    float32 [B, 73]: expression 64, angles 3, translation 3, crop 3 (scale, tx,
    ty of the alignment).
  """
  crop = np.array([t[2:] for t in trans], np.float32).reshape(-1, 3)
  return np.asarray(coeffs.crop_row(coeffs.split(vectors), crop))


def _align(picture: np.ndarray, landmarks: np.ndarray) -> alignment.TransParams:
  warp.check_picture(picture)
  height, width = picture.shape[:2]
  if landmarks.mean() != -1:  # all -1 means that there is no face
    if not np.ptp(landmarks, axis=0).max() >= 1:  # pixels; also true for NaN
      raise ValueError(
        f'expected landmarks that span a face, found all near {landmarks[0]}'
      )
    x, y = landmarks.T
    landmarks = np.stack([x, height - 1 - y], -1)
  return alignment.align(landmarks, width, height)


@functools.partial(jax.jit, static_argnums=0)
def _reconstruct(
  module: Any, variables: Variables, faces: jax.Array
) -> jax.Array:
  """Vectors [B, 257] of aligned faces uint8 [B, 224, 224, 3]."""
  # Few pictures, on which everything else depends: full precision everywhere.
  with jax.default_matmul_precision('highest'):
    pictures = faces.astype(jnp.float32) / 255
    return jnp.asarray(module.apply(variables, pictures, train=False))
