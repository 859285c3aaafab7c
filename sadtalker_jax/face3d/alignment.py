"""Alignment of a picture to the frame of the reconstruction, by five points.

Conventions: landmarks are the 68 points of iBUG in pixels with **y up**,
measured from the lower edge of the picture: y_up = H - y for points whose pixel
centres are half-integers, H - 1 - y for points whose pixel centres are integers
(the published pipeline). Pictures are [H, W, 3] uint8 RGB. Everything but
`five_points` runs on the host in float64. Source: method 6.3.
"""

from typing import NamedTuple, TypeVar

import jax
import numpy as np
from PIL import Image

_Points = TypeVar('_Points', np.ndarray, jax.Array)

TARGET_SIZE = 224  # side of the aligned picture
RESCALE_FACTOR = 102.0  # pixels per decimetre in the aligned picture
_MOST_PIXELS = 1 << 24  # largest resized picture that is computed as a whole

# Each of the five points is the mean of two of the 68: left eye, right eye
# (left and right in the picture), nose tip, mouth corners.
_FIVE = np.array([[36, 39], [42, 45], [30, 30], [48, 48], [54, 54]])
# The five points of the standard face, in decimetre.
STANDARD_POINTS = np.array(
  [
    [-0.31148657, 0.29036078, 0.13377953],
    [0.30979887, 0.28972036, 0.13179526],
    [0.00325350, -0.04617932, 0.55244243],
    [-0.25216928, -0.38133916, 0.22405732],
    [0.24846620, -0.38128236, 0.22235769],
  ]
)
STANDARD_POINTS.setflags(write=False)


class TransParams(NamedTuple):
  """Alignment of a picture: W0, H0, s, tx, ty of method 6.3."""

  width: float  # width of the picture in pixels
  height: float  # height of the picture in pixels
  scale: float  # aligned pixels per picture pixel
  tx: float  # place of the model's origin in pixels of the picture
  ty: float  # the same, y up


def five_points(landmarks: _Points) -> _Points:
  """Eye centres, nose tip and mouth corners of the 68 points.

  Args:
    landmarks: [..., 68, D]; a jax array gives a jax array.

  Returns:
    [..., 5, D] in the order of `STANDARD_POINTS`.

  Raises:
    ValueError: there are not 68 landmarks.
  """
  if landmarks.shape[-2] != 68:
    raise ValueError(f'expected 68 landmarks, found shape {landmarks.shape}')
  return landmarks[..., _FIVE, :].mean(-2)


def centring_offset(landmarks: np.ndarray) -> np.ndarray:
  """Shift [3] that moves a face model to the place of the standard face.

  Args:
    landmarks: [68, 3] of the mean face, decimetre, in the model's own frame.

  Returns:
    Mean of `STANDARD_POINTS` minus the mean of the model's five points.
  """
  own = five_points(np.asarray(landmarks, np.float64))
  return STANDARD_POINTS.mean(0) - own.mean(0)


def solve(points: np.ndarray) -> tuple[float, float, float]:
  """Scaled orthographic pose of five image points.

  Args:
    points: [5, 2] pixels, y up.

  Returns:
    Scale in pixels per decimetre, and (tx, ty) in pixels.
  """
  system = np.concatenate([STANDARD_POINTS, np.ones((5, 1))], 1)
  rows, *_ = np.linalg.lstsq(system, np.asarray(points, np.float64), rcond=None)
  scale = np.linalg.norm(rows[:3], axis=0).mean()
  return float(scale), float(rows[3, 0]), float(rows[3, 1])


def align(landmarks: np.ndarray, width: int, height: int) -> TransParams:
  """Alignment of a picture by its landmarks.

  Args:
    landmarks: [68, 2] or [5, 2] pixels, y up; all -1 where no face was found,
      and then the standard face fills the picture.
    width: width of the picture in pixels.
    height: height of the picture in pixels.

  Returns:
    The alignment, in Python floats.

  Raises:
    ValueError: the landmarks span no area.
  """
  landmarks = np.asarray(landmarks, np.float64)
  if landmarks.mean() == -1:
    size = np.array([width, height], np.float64)
    points = (STANDARD_POINTS[:, :2] + 1) / 2 * size
  else:
    points = landmarks if len(landmarks) == 5 else five_points(landmarks)
  scale, tx, ty = solve(points)
  if not scale > 0:
    raise ValueError(f'expected landmarks that span a face, found {points}')
  return TransParams(
    float(width), float(height), RESCALE_FACTOR / scale, tx, ty
  )


def crop_origin(
  trans: TransParams, size: int = TARGET_SIZE
) -> tuple[tuple[int, int], tuple[int, int]]:
  """Integer geometry of the published resize-then-crop.

  Args:
    trans: alignment of the picture.
    size: side of the crop in pixels.

  Returns:
    (w, h), the size of the resized picture, and (left, top), the corner of the
    crop in it, y down.
  """
  w = int(trans.width * trans.scale)
  h = int(trans.height * trans.scale)
  left = int(w / 2 - size / 2 + (trans.tx - trans.width / 2) * trans.scale)
  top = int(h / 2 - size / 2 + (trans.height / 2 - trans.ty) * trans.scale)
  return (w, h), (left, top)


def crop(
  image: np.ndarray, trans: TransParams, size: int = TARGET_SIZE
) -> np.ndarray:
  """The aligned picture: resized by Pillow's bicubic filter, then cropped.

  Where the resized picture would have more than 2^24 pixels (a small face in a
  huge picture), only the part inside the crop is computed. Pillow keeps the
  borders of that part in single precision, which changes one pixel in 70 by one
  or two grey levels.

  Args:
    image: [H, W, 3] uint8.
    trans: alignment of this picture.
    size: side of the crop.

  Returns:
    [size, size, 3] uint8, black outside the picture.

  Raises:
    ValueError: `trans` belongs to a picture of another size.
  """
  found = (image.shape[1], image.shape[0])
  if found != (trans.width, trans.height):
    raise ValueError(
      f'expected a picture of {trans.width:g} x {trans.height:g} pixels, '
      f'found {found[0]} x {found[1]}'
    )
  (w, h), (left, top) = crop_origin(trans, size)
  out = np.zeros((size, size, 3), np.uint8)
  x0, x1 = max(left, 0), min(left + size, w)
  y0, y1 = max(top, 0), min(top + size, h)
  if x1 <= x0 or y1 <= y0:
    return out
  source, bicubic = Image.fromarray(image), Image.Resampling.BICUBIC
  if w * h <= _MOST_PIXELS:
    part = source.resize((w, h), bicubic).crop((x0, y0, x1, y1))
  else:
    kx, ky = trans.width / w, trans.height / h
    right, bottom = min(x1 * kx, trans.width), min(y1 * ky, trans.height)
    box = (x0 * kx, y0 * ky, right, bottom)
    part = source.resize((x1 - x0, y1 - y0), bicubic, box=box)
  out[y0 - top : y1 - top, x0 - left : x1 - left] = np.asarray(part)
  return out


def map_landmarks(
  landmarks: np.ndarray, trans: TransParams, size: int = TARGET_SIZE
) -> np.ndarray:
  """Landmarks of the picture in the aligned picture, as published.

  Args:
    landmarks: [..., 2] pixels of the picture, y up.
    trans: alignment of the picture.
    size: side of the crop.

  Returns:
    [..., 2] pixels of the crop, y up.
  """
  return (landmarks - _centre(trans)) * trans.scale - _corner(trans, size)


def unmap_landmarks(
  landmarks: np.ndarray, trans: TransParams, size: int = TARGET_SIZE
) -> np.ndarray:
  """Landmarks [..., 2] of the aligned picture in the picture.

  The inverse of `map_landmarks`.
  """
  return (landmarks + _corner(trans, size)) / trans.scale + _centre(trans)


def _centre(trans: TransParams) -> np.ndarray:
  return np.array(
    [trans.tx - trans.width / 2, trans.ty - trans.height / 2], np.float64
  )


def _corner(trans: TransParams, size: int) -> np.ndarray:
  (w, h), _ = crop_origin(trans, size)
  return np.array([w / 2 - size / 2, h / 2 - size / 2], np.float64)
