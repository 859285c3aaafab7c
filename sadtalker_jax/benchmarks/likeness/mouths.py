"""What pixels show of chin and mouth: soft edges, single teeth, the tongue.

Frames are uint8 [H, W, 3], T of them; points are landmarks [T, 478, 3] in their
pixels. Mouths are looked at in the frames in which they are open widest.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.benchmarks.likeness import measures, profiles
from sadtalker_jax.face3d import measures as face_measures
from sadtalker_jax.marking import visibility

CHIN = 'edge ramp of the chin, pixels'
TEETH = 'edge ramp of the upper teeth, pixels'
ROW = 'luminance variation along the upper row, %'
TONGUE = "hue of the flesh below the teeth from the lips', degrees"

_LOOKED_AT = 12  # frames at the most
_OPEN = 0.07  # gap of the lips from which on there is something to be seen
_LEAST_GAP = 5.0  # pixels
_JAW = (150, 149, 176, 148, 152, 377, 400, 378, 379)
_REACH = 6.0  # pixels on either side of the chin's landmarks
# Inner rims of the lips from corner to corner, and middles of the outer ones.
_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_LIPS = ((37, 82), (0, 13), (267, 312), (84, 87), (17, 14), (314, 317))
_CHEEKS = (50, 280, 205, 425)
_COLUMNS = 24
_MIDDLE = 0.3  # half of the part of the mouth in which teeth are looked for
_TOOTH_LIGHT = 0.6  # lightness of teeth, share of the skin's, at the least
_LESS_RED = 5.0  # a* by which teeth are less red than lips
_TOP = 0.6  # share of the opening in which the upper row begins
_KNOWN = 0.6  # share of columns that must show it
_LEAST_COLOUR = 8.0  # chroma of lips that have a hue
_FLESH_LIGHT = 0.3  # lightness of flesh, share of the lips', at the least
_LEAST_FLESH = 20  # pixels


class _Mouth(NamedTuple):
  """An open mouth of a frame, in columns from top to bottom."""

  lines: list[np.ndarray]  # [L, 2] points of each column
  teeth: list[slice]  # of them, the upper row; empty if there is none
  colours: list[np.ndarray]  # [L, 3] L*, a*, b* of the columns
  bright: profiles.Brightness
  lips: np.ndarray  # [3] L*, a*, b*


def measure(
  frames: Sequence[np.ndarray], points: np.ndarray, found: measures.Measures
) -> None:
  """Adds what chin and mouth show."""
  points = np.asarray(points, np.float64)
  gap = face_measures.lip_gap(points)
  pixels = gap * face_measures.interocular(points[..., :2])
  places = np.argsort(-gap, kind='stable')[:_LOOKED_AT]
  found.take(CHIN, lambda: _chin(frames, points, places))
  wide = [t for t in places if gap[t] > _OPEN and pixels[t] > _LEAST_GAP]
  seen = [_look(frames[t], points[t, :, :2]) for t in wide]
  found.take(TEETH, lambda: _edges(seen))
  found.take(ROW, lambda: _row(seen))
  found.take(TONGUE, lambda: _tongue(seen))


def _chin(
  frames: Sequence[np.ndarray], points: np.ndarray, places: np.ndarray
) -> float:
  ramps = []
  for t in places:
    bright = profiles.Brightness(frames[t])
    jaw = points[t, list(_JAW), :2]
    along = np.gradient(jaw, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    out = np.stack([-along[:, 1], along[:, 0]], 1)
    for place, way in zip(jaw, out, strict=True):
      ends = place - _REACH * way, place + _REACH * way
      ramps.append(profiles.ramp(bright.at(profiles.line(*ends))))
  return _median(ramps, 'no edge at the chin')


def _look(frame: np.ndarray, points: np.ndarray) -> _Mouth:
  """An open mouth, with landmarks [478, 2]."""
  bright = profiles.Brightness(frame)
  lab = visibility.lab(frame)
  skin = np.median(_colours(lab, points[list(_CHEEKS)])[:, 0])
  outer, inner = (points[[pair[i] for pair in _LIPS]] for i in range(2))
  lips = np.median(_colours(lab, (outer + inner) / 2), 0)
  upper, lower = points[list(_UPPER)], points[list(_LOWER)]
  # Rims as functions of the way from corner to corner.
  way = np.linspace(0.5 - _MIDDLE, 0.5 + _MIDDLE, _COLUMNS)
  rims = [
    np.stack([np.interp(way, _share(rim), rim[:, i]) for i in range(2)], 1)
    for rim in (upper, lower)
  ]
  lines = [profiles.line(a, b) for a, b in zip(*rims, strict=True)]
  colours = [_colours(lab, line) for line in lines]
  teeth = [_upper_teeth(column, skin, lips) for column in colours]
  return _Mouth(lines, teeth, colours, bright, lips)


def _share(rim: np.ndarray) -> np.ndarray:
  """Places [N] of points [N, 2] on the way from the first to the last."""
  chord = rim[-1] - rim[0]
  share = (rim - rim[0]) @ chord / max(chord @ chord, 1e-9)
  return np.maximum.accumulate(share)


def _colours(lab: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Colours [N, 3] of a picture [H, W, 3] at points [N, 2]."""
  rows = (points[:, ::-1] - 0.5).T
  return np.stack(
    [
      ndimage.map_coordinates(lab[..., c], rows, order=1, mode='nearest')
      for c in range(3)
    ],
    1,
  )


def _upper_teeth(column: np.ndarray, skin: float, lips: np.ndarray) -> slice:
  """The upper row in a column [L, 3] of colours: its first bright run."""
  tooth = column[:, 0] > _TOOTH_LIGHT * skin
  tooth &= column[:, 1] < lips[1] - _LESS_RED
  starts = np.flatnonzero(tooth)
  if not len(starts) or starts[0] > _TOP * len(column):
    return slice(0, 0)
  dark = np.flatnonzero(~tooth[starts[0] :])
  end = starts[0] + dark[0] if len(dark) else len(column)
  return slice(int(starts[0]), int(end))


def _has_row(mouth: _Mouth) -> bool:
  seen = [part.stop - part.start >= 1 / profiles.STEP for part in mouth.teeth]
  return float(np.mean(seen)) >= _KNOWN


def _edges(seen: Sequence[_Mouth]) -> float:
  """Ramp of the lower edge of the upper teeth."""
  ramps = []
  for mouth in filter(_has_row, seen):
    for line, part in zip(mouth.lines, mouth.teeth, strict=True):
      if part.stop > part.start and part.stop < len(line):
        middle = (part.start + part.stop) // 2
        ramps.append(profiles.ramp(mouth.bright.at(line[middle:])))
  return _median(ramps, _NO_TEETH)


def _row(seen: Sequence[_Mouth]) -> float:
  """Deviation of brightness along the row, percent, a parabola taken out."""
  found = []
  for mouth in filter(_has_row, seen):
    places, light = [], []
    for k, (line, part) in enumerate(
      zip(mouth.lines, mouth.teeth, strict=True)
    ):
      if part.stop > part.start:
        places.append(k)
        light.append(mouth.bright.at(line[part]).mean())
    rest = np.subtract(light, np.polyval(np.polyfit(places, light, 2), places))
    found.append(100 * float(rest.std() / np.mean(light)))
  return _median(found, _NO_TEETH)


def _tongue(seen: Sequence[_Mouth]) -> float:
  """Difference of the hues of lips and of what is red below the teeth."""
  found = []
  for mouth in seen:
    if np.hypot(*mouth.lips[1:]) < _LEAST_COLOUR:
      continue
    flesh = []
    for column, part in zip(mouth.colours, mouth.teeth, strict=True):
      low = column[max(part.stop, len(column) // 2) : -2]
      red = (low[:, 1] > mouth.lips[1] - _LESS_RED) | (
        low[:, 0] < _TOOTH_LIGHT * mouth.lips[0]
      )
      flesh.append(low[red & (low[:, 0] > _FLESH_LIGHT * mouth.lips[0])])
    chosen = np.concatenate(flesh)
    if len(chosen) * profiles.STEP < _LEAST_FLESH:
      continue
    hues = [np.arctan2(c[2], c[1]) for c in (chosen.mean(0), mouth.lips)]
    turn = (hues[0] - hues[1] + np.pi) % (2 * np.pi) - np.pi
    found.append(abs(float(np.degrees(turn))))
  return _median(found, 'no flesh is seen below the teeth')


_NO_TEETH = 'no upper teeth are seen'


def _median(found: Sequence[float], reason: str) -> float:
  known = [value for value in found if np.isfinite(value)]
  if not known:
    raise measures.NotMeasured(reason)
  return float(np.median(known))
