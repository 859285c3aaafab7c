"""The choice of a face, and of the part of the picture that is rendered.

The crop rule is that of method 6.7 and method 11.2: the geometry of FFHQ, but
never rotated. Points are (x, y) in pixels of the picture, y down; boxes are
(x0, y0, x1, y1), whole pixels, x1 and y1 exclusive; sizes are (width, height).

The published program has mistakes here, which this module does not repeat
unless `original_quirks` asks for the same numbers:

* quirk Q17: the lower limit of the inner box is the picture's width.
* quirk Q18: for a very large face the picture is made smaller, but
  the paste uses the boxes in the larger one.
* quirk Q19: in the ext modes the size of the inner box is reported.
* quirk Q21: landmarks are measured on the picture squeezed to a square. Here
  they are measured on the picture as it is; `to_square` and `from_square`
  convert them.
"""

from collections.abc import Sequence
import dataclasses
from typing import Literal, TypeAlias, get_args

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.faces import detector, warp
from sadtalker_jax.ops import resize

Mode: TypeAlias = Literal['crop', 'extcrop', 'resize', 'full', 'extfull']
Box: TypeAlias = detector.Box  # x0, y0, x1, y1; need not be whole
IntBox: TypeAlias = tuple[int, int, int, int]
Size: TypeAlias = tuple[int, int]  # width, height

MODES: tuple[str, ...] = get_args(Mode)
_QUAD_SIZE = 512  # output size of the published program; decides its shrinking


@dataclasses.dataclass(frozen=True)
class CropInfo:
  """The part of a picture that is fed to the renderer."""

  outer: IntBox | None  # in the picture; None in the mode 'resize'
  inner: IntBox | None  # relative to the outer box
  box: IntBox  # part that is rendered and pasted back, in the picture
  size: Size  # of `box`; of the inner box with original_quirks (quirk Q19)
  # Of the picture that the boxes refer to: the original one, but with
  # original_quirks the shrunk one (quirk Q18).
  picture_size: Size


def pick(
  detections: Sequence[detector.Detection], index: int, picture_size: Size
) -> detector.Detection:
  """The detection with the given index.

  Args:
    detections: faces of a picture, largest first.
    index: place of the face in `detections`, from 0.
    picture_size: (width, height), for messages.

  Raises:
    InputError: there is no face, or none with this index.
  """
  width, height = picture_size
  if not detections:
    raise errors.InputError(
      f'expected a face, found none in the picture of {width}x{height} pixels'
    )
  if not 0 <= index < len(detections):
    count = len(detections)
    raise errors.InputError(
      f'face_index {index} but only {count} face{"s" * (count > 1)} found '
      f'(0 to {count - 1})'
    )
  return detections[index]


def check_box(box: Sequence[float], picture_size: Size) -> Box:
  """The box of a user, (x0, y0, x1, y1), after a check.

  Args:
    box: numbers that the user gave.
    picture_size: (width, height) of the picture.

  Raises:
    InputError: the box has not four numbers, is empty, or reaches out of the
      picture.
  """
  width, height = picture_size
  shown = '(' + ', '.join(f'{value:g}' for value in box) + ')'
  if len(box) != 4:
    raise errors.InputError(f'expected a box of x0, y0, x1, y1, found {shown}')
  x0, y0, x1, y1 = (float(value) for value in box)
  if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
    raise errors.InputError(
      f'box {shown} is not inside the picture of {width}x{height} pixels '
      '(expected 0 <= x0 < x1 <= width, 0 <= y0 < y1 <= height)'
    )
  return x0, y0, x1, y1


def crop_box(
  landmarks_68: np.ndarray,
  picture_size: Size,
  mode: Mode,
  *,
  original_quirks: bool = False,
) -> CropInfo:
  """The crop of a face (method 6.7).

  Args:
    landmarks_68: [68, 2 or more] points in pixels of the picture.
    picture_size: (width, height) of the picture.
    mode: one of `MODES`.
    original_quirks: whether to compute the published program's numbers,
      including its mistakes.

  Returns:
    The boxes, in pixels of the picture.

  Raises:
    InputError: `mode` is unknown, or the face's box lies outside of the
      picture.
  """
  if mode not in MODES:
    raise errors.InputError(
      f'expected preprocess to be one of {", ".join(MODES)}, found {mode!r}'
    )
  if mode == 'resize':
    return CropInfo(
      None, None, (0, 0, *picture_size), picture_size, picture_size
    )
  quad, quad_size = _quad(np.asarray(landmarks_68, np.float64)[:, :2])
  width, height = picture_size
  shrink = int(quad_size / _QUAD_SIZE * 0.5) if original_quirks else 1
  if shrink > 1:
    width, height = round(width / shrink), round(height / shrink)
    quad, quad_size = quad / shrink, quad_size / shrink

  border = max(round(quad_size * 0.1), 3)
  low = np.floor(quad.min(0)).astype(int) - border
  high = np.ceil(quad.max(0)).astype(int) + border
  x0, y0 = (int(value) for value in np.maximum(low, 0))
  x1, y1 = (int(value) for value in np.minimum(high, (width, height)))
  # The published program limits both ends to the picture's width.
  limit = (width, width) if original_quirks else (x1 - x0, y1 - y0)
  lx, ly, rx, ry = _inner(quad - (x0, y0) + 0.5, limit)
  if x1 <= x0 or y1 <= y0 or rx <= lx or ry <= ly:
    raise errors.InputError(
      f'the face at {np.round(quad.mean(0)).astype(int).tolist()} lies outside '
      f'of the picture of {width}x{height} pixels'
    )
  box = (x0, y0, x1, y1)
  if not mode.startswith('ext'):
    box = (x0 + lx, y0 + ly, x0 + rx, y0 + ry)
  size = (box[2] - box[0], box[3] - box[1])
  if original_quirks:
    size = (rx - lx, ry - ly)
  return CropInfo(
    (x0, y0, x1, y1), (lx, ly, rx, ry), box, size, (width, height)
  )


def resize_to(
  picture: np.ndarray,
  box: IntBox,
  size: int,
  *,
  original_quirks: bool = False,
) -> np.ndarray:
  """A part of the picture resized to a square, whatever its aspect ratio.

  Args:
    picture: uint8 [H, W, 3].
    box: part of the picture, whole pixels inside of it.
    size: side of the result in pixels.
    original_quirks: whether to resize bilinearly as the published program,
      which aliases where it shrinks; otherwise cubic and without aliasing.

  Returns:
    uint8 [size, size, 3].

  Raises:
    ValueError: the box is empty or reaches out of the picture.
  """
  x0, y0, x1, y1 = box
  height, width = picture.shape[:2]
  if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
    raise ValueError(f'box {box} is not inside {width}x{height} pixels')
  part = picture[y0:y1, x0:x1]
  if original_quirks:
    return resize_plain(part, (size, size))
  height, width = part.shape[:2]
  # Blocks are averaged first, down to twice the size; the rest is cubic.
  factor = min(height, width) // (2 * size)
  if factor > 1:
    part = warp.shrink(part, factor)
    width, height = width / factor, height / factor
  fitted = resize.window(part, (0.0, 0.0, width, height), (size, size))
  return np.rint(fitted).astype(np.uint8)


def resize_plain(picture: np.ndarray, size: Size) -> np.ndarray:
  """Bilinear resize whose kernel stays as narrow when it shrinks.

  Equal to OpenCV's `resize` of bytes bit by bit: weights have 11 binary
  digits, and sums lose four digits across and sixteen down. Released weights
  were trained on such pictures.

  Args:
    picture: uint8 [H, W, C].
    size: (width, height) of the result.

  Returns:
    uint8 [height, width, C]; edges repeated.
  """

  def lines(source: int, target: int) -> tuple[np.ndarray, ...]:
    at = ((np.arange(target) + 0.5) * (source / target) - 0.5).astype(
      np.float32
    )
    first = np.floor(at)
    near, far = (
      np.rint(2048 * weight).astype(np.int32)
      for weight in (1 - (at - first), at - first)
    )
    before, behind = (
      np.clip(first.astype(int) + i, 0, source - 1) for i in (0, 1)
    )
    return before, behind, near, far

  top, bottom, *down = lines(picture.shape[0], size[1])
  left, right, *across = lines(picture.shape[1], size[0])
  near, far = (weight[:, None] for weight in across)
  wide = picture.astype(np.int32)
  rows = (wide[:, left] * near + wide[:, right] * far) >> 4
  near, far = (weight[:, None, None] for weight in down)
  mixed = ((rows[top] * near) >> 16) + ((rows[bottom] * far) >> 16)
  return ((mixed + 2) >> 2).astype(np.uint8)


def to_square(points: np.ndarray, box: IntBox, size: int) -> np.ndarray:
  """Points [..., 2] of the picture in pixels of the box resized to a square.

  Args:
    points: [..., 2] pixels of the picture.
    box: part of the picture.
    size: side of the square in pixels.
  """
  x0, y0, x1, y1 = box
  return (points - np.array([x0, y0])) * np.array(
    [size / (x1 - x0), size / (y1 - y0)]
  )


def from_square(points: np.ndarray, box: IntBox, size: int) -> np.ndarray:
  """Points [..., 2] of the square in pixels of the picture; see `to_square`."""
  x0, y0, x1, y1 = box
  return points * np.array([(x1 - x0) / size, (y1 - y0) / size]) + np.array(
    [x0, y0]
  )


def _quad(points: np.ndarray) -> tuple[np.ndarray, float]:
  """Corners [4, 2] of FFHQ's rotated square, and its side."""
  left, right = points[36:42].mean(0), points[42:48].mean(0)
  eyes = (left + right) / 2
  across = right - left
  down = (points[48] + points[54]) / 2 - eyes
  x = across + np.array([down[1], -down[0]])
  x *= max(2 * np.hypot(*across), 1.8 * np.hypot(*down)) / np.hypot(*x)
  y = np.array([-x[1], x[0]])
  centre = eyes + 0.1 * down
  corners = [centre - x - y, centre - x + y, centre + x + y, centre + x - y]
  return np.stack(corners), float(2 * np.hypot(*x))


def _inner(quad: np.ndarray, limit: Size) -> IntBox:
  """The upright box between the quad's corners (it does not contain them)."""
  (q0, q1, q2, q3) = quad
  lx = max(min(q0[0], q1[0]), 0.0)
  ly = max(min(q0[1], q3[1]), 0.0)
  rx = min(max(q2[0], q3[0]), limit[0])
  ry = min(max(q1[1], q2[1]), limit[1])
  return int(lx), int(ly), int(rx), int(ry)
