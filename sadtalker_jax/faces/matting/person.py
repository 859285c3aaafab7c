"""A person cut out of a picture by the place of the face and by colours.

    matte = person.find(picture, landmarks)
    if matte is not None:
      new = matte.layer[..., :3] + (1 - matte.layer[..., 3:]) * background

Conventions: pictures are RGB, 0 to 255; points are (x, y) in pixels, pixel
centres at half-integers.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.faces.matting import backdrop, hair, regions
from sadtalker_jax.faces.matting import place as place_lib
from sadtalker_jax.ops import resize

_WORK = 44  # pixels of the face's width where regions are looked for
_SOFT_HAIR, _SOFT_SKIN = 0.09, 0.03  # widths of the face on either side
_LEAST_SOFT = 1.5  # pixels
_FLAT = 6.0  # grey levels; less is no border within the soft rim
_OUTSIDE, _INSIDE = 0.08, 0.92  # filtered shares that count as none, as all
_AROUND = 0.08  # widths of the face around a pixel that show its background
_APART = (1.0, 2.0)  # deviations from it: none of a strand, all of it
_LEAST = 0.03  # less of a strand is none
# A matte is good where the picture leaves little doubt.
_LEAST_BACKGROUND = 0.04  # share of the picture
_MOST_DOUBT = 1.1  # mean of doubt above the chin, over that of a face's pixels


class Matte(NamedTuple):
  """A person and what is behind them; layer + (1 - alpha) * background."""

  layer: (
    np.ndarray
  )  # [H, W, 4] float32: colours times alpha, and alpha in [0, 1]
  background: np.ndarray  # [H, W, 3] float32

  @property
  def alpha(self) -> np.ndarray:
    """Shares [H, W] of the person in every pixel."""
    return self.layer[..., 3]


def find(picture: np.ndarray, points: np.ndarray) -> Matte | None:
  """The person with a face in a picture; None if no good border is found.

  Layer and background together give the picture back, to rounding. Colours of
  the layer can be a little below 0, or above alpha: where strands are too fine
  to be in alpha they darken or brighten what is behind.

  Args:
    picture: [H, W, 3].
    points: [478, 2] or [468, 2] landmarks of the face.
  """
  picture = np.asarray(picture, np.float64)
  share = _regions(picture, points)
  place = place_lib.find(points, picture.shape[:2])
  if doubt(share, place) > _MOST_DOUBT:
    return None
  alpha, apart = _trusted(picture, _soft(picture, share, place), place)
  # What cannot be told from the background has no strands to be left out.
  known = ndimage.binary_erosion(alpha == 0.0, iterations=3, border_value=1)
  known |= ndimage.binary_erosion((alpha == 0.0) & ~apart, border_value=1)
  if known.mean() < _LEAST_BACKGROUND:
    return None
  behind = backdrop.fill(picture, known)
  clear = (1.0 - alpha)[..., None]
  layer = np.concatenate([picture - clear * behind, alpha[..., None]], -1)
  return Matte(layer.astype(np.float32), behind.astype(np.float32))


def _regions(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Shares [H, W] of the person, looked for in a smaller picture."""
  height, width = picture.shape[:2]
  face = place_lib.find(points, (1, 1)).width
  scale = min(1.0, _WORK / face)
  small = (max(round(width * scale), 2), max(round(height * scale), 2))
  fine = hair.texture(picture)[..., None]
  both = np.concatenate([picture, fine], -1)
  less = resize.window(both, (0.0, 0.0, width, height), small)
  factor = np.array(small) / (width, height)
  place = place_lib.find(points * factor, small[::-1])
  share = regions.person(less[..., :3], less[..., 3], place)
  rows = (np.arange(height) + 0.5) * factor[1] - 0.5
  columns = (np.arange(width) + 0.5) * factor[0] - 0.5
  at = np.meshgrid(rows, columns, indexing='ij')
  return ndimage.map_coordinates(share, at, order=1, mode='nearest')


def doubt(share: np.ndarray, place: place_lib.Place) -> float:
  """How unsure regions are above the chin, where borders will move.

  Args:
    share: [H, W] shares of the person.
    place: What is known of the pixels.

  Returns:
    Pixels that are neither, beside those of the face.
  """
  unsure = (1.0 - np.abs(2.0 * share - 1.0)) * (place.below < 0.0)
  return float(unsure.sum() / max(place.sure.sum(), 1))


def _soft(
  picture: np.ndarray, share: np.ndarray, place: place_lib.Place
) -> np.ndarray:
  """Alpha [H, W]: as colours say near the border, hard elsewhere.

  A filter guided by the picture (He 2010) carries the border into strands.
  """
  inner = ndimage.binary_fill_holes((share > 0.5) | place.sure)
  label, _ = ndimage.label(inner)
  whose = np.bincount(label[place.sure]).argmax() if place.sure.any() else 1
  inner = label == whose
  away = np.where(
    inner,
    -ndimage.distance_transform_edt(inner),
    ndimage.distance_transform_edt(~inner),
  )
  hair, skin = (
    max(length * place.width, _LEAST_SOFT)
    for length in (_SOFT_HAIR, _SOFT_SKIN)
  )
  rim = np.where(place.below > 0.0, skin, hair)
  rim = ndimage.gaussian_filter(rim, hair)
  filtered = guided(picture, inner.astype(np.float64), max(int(hair), 2), _FLAT)
  alpha = np.clip((filtered - _OUTSIDE) / (_INSIDE - _OUTSIDE), 0.0, 1.0)
  # Towards the ends of the rim it is what its region is.
  ends = np.clip((rim - np.abs(away)) / (0.35 * rim), 0.0, 1.0)
  hard = inner.astype(np.float64)
  alpha = hard + ends * (alpha - hard)
  return np.where(place.sure, 1.0, alpha)


def _trusted(
  picture: np.ndarray, alpha: np.ndarray, place: place_lib.Place
) -> tuple[np.ndarray, np.ndarray]:
  """Alpha [H, W] without what may be background as well, and what may not.

  Before a patterned background the filter takes dark and bright places beside
  the hair for strands. Strands are only what differs from all of the background
  around; before a plain wall that is much.

  Args:
    picture: [H, W, 3].
    alpha: [H, W].
    place: What is known of the pixels.
  """
  reach = _AROUND * place.width
  clear = (alpha == 0.0).astype(np.float64)

  def mean(field: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(field * clear, reach)

  weight = np.maximum(mean(np.ones_like(clear)), 1e-6)
  squares = np.zeros_like(clear)
  for channel in np.moveaxis(picture, -1, 0):
    average = mean(channel) / weight
    spread = np.maximum(mean(channel**2) / weight - average**2, 0.0)
    squares += (channel - average) ** 2 / (spread + _FLAT**2)
  apart = np.sqrt(squares / 3.0)
  trust = np.clip((apart - _APART[0]) / (_APART[1] - _APART[0]), 0.0, 1.0)
  # What is more of the person than not is no matter of strands.
  trust = np.maximum(trust, np.clip(2.0 * alpha, 0.0, 1.0))
  kept = alpha * trust
  return np.where(kept < _LEAST, 0.0, kept), apart > _APART[0]


def guided(
  picture: np.ndarray, mask: np.ndarray, radius: int, flat: float
) -> np.ndarray:
  """A mask [H, W] that follows the colours of a picture (He 2010).

  Args:
    picture: [H, W, 3].
    mask: [H, W].
    radius: Pixels around each within which it is a linear function of colours.
    flat: Standard deviation of colours that counts as none.
  """

  def mean(field: np.ndarray) -> np.ndarray:
    size = (2 * radius + 1, 2 * radius + 1, *[1] * (field.ndim - 2))
    return ndimage.uniform_filter(field, size, mode='nearest')

  average, share = mean(picture), mean(mask)
  products = picture[..., :, None] * picture[..., None, :]
  spread = mean(products) - average[..., :, None] * average[..., None, :]
  spread = spread + flat**2 * np.eye(3)
  together = mean(picture * mask[..., None]) - average * share[..., None]
  slope = np.linalg.solve(spread, together[..., None])[..., 0]
  offset = share - (slope * average).sum(-1)
  return (mean(slope) * picture).sum(-1) + mean(offset)
