"""Adding a mark to frames: planned once a clip, then one addition a frame.

The plan looks at the portrait: it takes the code word that the picture itself
contradicts least, and gives more strength to bits that the picture hides and to
places where the eye sees less. It is as strong as the eye allows: PSNR no lower
than `least_psnr`, and a mean colour difference (CIEDE2000) no larger than
`MOST_DIFFERENCE`. A twelfth of that power goes into luma, for greyscale copies.

The same portrait, size, payload and key give the same plan, and a plan changes
every frame by itself: frames do not depend on the batches they come in.
"""

from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
from scipy import fft, ndimage

from sadtalker_jax import errors
from sadtalker_jax.marking import (
  canvases,
  codes,
  correlation,
  patterns,
  payloads,
  visibility,
)

MIN_SIDE = 48  # pixels; less has no room for the ring of the mark
MOST_DIFFERENCE = 1.07  # mean CIEDE2000
_LEVELS = 2.4  # of the marked plane, about what a mark has
_ROUNDS = 3  # of the bits' strengths
_COPY = 0.4  # share of the mark that a lossy copy keeps
_STEP = 3.0  # levels of the marked plane, for the eye's opinion of a place
_REGION = 8.0  # pixels of the canvas over which places are alike
_DETAIL = 0.3  # how much detail counts
_LEAST_SHARE, _MOST_SHARE = 0.4, 2.5
_LEAST_GAIN, _MOST_GAIN = 0.4, 2.0
_GREY = 0.3  # amplitude of the pattern in luma, by that of the rest


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
    planes = canvases.colours(host)
    pattern = patterns.of_key(key)
    share = _share(planes)
    mark = share * _planned(pattern, planes, payload, share)
    change = _scaled(_change(mark, _in_grey(pattern, planes)), planes, size)
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


def _share(planes: np.ndarray) -> np.ndarray:
  """Where a mark is worth most: strengths [256, 256] about 1.

  More where colours may change unseen, less where detail drowns the mark and
  codecs take more of it.
  """
  seen = visibility.difference(
    *(
      visibility.lab(np.moveaxis(np.clip(rgb, 0, 255), 0, -1))
      for rgb in (canvases.to_rgb(planes + _step(s)) for s in (-_STEP, _STEP))
    )
  )
  seen = ndimage.gaussian_filter(seen, _REGION) + 0.01
  detail = planes[0] - ndimage.gaussian_filter(planes[0], _REGION / 2)
  detail = 1 + np.sqrt(ndimage.gaussian_filter(detail**2, _REGION))
  share = (seen.mean() / seen) * (detail.mean() / detail) ** _DETAIL
  return np.clip(share / share.mean(), _LEAST_SHARE, _MOST_SHARE)


def _step(size: float) -> np.ndarray:
  return np.array([0, size, 0], np.float32)[:, None, None]


def _planned(
  pattern: patterns.Pattern,
  planes: np.ndarray,
  payload: payloads.Payload,
  share: np.ndarray,
) -> np.ndarray:
  """The mark [256, 256] of unit power for a picture, before it is shared out.

  Args:
    pattern: Layout of the mark.
    planes: Planes [3, 256, 256] of the picture.
    payload: What the mark says.
    share: Strengths [256, 256] of places.
  """

  def soft(planes: np.ndarray) -> np.ndarray:
    rest = canvases.taper() * canvases.residual(planes)
    return pattern.soft(patterns.matched(fft.rfft2(rest)))

  alone = soft(planes)
  signs = 1.0 - 2.0 * codes.encode(payload.words())  # [256, 210]
  sign = signs[(signs @ alone).argmax()]
  gain = np.ones(patterns.NUM_CODED)
  for _ in range(_ROUNDS):
    copy = planes.copy()
    copy[1] += _COPY * _LEVELS * share * pattern.plane(sign * gain)
    full = soft(copy) * sign
    effect = max(float(np.mean(full - alone * sign) / gain.mean()), 1e-6)
    gain += 0.7 * (np.median(full) - full) / effect
    gain = np.clip(gain, _LEAST_GAIN, _MOST_GAIN)
  return pattern.plane(sign * gain)


def _in_grey(pattern: patterns.Pattern, planes: np.ndarray) -> np.ndarray:
  """The pattern in luma [256, 256] of unit power, where it fits a picture.

  Its place says nothing, so it goes where the picture itself looks most like
  it: about 4 deviations for nothing.
  """
  rest = canvases.taper() * canvases.grey_residual(planes)
  found = correlation.Correlation.of(rest, pattern.grey)
  place = np.unravel_index(found.map.argmax(), found.map.shape)
  plane = np.roll(fft.irfft2(pattern.grey, s=found.map.shape), place, (0, 1))
  return plane / plane.std()


def _change(mark: np.ndarray, grey: np.ndarray) -> np.ndarray:
  """What both parts of a mark do to R, G, B: [3, 256, 256] of any power.

  Args:
    mark: The mark in the marked plane [256, 256].
    grey: The pattern in luma [256, 256] of unit power.
  """
  change = canvases.MARKED_IN_RGB[:, None, None] * mark
  return change + _GREY * np.sqrt(np.mean(change**2)) * grey


def _scaled(
  change: np.ndarray, planes: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
  """A change [3, 256, 256] of R, G, B, made as strong as the eye allows."""
  # Rounding to levels adds a twelfth.
  power = 255**2 * 10 ** (-least_psnr(size) / 10) - 1 / 12
  change = change * np.sqrt(power / np.mean(change**2))
  # Every other pixel of every other row says as much.
  before = canvases.to_rgb(planes[:, ::2, ::2])
  seen = visibility.difference(
    *(
      visibility.lab(np.moveaxis(np.clip(colours, 0, 255), 0, -1))
      for colours in (before, before + change[:, ::2, ::2])
    )
  )
  return change * min(1.0, MOST_DIFFERENCE / max(float(seen.mean()), 1e-6))
