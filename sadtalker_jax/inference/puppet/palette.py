"""Colours of the inside of a mouth, from those that the photo shows.

The light's colour is read off skin and the white of the eyes, the flesh's hue
off the lips. What cannot be seen in a photo (lips under a beard, eyes that are
shut, a black-and-white picture) falls back to means.

Conventions: colours are RGB, 0 to 255; picture points are texture points.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.inference.puppet import fitted_head, fitted_portrait

# Landmarks of the 468: middle lines of the lips from outer and inner contour.
_OUTER = (40, 39, 37, 0, 267, 269, 270, 91, 181, 84, 17, 314, 405, 321)
_INNER = (80, 81, 82, 13, 312, 311, 310, 88, 178, 87, 14, 317, 402, 318)
_CHEEKS = (50, 280, 205, 425, 101, 330, 36, 266, 200, 199)
SKIN = (1.22, 0.97, 0.81)  # chroma of skin in white light, mean of channels 1
ENAMEL = (1.04, 1.01, 0.95)
_LUMA = np.array([0.299, 0.587, 0.114])
# Light inside has come back from flesh, and is warm: what is there, of the
# lips' colours, and powers of the light that comes in. So wide mouths are as
# dark beside the skin as those of 23 clips, and as red.
DEEP = np.array([1.0, 0.87, 0.8])
WARM = np.array([0.7, 1.1, 1.25])
BRIGHTEST = 225.0  # of enamel, so that its gloss still shows
GREY = 0.12  # saturation of skin below which colours are muted


class Palette(NamedTuple):
  """Colours [3], lit as the face is."""

  enamel: np.ndarray
  gum: np.ndarray
  tongue: np.ndarray
  cavity: np.ndarray


def build(portrait: fitted_portrait.FittedPortrait) -> Palette:
  """The colours for a portrait."""
  points = portrait.to_frame(portrait.landmarks[:468, :2]) + portrait.margin
  texture = np.asarray(portrait.texture, np.float64)
  skin = np.median(_read(texture, points[list(_CHEEKS)]), 0)
  light = skin @ _LUMA
  lips = _lips(texture, points, skin)
  white = _white_of_eyes(texture, points)
  cast = _cast(skin / SKIN)
  brightness = 1.2 * light
  if white is not None and _saturation(white) < _saturation(skin):
    brightness = np.clip(white @ _LUMA, 1.12 * light, 1.3 * light)
    cast = np.sqrt(cast * _cast(white))
  enamel = cast * ENAMEL
  enamel *= min(brightness, BRIGHTEST) / (enamel @ _LUMA)
  mute = np.clip(_saturation(skin) / GREY, 0.0, 1.0)

  def muted(colour: np.ndarray) -> np.ndarray:
    grey = colour @ _LUMA
    return np.clip(grey + mute * (colour - grey), 0.0, 255.0)

  return Palette(
    muted(enamel),
    muted(0.62 * lips + 0.33 * skin),
    muted(DEEP * lips),
    muted(0.40 * DEEP * lips),
  )


def blur(texture: np.ndarray, points: np.ndarray) -> float:
  """Standard deviation of a photo's own blur near points, pixels, 0.5 to 1.3.

  From the ratio of gradients before and after a known blur, at the strongest
  edges (Zhuo and Sim 2011).

  Args:
    texture: [H, W, 3].
    points: [N, 2] texture points around which it is measured.
  """
  low = np.maximum(np.floor(points.min(0)), 0).astype(int)
  high = np.ceil(points.max(0)).astype(int)
  grey = np.asarray(texture, np.float64) @ _LUMA
  grey = grey[low[1] : high[1], low[0] : high[0]]
  if min(grey.shape) < 8:
    return 0.5
  before = ndimage.gaussian_gradient_magnitude(grey, 0.5)
  after = ndimage.gaussian_gradient_magnitude(grey, np.hypot(0.5, 1.0))
  strong = before >= np.percentile(before, 98)
  ratio = np.median(before[strong] / np.maximum(after[strong], 1e-3))
  total = 1.0 / np.sqrt(max(ratio**2 - 1.0, 0.05))
  return float(np.clip(np.sqrt(max(total**2 - 0.25, 0.0)), 0.5, 1.3))


def _saturation(colour: np.ndarray) -> float:
  return float((colour.max() - colour.min()) / max(colour.max(), 1.0))


def _cast(white: np.ndarray) -> np.ndarray:
  """Colour [3] of the light that makes a white thing look so, of mean 1.

  Lamps and skies run from orange to blue, never to green: red goes up as blue
  goes down. Beyond a limit it is the face that is ruddy, not the light.
  """
  red, green, blue = np.maximum(white, 1.0)
  yellow = np.clip(blue / np.sqrt(red * green), 0.85, 1.2) ** 0.7
  ratio = max(yellow**-0.4, 1.0)
  cast = np.array([ratio, 1.0 / ratio, yellow])
  return cast / cast.mean()


def _read(texture: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Colours [N, 3] at texture points [N, 2], means of 3 x 3 pixels."""
  rows = np.stack([points[:, 1] - 0.5, points[:, 0] - 0.5])
  steps = np.array([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)])
  at = rows[:, :, None] + steps.T[:, None]
  return np.stack(
    [
      ndimage.map_coordinates(
        texture[..., c], at.reshape(2, -1), order=1, mode='nearest'
      )
      .reshape(at.shape[1:])
      .mean(1)
      for c in range(3)
    ],
    1,
  )


def _lips(
  texture: np.ndarray, points: np.ndarray, skin: np.ndarray
) -> np.ndarray:
  """Colour [3] of the lips; that of lit flesh if they are hidden."""
  outer, inner = points[list(_OUTER)], points[list(_INNER)]
  seen = np.concatenate(
    [_read(texture, outer + t * (inner - outer)) for t in (0.4, 0.6)]
  )
  lips = np.median(seen, 0)
  flesh = skin * (0.86, 0.62, 0.62)
  # Lips are redder than the skin around them; hair is not.
  redder = lips[0] / max(lips[1], 1.0) > skin[0] / max(skin[1], 1.0) * 1.02
  bright = lips @ _LUMA > 0.35 * (skin @ _LUMA)
  return lips if redder and bright else flesh


def _white_of_eyes(
  texture: np.ndarray, points: np.ndarray
) -> np.ndarray | None:
  """Colour [3] of the sclera, None where no eye is open enough to show it."""
  whites = []
  for corner, other, upper, lower in fitted_head.EYE_RIMS:
    ends, middle = points[[corner, other]], points[[upper, lower]].mean(0)
    if np.linalg.norm(points[upper] - points[lower]) < 2.5:
      continue
    whites.append(
      _read(texture, np.stack([end + 0.45 * (middle - end) for end in ends]))
    )
  if not whites:
    return None
  colours = np.concatenate(whites)
  return colours[np.argsort(colours @ _LUMA)[len(colours) // 2 :]].mean(0)
