"""Pictures at several scales, cut into overlapping square tiles.

A scale is the length of the picture's longer side: 64, 128, 256 ... pixels. A
tile has 128 x 128 pixels, and neighbours overlap by half, so that a face no
larger than half a tile lies whole in one of them; a larger one is found at a
coarser scale. Pictures are uint8 [H, W, 3]; points are (x, y), y down, the
centre of the first pixel at (0.5, 0.5).
"""

import dataclasses

import numpy as np

from sadtalker_jax.faces import blazeface, warp
from sadtalker_jax.ops import resize

SIDE = blazeface.SIDE
_STRIDE = SIDE // 2
# A picture enlarged by more than this contains nothing new for the detector.
_MOST_ENLARGED = 2.0


@dataclasses.dataclass(frozen=True)
class Tile:
  """One tile and its place in the picture."""

  pixels: np.ndarray  # uint8 [SIDE, SIDE, 3], black outside of the picture
  origin: tuple[float, float]  # first corner in pixels of the scaled picture
  scale: tuple[float, float]  # pixels of the picture per pixel of the tile
  # Left, top, right, bottom: whether the picture continues beyond this side.
  cut: tuple[bool, bool, bool, bool]

  def to_picture(self, points: np.ndarray) -> np.ndarray:
    """Points [..., 2] of the tile in pixels of the whole picture."""
    return (points + np.array(self.origin)) * np.array(self.scale)

  def holds(self, boxes: np.ndarray) -> np.ndarray:
    """Whether boxes [N, 4] (x0, y0, x1, y1 in the tile) are whole: [N] bool."""
    margin = 1.0  # pixels; a box that ends nearer to a cut side is incomplete
    beyond = np.stack(
      [
        boxes[:, 0] < margin,
        boxes[:, 1] < margin,
        boxes[:, 2] > SIDE - margin,
        boxes[:, 3] > SIDE - margin,
      ],
      -1,
    )
    return ~(beyond & np.array(self.cut)).any(-1)


def scaled(picture: np.ndarray, longer: int) -> np.ndarray:
  """The picture resized to a length of its longer side, without aliasing."""
  height, width = picture.shape[:2]
  scale = longer / max(height, width)
  size = (max(1, round(width * scale)), max(1, round(height * scale)))
  # Blocks are averaged first: cheap, and large pictures never become float.
  factor = max(1, int(1 / scale))
  small = warp.shrink(picture, factor) if factor > 1 else picture
  if size == small.shape[1::-1] and size == (width / factor, height / factor):
    return small
  box = (0.0, 0.0, width / factor, height / factor)
  return np.rint(resize.window(small, box, size)).astype(np.uint8)


def useful(picture: np.ndarray, longer: int) -> bool:
  """Whether this scale can contain more than the next coarser one."""
  return longer <= SIDE or longer <= _MOST_ENLARGED * max(picture.shape[:2])


def cut(picture: np.ndarray, longer: int) -> list[Tile]:
  """The tiles of one scale.

  Args:
    picture: uint8 [H, W, 3].
    longer: length of the longer side of the picture at this scale, in pixels.

  Returns:
    Tiles that cover the picture; a picture smaller than a tile is centred.
  """
  small = scaled(picture, longer)
  height, width = small.shape[:2]
  scale = (picture.shape[1] / width, picture.shape[0] / height)
  tiles = []
  for top in _starts(height):
    for left in _starts(width):
      part = small[max(top, 0) : top + SIDE, max(left, 0) : left + SIDE]
      pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
      y, x = max(-top, 0), max(-left, 0)
      pixels[y : y + part.shape[0], x : x + part.shape[1]] = part
      tiles.append(
        Tile(
          pixels=pixels,
          origin=(left, top),
          scale=scale,
          cut=(left > 0, top > 0, left + SIDE < width, top + SIDE < height),
        )
      )
  return tiles


def _starts(length: int) -> list[int]:
  """First pixels of tiles along an axis; negative to centre a short picture."""
  if length <= SIDE:
    return [-((SIDE - length) // 2)]
  starts = list(range(0, length - SIDE, _STRIDE))
  return [*starts, length - SIDE]
