"""What a photo shows between the lips, as two layers.

The layer of the skull (upper teeth) rests when the jaw opens, that of the jaw
(lower teeth, tongue) goes along. A path through the dark between the rows parts
them. As long as the lips stand as in the photo a layer is all that the photo
shows; once they move it is teeth and tongue alone, without the lips' shadows
and rims, which would stay behind as lines.

Conventions: those of `fitted_head`; texture points are frame points plus the
portrait's `margin`. A strip is the mouth with its rims made straight: v rows
from the upper rim to the lower one, and one column for each of the texture.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference.puppet import fitted_head

MOUTH_REACH = 0.5  # decimetre around its middle in which the skin may be open
OPEN_GAP = 0.04  # decimetre; a photo's lips farther apart show an open mouth
LEAST_HEIGHT = 4.0  # texture pixels; a lower mouth is not parted
CENTRAL = 0.5  # share of the mouth's width where teeth are looked for
CONTRAST = 1.5  # of luminance, brightest to darkest: less shows no teeth
LEAST_TEETH = 0.1  # share of the opening's height

_UPWARDS = np.array([[0, 1, 0], [1, 1, 1], [0, 0, 0]], bool)
_LIPS = list(fitted_head.MOUTH_RIM[2:])
_LUMA = np.array([0.299, 0.587, 0.114])
_ROWS = 24  # of a strip
_STEP = 0.15  # cost of a path's step up or down; 1 is all of the contrast


class Teeth(NamedTuple):
  """The teeth that a photo shows; None is what it does not show."""

  upper: float | None = None  # y of the row's edge, texture point
  lower: float | None = None
  enamel: np.ndarray | None = None  # [3]
  light: np.ndarray | None = None  # [Wt] share of it that the upper row has


class PhotoMouth(NamedTuple):
  """The layers, and the teeth that were found in them."""

  # [Ht, Wt, 5] in [0, 1]: all and tight of skull, of jaw, and where skull is
  # in front, lips or not.
  mask: np.ndarray
  middle: np.ndarray  # [3] middle between the lips, in the head
  gap: np.ndarray  # [2] lip gaps between which the layers fade out, decimetre
  teeth: Teeth


class Parted(NamedTuple):
  """An open mouth in two."""

  skull: np.ndarray  # [H, W] share of the skull, soft
  tight: np.ndarray  # [H, W] what is away from the lips, soft
  teeth: Teeth


def find(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  surface: tuple[np.ndarray, np.ndarray],
  triangles: tuple[np.ndarray, np.ndarray],
  photo: tuple[np.ndarray, np.ndarray, float],
) -> PhotoMouth:
  """The layers of a photo's mouth.

  An open mouth of the photo keeps its own teeth. A closed one has at most a
  dark line there, which must go once the lips part.

  Args:
    model: Head model.
    head: Fitted head.
    surface: Texture points [N, 2] of face and caps, and their depths [N].
    triangles: Those of the face [F, 3] and of the caps [C, 3].
    photo: Texture [Ht, Wt, 3]; middle of the mouth, a texture point; pixels per
      decimetre.
  """
  texture, centre, pixels = photo
  size = texture.shape[:2]
  upper, lower = fitted_head.points468(model, head.expressed())[_LIPS]
  middle, gap = 0.5 * (upper + lower), float(upper[1] - lower[1])
  points, depth = surface
  positions = np.concatenate([points, depth[:, None]], 1).astype(np.float32)
  front = rasterizer.rasterize(positions, np.concatenate(triangles), *size)
  holes = np.asarray(front.triangle_id) >= len(triangles[0])
  y, x = np.indices(size) + 0.5
  holes &= np.hypot(x - centre[0], y - centre[1]) < MOUTH_REACH * pixels
  # Not downwards: the lower lip would stay behind where the jaw opens farther.
  grown = ndimage.binary_dilation(holes, _UPWARDS, iterations=2)
  whole = ndimage.gaussian_filter(grown.astype(np.float64), 0.7)
  whole[holes] = 1.0
  none = np.zeros_like(whole)
  found = parted(np.asarray(texture, np.float64), holes)
  never = np.array([1e3, 1e4])
  if gap <= OPEN_GAP or found is None:
    fade = np.array([gap + 0.01, gap + 0.05]) if gap <= OPEN_GAP else never
    mask = np.stack([whole, whole, none, none, none], -1)
    return PhotoMouth(mask, middle, fade, Teeth())
  skull, tight, teeth = found
  jaw = 1.0 - skull
  layers = [whole * skull, tight * skull, whole * jaw, tight * jaw, skull]
  return PhotoMouth(np.stack(layers, -1), middle, never, teeth)


def parted(texture: np.ndarray, holes: np.ndarray) -> Parted | None:
  """Skull and jaw in an open mouth; None if it is too narrow.

  Args:
    texture: [H, W, 3].
    holes: [H, W] bool, where the lips are apart.
  """
  columns = np.flatnonzero(holes.any(0))
  if len(columns) < 8:
    return None
  columns = np.arange(columns[0], columns[-1] + 1)
  inside = holes[:, columns]
  known = inside.any(0)
  top = inside.argmax(0).astype(float)
  bottom = (len(holes) - inside[::-1].argmax(0)).astype(float)
  top, bottom = (
    ndimage.gaussian_filter1d(
      np.interp(columns, columns[known], rim[known]), 1.5, mode='nearest'
    )
    for rim in (top, bottom)
  )
  height = bottom - top
  if height.max() < LEAST_HEIGHT:
    return None
  luma = ndimage.gaussian_filter(texture @ _LUMA, 0.6)
  v = (np.arange(_ROWS) + 0.5) / _ROWS
  rows = top + 1.0 + v[:, None] * np.maximum(height - 2.0, 1.0)
  strip = ndimage.map_coordinates(
    luma, [rows - 0.5, np.broadcast_to(columns, rows.shape)], order=1
  )
  side = int(len(columns) * (1 - CENTRAL) / 2)
  middle = slice(side, len(columns) - side)
  dark, bright = np.percentile(strip[:, middle], (4, 96))
  contrast = bright > CONTRAST * max(dark, 1.0)
  upper, lower = _runs(strip[:, middle], 0.5 * (dark + bright), contrast)
  path = _path(strip, (dark, bright), (upper, lower))
  split = np.take_along_axis(rows, path[None], 0)[0]
  y = np.arange(len(holes))[:, None] + 0.5
  line = np.interp(np.arange(holes.shape[1]), columns, split)
  skull = np.clip(line - y + 0.5, 0.0, 1.0)
  shown = ndimage.binary_erosion(holes)
  tight = ndimage.gaussian_filter(shown.astype(np.float64), 0.8) * holes
  colour = _enamel(texture, luma, (holes, skull), (upper, lower))
  at = [
    None if run is None else float(np.median((top + run[end] * height)[middle]))
    for run, end in ((upper, 1), (lower, 0))
  ]
  light = None
  if colour is not None and upper is not None:
    above = np.where(v[:, None] < upper[1], strip, 0.0).max(0)
    light = np.clip(above / (colour @ _LUMA), 0.1, 1.0)
    light = ndimage.gaussian_filter1d(light, 1.5, mode='nearest')
    light = np.interp(np.arange(holes.shape[1]), columns, light)
  return Parted(skull, tight, Teeth(at[0], at[1], colour, light))


def _runs(
  strip: np.ndarray, level: float, contrast: bool
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
  """Upper and lower row of teeth in the middle of a strip [V, C].

  Each as v of its top and its bottom, None where none is seen.
  """
  if not contrast:
    return None, None
  bright = np.concatenate([[False], strip.mean(1) > level, [False]])
  change = np.flatnonzero(np.diff(bright.astype(int)))
  runs = (change.reshape(-1, 2) / len(strip)).tolist()
  runs = [run for run in runs if run[1] - run[0] > LEAST_TEETH]
  upper = [run for run in runs if run[0] < 0.45]
  lower = [run for run in runs if run[0] >= 0.45]
  return (
    (upper[0][0], upper[0][1]) if upper else None,
    (lower[-1][0], lower[-1][1]) if lower else None,
  )


def _path(
  strip: np.ndarray,
  levels: tuple[float, float],
  runs: tuple[tuple[float, float] | None, tuple[float, float] | None],
) -> np.ndarray:
  """Rows [C] of the darkest smooth path through a strip [V, C].

  It runs below the middle of the upper teeth and above that of the lower ones.
  """
  dark, bright = levels
  v = (np.arange(len(strip))[:, None] + 0.5) / len(strip)
  cost = np.clip((strip - dark) / max(bright - dark, 1.0), 0.0, 1.0)
  upper, lower = runs
  if upper is not None:
    cost = cost + 4.0 * (v < 0.5 * (upper[0] + upper[1]))
  if lower is not None:
    cost = cost + 4.0 * (v > 0.5 * (lower[0] + lower[1]))
  total, came = cost[:, 0], []
  for column in cost.T[1:]:
    padded = np.pad(total, 1, constant_values=np.inf)
    ways = np.stack([padded[:-2] + _STEP, padded[1:-1], padded[2:] + _STEP])
    came.append(ways.argmin(0) - 1)
    total = ways.min(0) + column
  path = [int(total.argmin())]
  for step in reversed(came):
    path.append(path[-1] + int(step[path[-1]]))
  return np.array(path[::-1])


def _enamel(
  texture: np.ndarray,
  luma: np.ndarray,
  masks: tuple[np.ndarray, np.ndarray],
  runs: tuple[tuple[float, float] | None, tuple[float, float] | None],
) -> np.ndarray | None:
  """Colour [3] of the brighter half of the teeth that a photo shows."""
  holes, skull = masks
  if runs[0] is None:
    return None
  inside = holes & (skull > 0.5)
  if inside.sum() < 12:
    return None
  bright = luma[inside]
  chosen = texture[inside][bright >= np.percentile(bright, 70)]
  return np.median(chosen, 0)
