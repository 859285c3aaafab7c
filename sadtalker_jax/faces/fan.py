"""The 98 landmarks of the released system, found by FAN (method 6.7).

With FAN's converted weights the crop equals that of the published program.
Pictures are uint8 [H, W, 3], RGB. Points are (x, y) in pixels of the picture, y
down, the centre of the first pixel at (0.5, 0.5); boxes are (x0, y0, x1, y1).

The published program has mistakes here. The crops of released weights depend on
them, so `original_quirks` is on by default, unlike in `faces.crop`:

* quirk Q20: the network, which expects RGB, is fed BGR.
* If the highest pixel of any map lies in the last row (or in the first, or is
  the first pixel of the second), then for all points the neighbour below (or
  above) is read from the map's last (or first) pixel.
* Left and right neighbours of the ends of a row lie in other rows. (The last
  pixel has none on its right, and the published program fails; here it is its
  own neighbour.)

Without quirks the network is fed RGB, and a peak at an edge of its map is not
shifted across that edge's axis.
"""

from collections.abc import Sequence
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.faces import crop, warp
from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import landmarks
from sadtalker_jax.typing import Array, Variables

_SHIFT = 0.25  # pixels of the map, towards the higher neighbour

# The 68 points of iBUG as means of these pairs of the 98 points of WFLW.
_FIRST = (
  *range(0, 33, 2),  # jaw
  *(33, 34, 35, 36, 37, 42, 43, 44, 45, 46),  # brows, upper edge
  *range(51, 60),  # nose
  *(60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75),  # eyes
  *range(76, 96),  # mouth
)
_SECOND = (
  *_FIRST[:17],
  *(33, 41, 40, 39, 38, 50, 49, 48, 47, 46),  # brows, lower edge
  *_FIRST[27:],
)


def peaks(
  maps: Array, sizes: Array, *, original_quirks: bool = True
) -> jax.Array:
  """Peaks of heat maps, in pixels of the pictures that the maps belong to.

  A quarter of a pixel is added towards the higher neighbour along each axis.

  Args:
    maps: [B, H, W, N].
    sizes: [B, 2] (width, height) of the pictures.
    original_quirks: whether to repeat the mistakes named in the module.

  Returns:
    [B, N, 2] float32; of equal pixels the first is taken. Exact for
    pictures of up to 16384 pixels a side.
  """
  batch, height, width, count = maps.shape
  flat = jnp.moveaxis(jnp.asarray(maps), 3, 1).reshape(batch, count, -1)
  at = jnp.argmax(flat, axis=2)  # [B, N]
  column, row = at % width, at // width
  last = height * width - 1

  def value(index: jax.Array) -> jax.Array:
    near = jnp.clip(index, 0, last)[..., None]
    return jnp.take_along_axis(flat, near, axis=2)[..., 0]

  if original_quirks:
    falls_out = jnp.any(at + width > last, axis=1, keepdims=True)
    rises_out = jnp.any(at - width <= 0, axis=1, keepdims=True)
    # Left of the first pixel the published program reads the last one.
    left = value(jnp.where(at == 0, last, at - 1))
    right = value(at + 1)
    below = value(jnp.where(falls_out, last, at + width))
    above = value(jnp.where(rises_out, 0, at - width))
    inside_x = inside_y = jnp.ones_like(at, bool)
  else:
    left, right = value(at - 1), value(at + 1)
    above, below = value(at - width), value(at + width)
    inside_x = (column > 0) & (column < width - 1)
    inside_y = (row > 0) & (row < height - 1)
  shift = jnp.stack(
    [
      jnp.where(inside_x, jnp.sign(right - left), 0),
      jnp.where(inside_y, jnp.sign(below - above), 0),
    ],
    axis=-1,
  ).astype(jnp.float32)
  place = jnp.stack([column, row], axis=-1).astype(jnp.float32)
  scale = jnp.asarray(sizes).astype(jnp.float32) / jnp.array(
    [width, height], jnp.float32
  )
  return (place + shift * _SHIFT + 0.5) * scale[:, None]


def to_68(points: np.ndarray) -> np.ndarray:
  """The 68 iBUG points from the 98 of WFLW: [..., 98, 2] to [..., 68, 2]."""
  return (points[..., _FIRST, :] + points[..., _SECOND, :]) / 2


class FanLandmarker:
  """Landmarks of faces whose boxes are known."""

  def __init__(
    self,
    variables: Variables,
    *,
    original_quirks: bool = True,
    batch_size: int = 8,
  ):
    """Keeps the weights; the network is compiled at its first use.

    Args:
      variables: variables of the network 'fan'.
      original_quirks: whether to repeat the mistakes named in the module.
      batch_size: number of faces that run together, if there are many.
    """
    self._variables = jax.device_put(variables)
    self._quirks = original_quirks
    self._batch_size = batch_size

  def points98(self, picture: np.ndarray, box: crop.Box) -> np.ndarray:
    """The 98 points of one face.

    Args:
      picture: uint8 [H, W, 3], RGB.
      box: box around the face.

    Returns:
      float32 [98, 2].

    Raises:
      InputError: the box lies outside of the picture.
      ValueError: `picture` has another shape or type.
    """
    return self.many([picture], [box])[0]

  def points68(self, picture: np.ndarray, box: crop.Box) -> np.ndarray:
    """The 68 points of one face, float32 [68, 2]; see `points98`.

    Raises:
      InputError: the box lies outside of the picture.
      ValueError: `picture` has another shape or type.
    """
    return to_68(self.points98(picture, box))

  def many(
    self, pictures: Sequence[np.ndarray], boxes: Sequence[crop.Box]
  ) -> np.ndarray:
    """The 98 points of many faces, one in each picture.

    Boxes are cut to whole pixels and to their picture.

    Args:
      pictures: uint8 [H, W, 3] each, RGB, of any sizes.
      boxes: boxes around the faces.

    Returns:
      float32 [N, 98, 2].

    Raises:
      InputError: a box lies outside of its picture.
      ValueError: a picture has another shape or type, or the numbers differ.
    """
    if len(pictures) != len(boxes):
      raise ValueError(
        f'expected a box per picture, found {len(pictures)} pictures and '
        f'{len(boxes)} boxes'
      )
    points = np.zeros((len(boxes), landmarks.NUM_POINTS, 2), np.float32)
    step = 1 if len(boxes) == 1 else self._batch_size
    for start in range(0, len(boxes), step):
      part = slice(start, start + step)
      parts = [
        _whole(box, picture)
        for box, picture in zip(boxes[part], pictures[part], strict=True)
      ]
      side = landmarks.PICTURE_SIZE
      faces = np.zeros((step, side, side, 3), np.uint8)
      sizes = np.ones((step, 2), np.int32)
      for i, (x0, y0, x1, y1) in enumerate(parts):
        face = pictures[start + i][y0:y1, x0:x1]
        faces[i] = crop.resize_plain(face, (side, side))
        sizes[i] = x1 - x0, y1 - y0
      found = _find(self._variables, faces, sizes, original_quirks=self._quirks)
      corners = np.array([box[:2] for box in parts], np.float32)
      points[part] = np.asarray(found)[: len(parts)] + corners[:, None]
    return points


@functools.partial(jax.jit, static_argnames='original_quirks')
def _find(
  variables: Variables,
  faces: jax.Array,
  sizes: jax.Array,
  *,
  original_quirks: bool,
) -> jax.Array:
  """Points of RGB faces uint8 [B, 256, 256, 3] on pictures of `sizes`."""
  if original_quirks:
    faces = faces[..., ::-1]
  pictures = faces.astype(jnp.float32) / 255
  stacks: Any = zoo.build('fan').apply(variables, pictures, train=False)
  return peaks(stacks[-1][..., :-1], sizes, original_quirks=original_quirks)


def _whole(box: crop.Box, picture: np.ndarray) -> crop.IntBox:
  """The box cut to whole pixels and to the picture."""
  warp.check_picture(picture)
  height, width = picture.shape[:2]
  x0, y0 = (max(int(value), 0) for value in box[:2])
  x1, y1 = min(int(box[2]), width), min(int(box[3]), height)
  if not (x0 < x1 and y0 < y1):
    shown = ', '.join(f'{value:g}' for value in box)
    raise errors.InputError(
      f'box ({shown}) misses the picture of {width}x{height} pixels'
    )
  return x0, y0, x1, y1
