"""Adding a mark to frames: planned once a clip, then one addition a frame.

The same portrait, size, payload and key give the same plan, and a plan changes
every frame by itself: frames do not depend on the batches they come in.
"""

from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.marking import (
  canvases,
  patterns,
  payloads,
  planning,
)

MIN_SIDE = 48  # pixels; less has no room for the ring of the mark


def least_psnr(size: tuple[int, int]) -> float:
  """Least PSNR of marked frames of a width and height, dB.

  Codecs take more from small frames: 42 dB at 256, 46 at 512 and more.
  """
  doublings = np.log2(np.sqrt(size[0] * size[1]) / 256)
  return float(np.clip(42 + 4 * doublings, 42, 46))


def check_size(size: tuple[int, int]) -> None:
  """Refuses frames without room for a mark.

  Raises:
    InputError: a side is shorter than `MIN_SIDE`.
  """
  if min(size) < MIN_SIDE:
    raise errors.InputError(
      f'mark: expected frames of {MIN_SIDE} pixels a side or more, found '
      f'{size[0]} x {size[1]} (--mark off leaves it out)'
    )


class Marker:
  """Adds one mark to the frames of a clip.

  Attributes:
    payload: What the mark says.
    size: Width and height of the frames.
  """

  def __init__(
    self,
    host: np.ndarray,
    size: tuple[int, int],
    payload: payloads.Payload,
    key: bytes = payloads.PUBLIC_KEY,
  ):
    """Plans the mark.

    Args:
      host: Picture [H, W, 3] uint8 RGB that resembles the frames, of any size.
      size: Width and height of the frames.
      payload: What the mark says.
      key: Key of the mark.

    Raises:
      InputError: frames are too small.
    """
    check_size(size)
    self.payload, self.size, self._key = payload, size, key
    width, height = size
    change = planning.change(
      canvases.colours(host), payload, patterns.of_key(key), least_psnr(size)
    )
    exact = np.stack(
      [canvases.resized(plane, height, width) for plane in change], axis=-1
    )
    whole = np.rint(exact).astype(np.int16)
    # Levels that may be changed without leaving 0 to 255; the sum wraps.
    self._least = np.maximum(-whole, 0).astype(np.uint8)
    self._most = (255 - np.maximum(whole, 0)).astype(np.uint8)
    self._change = whole.astype(np.uint8)

  def replanned(self, host: np.ndarray) -> Self:
    """The same mark for other frames, which look like a picture.

    Args:
      host: Picture [H, W, 3] uint8 RGB, of the size of the frames.
    """
    size = host.shape[1], host.shape[0]
    return type(self)(host, size, self.payload, self._key)

  def mark(self, frames: np.ndarray) -> np.ndarray:
    """Marked frames [..., H, W, 3] uint8 RGB."""
    marked = np.maximum(frames, self._least)
    np.minimum(marked, self._most, out=marked)
    marked += self._change
    return marked

  def stream(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Marked batches [b, H, W, 3]."""
    return (self.mark(batch) for batch in batches)
