"""The skin of upper lids that comes into view when eyes shut, and the lashes.

An open eye hides its lid: the photo shows a strip of a few pixels, most of it
lashes and shadow, and drawn out over the eye it is a smear. So the lid is made
once, as it looks when it is shut: colours of the lighter skin above the lashes
and of that below the eye, joined to what lies above the crease; light as a
bulging surface has it; texture of the skin below the eye. Lashes are what is
darker at the rim than skin a little above it. `lid_drawing` lets both slide out
from under the crease.

Conventions: points are texture points, (x, y), y down, pixel centres at
half-integers. Lengths are in widths of the eye (corner to corner) unless said
otherwise: a place is s along its width, from the image-left corner, and t
downwards. Eyes are image-left and the other one.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fields, fitted_head, lids, lip_line

COLUMNS, ROWS = 112, 64  # of what is made; a photo's eye has fewer pixels
LASH_ROWS = 24
SIDES = (-0.3, 1.3)  # s of the first and the last column
CREASE = 0.40  # height of the crease above the open rim, in the middle
CORNERS = 0.45  # of it in the corners
ARCH = 0.35  # power of a parabola: how flat it is between them
LASHES = 0.20  # height up to which lashes reach
ABOVE = (0.15, 0.60)  # heights of skin above the rim whose colours are taken
BELOW = (0.15, 0.50)  # the same below the lower rim
LIGHTER = (0.5, 0.8)  # quantiles of these: neither lashes nor gloss
CHEEK = 0.5  # share that skin below the eye has
JOINED = 0.6  # of the lid's height: colours from above the crease end there
INNER = 0.3  # of the eye's width; the same from the corners
# Light on a bulge: angle of its top and of its rim above the horizontal,
# degrees, and that of the light; logarithm per cosine.
BULGE = (50.0, -25.0)
LIGHT = 30.0
SHADE = 0.35
TEXTURE = 0.06  # details of the skin are smaller than that
MOST = 2.0  # standard deviations that a detail may have
DARKEST = 0.3  # light that lashes leave at the least
BLUR = 0.025  # of lashes, as the rim is not found to a pixel
CLOSEST = 0.01  # decimetre; vertices of a rim nearer to each other are one

_LUMA = np.array([0.299, 0.587, 0.114])


class LidSkin(NamedTuple):
  """Both upper lids."""

  rims: np.ndarray  # [2, 2, R] int, vertices of the face; upper, lower rim
  colour: np.ndarray  # [2, ROWS, COLUMNS, 3] shut, from the crease to the rim
  height: np.ndarray  # [2, COLUMNS] of it
  lashes: np.ndarray  # [2, LASH_ROWS, COLUMNS, 3] light that they leave, 0..1


def build(
  model: morphable.MorphableModel,
  ids: np.ndarray,
  points: np.ndarray,
  texture: np.ndarray,
) -> LidSkin:
  """The lids of a portrait.

  Args:
    model: Head model.
    ids: [F] vertex ids of the face.
    points: [F, 2] its vertices as the photo shows them.
    texture: [H, W, 3].
  """
  both = rims(model, ids)
  texture = np.asarray(texture, np.float64)
  made = [_lid(points[rim], texture) for rim in both]
  return LidSkin(both, *(np.stack(part) for part in zip(*made, strict=True)))


def rims(model: morphable.MorphableModel, ids: np.ndarray) -> np.ndarray:
  """Face vertices [2, 2, R] of upper and lower rims of both eyes, by x.

  Both end in the corners; shorter rims repeat their last vertex.

  Args:
    model: Head model.
    ids: [F] vertex ids of the face.
  """
  mean = np.asarray(model.mean, np.float64)
  found = []
  for corners in fitted_head.EYE_RIMS:
    upper, lower = lids.rims(model, corners)
    ends = lower[[mean[lower, 0].argmin(), mean[lower, 0].argmax()]]
    for rim, sign in ((upper, 1.0), (lower, -1.0)):
      found.append(_outline(mean, rim, ends, sign))
  most = max(map(len, found))
  padded = [np.pad(rim, (0, most - len(rim)), mode='edge') for rim in found]
  return np.searchsorted(ids, padded).reshape(2, 2, most).astype(np.int32)


def crease(s: np.ndarray) -> np.ndarray:
  """Heights of the crease above the open rim at places s."""
  arch = np.maximum(4.0 * s * (1.0 - s), 0.0) ** ARCH
  return CREASE * (CORNERS + (1.0 - CORNERS) * arch)


def _outline(
  mean: np.ndarray, rim: np.ndarray, ends: np.ndarray, sign: float
) -> np.ndarray:
  """Vertices of a rim that bound the opening, from corner to corner."""
  kept = [ends[0]]
  for vertex in rim[np.argsort(mean[rim, 0])]:
    if mean[vertex, 0] - mean[kept[-1], 0] > CLOSEST:
      kept.append(vertex)
    elif len(kept) > 1 and sign * (mean[vertex, 1] - mean[kept[-1], 1]) < 0.0:
      kept[-1] = vertex
  while mean[ends[1], 0] - mean[kept[-1], 0] < CLOSEST:
    kept.pop()
  return np.array([*kept, ends[1]])


class _Eye(NamedTuple):
  """An open eye: its axes and its rims, at every column."""

  origin: np.ndarray  # [2] texture point
  along: np.ndarray  # [2] one width
  s: np.ndarray  # [COLUMNS]
  upper: np.ndarray  # [COLUMNS] t
  lower: np.ndarray  # [COLUMNS] t

  def read(self, texture: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Colours [R, COLUMNS, 3] at heights t [R, COLUMNS]."""
    down = np.array([-self.along[1], self.along[0]])
    at = self.s[:, None] * self.along + t[..., None] * down
    return lip_line.sample(texture, self.origin + at)

  def smooth(self, values: np.ndarray, width: float) -> np.ndarray:
    """Values [..., COLUMNS, 3] smoothed along the eye."""
    sigma = width * (len(self.s) - 1) / (self.s[-1] - self.s[0])
    return ndimage.gaussian_filter1d(values, sigma, axis=-2, mode='nearest')


def _eye(points: np.ndarray) -> _Eye:
  """The eye of rims [2, R, 2]."""
  origin = points[0, 0]
  along = points[0, -1] - origin
  axes = np.stack([along, (-along[1], along[0])]) / (along @ along)
  local = (points - origin) @ axes.T
  s = np.linspace(*SIDES, COLUMNS)
  upper, lower = (np.interp(s, rim[:, 0], rim[:, 1]) for rim in local)
  return _Eye(origin, along, s, upper, np.maximum(lower, upper))


def _lid(
  points: np.ndarray, texture: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Colour, height and lashes of a lid, as in `LidSkin`."""
  eye = _eye(points)
  height = eye.lower - eye.upper + crease(eye.s)
  top = eye.upper - crease(eye.s)
  before = _lighter(eye, texture, top, (0.02, -0.15))
  above = _lighter(eye, texture, eye.upper, (-ABOVE[0], -ABOVE[1]))
  below = _lighter(eye, texture, eye.lower, BELOW)
  skin = above + CHEEK * (below - above)
  rows = (np.arange(ROWS) + 0.5)[:, None, None] / ROWS
  side = np.minimum(eye.s, 1.0 - eye.s)[:, None]
  share = fields.smoothstep(0.0, JOINED, rows) * fields.smoothstep(
    0.0, INNER, side
  )
  colour = before + share * (skin - before)
  lit = colour * _light(rows, eye.s[:, None])
  detail = _detail(eye, texture, height)
  return lit + detail, height, _lashes(eye, texture, lit[-1])


def _lighter(
  eye: _Eye, texture: np.ndarray, rim: np.ndarray, reach: tuple[float, float]
) -> np.ndarray:
  """Colours [COLUMNS, 3] of the lighter skin beside a rim [COLUMNS]."""
  seen = eye.read(texture, rim + np.linspace(*reach, 24)[:, None])
  order = np.argsort(seen @ _LUMA, axis=0)
  low, high = (round(q * len(seen)) for q in LIGHTER)
  lighter = np.take_along_axis(seen, order[low:high, :, None], 0).mean(0)
  lighter = ndimage.median_filter(lighter, (COLUMNS // 6, 1), mode='nearest')
  return eye.smooth(lighter, 0.12)


def _light(rows: np.ndarray, s: np.ndarray) -> np.ndarray:
  """Factors of the light on a bulging lid, 1 where it is brightest."""
  top, rim = BULGE
  up = np.radians(top + (rim - top) * rows)
  side = np.clip(2.0 * s - 1.0, -1.0, 1.0) * np.sin(np.radians(50.0))
  cosine = np.cos(up - np.radians(LIGHT)) * np.sqrt(1.0 - side**2)
  return np.exp(SHADE * (cosine - 1.0))


def _detail(eye: _Eye, texture: np.ndarray, height: np.ndarray) -> np.ndarray:
  """Texture [ROWS, COLUMNS, 3] of the skin below the eye."""
  step = height.max() / ROWS
  depth = eye.lower + BELOW[0] + step * np.arange(ROWS)[:, None]
  seen = eye.read(texture, depth)
  across = (SIDES[1] - SIDES[0]) / COLUMNS
  sigma = (TEXTURE / step, TEXTURE / across, 0.0)
  detail = seen - ndimage.gaussian_filter(seen, sigma, mode='nearest')
  usual = 1.48 * np.median(np.abs(detail))
  return np.clip(detail, -MOST * usual, MOST * usual)


def _lashes(eye: _Eye, texture: np.ndarray, skin: np.ndarray) -> np.ndarray:
  """What lashes leave of the light at heights above the rim."""
  share = (np.arange(LASH_ROWS) / (LASH_ROWS - 1))[:, None]
  seen = eye.read(texture, eye.upper - LASHES * share)
  left = seen / np.maximum(skin, 8.0)
  # Shadow and make-up are as dark a little higher up.
  usual = eye.smooth(left[-LASH_ROWS // 5 :].mean(0), 0.05)
  left = np.clip(left / np.maximum(usual, 0.1), DARKEST, 1.0)
  fade = fields.smoothstep(0.5, 1.0, share)[..., None]
  left = left + fade * (1.0 - left)
  rows = BLUR / LASHES * LASH_ROWS
  return eye.smooth(
    ndimage.gaussian_filter1d(left, rows, axis=0, mode='nearest'), BLUR
  )
