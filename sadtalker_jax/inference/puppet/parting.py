"""An open mouth of a photo in two: what is of the skull, what of the jaw.

A path through the dark between the rows of teeth parts them. Teeth are brighter
than what is around them, and less red than the lips.

Conventions: texture points are (x, y) in pixels, y down, pixel centres at
half-integers. A strip is the mouth with its rims made straight: v rows from the
upper rim to the lower one, and one column for each of the texture.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

LEAST_HEIGHT = 4.0  # texture pixels; a lower mouth is not parted
CENTRAL = 0.5  # share of the mouth's width where teeth are looked for
CONTRAST = 1.5  # of luminance, brightest to darkest: less shows no teeth
LEAST_TEETH = 0.1  # share of the opening's height
PALER = 0.08  # logarithm of red by green, that teeth have less than lips

_LUMA = np.array([0.299, 0.587, 0.114])
_ROWS = 24  # of a strip
_STEP = 0.15  # cost of a path's step up or down; 1 is all of the contrast
_Run = tuple[float, float]  # v of its top and of its bottom


class Teeth(NamedTuple):
  """The teeth that a photo shows; None is what it does not show."""

  upper: float | None = None  # y of the row's edge, texture point
  lower: float | None = None
  enamel: np.ndarray | None = None  # [3]
  light: np.ndarray | None = None  # [Wt] share of it that the upper row has


class Parted(NamedTuple):
  """An open mouth in two."""

  skull: np.ndarray  # [H, W] share of the skull, soft
  tight: np.ndarray  # [2, H, W] what stays of skull and jaw as lips move, soft
  teeth: Teeth


class _Strip(NamedTuple):
  """The mouth with its rims made straight."""

  columns: np.ndarray  # [C] of the texture
  rows: np.ndarray  # [V, C] of the texture, y
  top: np.ndarray  # [C] y of the upper rim
  height: np.ndarray  # [C]
  luma: np.ndarray  # [V, C]
  pale: np.ndarray  # [V, C] bool, less red than lips

  def central(self) -> slice:
    """The columns where teeth are looked for."""
    side = int(len(self.columns) * (1 - CENTRAL) / 2)
    return slice(side, len(self.columns) - side)


def parted(texture: np.ndarray, holes: np.ndarray) -> Parted | None:
  """Skull and jaw in an open mouth; None if it is too narrow.

  Args:
    texture: [H, W, 3].
    holes: [H, W] bool, where the lips are apart.
  """
  luma = ndimage.gaussian_filter(texture @ _LUMA, 0.6)
  strip = _strip(luma, _pale(texture, holes), holes)
  if strip is None:
    return None
  middle = strip.central()
  dark, bright = np.percentile(strip.luma[:, middle], (4, 96))
  contrast = bright > CONTRAST * max(dark, 1.0)
  upper, lower = (
    run if run is not None and _mean(strip.pale[:, middle], run) > 0.5 else None
    for run in _runs(strip.luma[:, middle], 0.5 * (dark + bright), contrast)
  )
  path = _path(strip.luma, (dark, bright), (upper, lower))
  split = np.take_along_axis(strip.rows, path[None], 0)[0]
  everywhere = np.arange(holes.shape[1])
  y = np.arange(len(holes))[:, None] + 0.5
  line = np.interp(everywhere, strip.columns, split)
  skull = np.clip(line - y + 0.5, 0.0, 1.0)
  shown = ndimage.binary_erosion(holes)
  tight = ndimage.gaussian_filter(shown.astype(np.float64), 0.8) * holes
  stays = np.stack([tight, tight])
  if contrast:
    stays *= np.array([upper is not None, lower is not None])[:, None, None]
  if upper is not None:
    edge = strip.top + upper[1] * strip.height
    edge = np.interp(everywhere, strip.columns, edge)
    stays[0] *= np.clip(edge + 1.5 - y, 0.0, 1.0)
  colour = _enamel(texture, luma, (holes, skull), (upper, lower))
  at = [
    None
    if run is None
    else float(np.median((strip.top + run[end] * strip.height)[middle]))
    for run, end in ((upper, 1), (lower, 0))
  ]
  light = _light(strip, upper, colour, everywhere)
  return Parted(skull, stays, Teeth(at[0], at[1], colour, light))


def _strip(
  luma: np.ndarray, pale: np.ndarray, holes: np.ndarray
) -> _Strip | None:
  """The strip of a mouth; None if that is too small."""
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
  v = (np.arange(_ROWS) + 0.5) / _ROWS
  rows = top + 1.0 + v[:, None] * np.maximum(height - 2.0, 1.0)
  at = [rows - 0.5, np.broadcast_to(columns, rows.shape)]
  return _Strip(
    columns,
    rows,
    top,
    height,
    ndimage.map_coordinates(luma, at, order=1),
    ndimage.map_coordinates(pale.astype(np.float64), at, order=1) > 0.5,
  )


def _light(
  strip: _Strip,
  upper: _Run | None,
  enamel: np.ndarray | None,
  everywhere: np.ndarray,
) -> np.ndarray | None:
  """Shares [W] of the light of the front teeth that columns have."""
  if enamel is None or upper is None:
    return None
  v = (np.arange(_ROWS) + 0.5) / _ROWS
  above = np.where(v[:, None] < upper[1], strip.luma, 0.0).max(0)
  light = np.clip(above / (enamel @ _LUMA), 0.1, 1.0)
  light = ndimage.gaussian_filter1d(light, 1.5, mode='nearest')
  return np.interp(everywhere, strip.columns, light)


def _runs(
  strip: np.ndarray, level: float, contrast: bool
) -> tuple[_Run | None, _Run | None]:
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


def _pale(texture: np.ndarray, holes: np.ndarray) -> np.ndarray:
  """Where [H, W] a picture is less red than the lips around holes."""
  soft = ndimage.gaussian_filter(texture, (0.6, 0.6, 0.0)) + 8.0
  red = np.log(soft[..., 0] / soft[..., 1])
  near = ndimage.binary_dilation(holes, iterations=2)
  lips = ndimage.binary_dilation(near, iterations=3) & ~near
  usual = float(np.median(red[lips])) if lips.any() else 0.0
  if usual < 2.0 * PALER:  # black and white, or lips of another colour
    return np.ones(holes.shape, bool)
  return red < usual - PALER


def _mean(strip: np.ndarray, run: _Run) -> float:
  """The mean of a strip [V, C] from one v to another."""
  start, stop = (round(v * len(strip)) for v in run)
  return float(strip[start:stop].mean())


def _path(
  strip: np.ndarray,
  levels: tuple[float, float],
  runs: tuple[_Run | None, _Run | None],
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
  runs: tuple[_Run | None, _Run | None],
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
