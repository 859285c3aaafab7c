"""Teeth and gums as a small mesh, made by rule.

Two rows of twelve teeth stand on the arches of the head model's own teeth. A
tooth is a grid of 6 x 6 vertices, bulged, narrower at the gum, its corners
round; colours of vertices carry wear, gloss, gaps and the dark of the cheeks.

Conventions: lengths are in decimetre of the mean head, x right, y up, z towards
the camera; `across` runs over a tooth from -1 to 1, `along` from its gum (0) to
its edge (1). Sizes of teeth are means of adults (Wheeler's Dental Anatomy).
"""

from typing import NamedTuple

import numpy as np

from sadtalker_jax.inference.puppet import palette


class Row(NamedTuple):
  """Teeth of half a jaw, from the middle on, and the arch they stand on."""

  widths: tuple[float, ...]
  heights: tuple[float, ...]
  edge: float  # y of the front teeth's edge
  front: float  # z of the arch in the middle
  up: float  # 1 if the gum is above the teeth, else -1


UPPER = Row(
  (0.085, 0.066, 0.076, 0.070, 0.068, 0.100),
  (0.104, 0.094, 0.102, 0.086, 0.080, 0.074),
  edge=-0.418,
  front=0.255,
  up=1.0,
)
LOWER = Row(
  (0.053, 0.058, 0.068, 0.070, 0.071, 0.110),
  (0.088, 0.092, 0.104, 0.086, 0.080, 0.074),
  edge=-0.382,
  front=0.228,
  up=-1.0,
)
ARCH = (1.14, 18.9)  # z falls by a x^2 + b x^4
SMILE = 0.25  # the edges rise by this times x^2 towards the cheeks
CANINE = 2  # its edge is a point

_ACROSS = np.array([-1.0, -0.84, -0.35, 0.35, 0.84, 1.0])
_ALONG = np.array([0.0, 0.15, 0.45, 0.78, 0.94, 1.0])
_GUM_ACROSS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
_GUM_LINES = np.array([0.0, 0.25, 1.0])
_GUM_HEIGHT = 0.12
_DARKENING = 0.20  # length over which light fades towards the cheeks


class Mesh(NamedTuple):
  """Part of the mouth; what it is made of has a colour each."""

  vertices: np.ndarray  # [N, 3]
  triangles: np.ndarray  # [T, 3] int32
  shade: np.ndarray  # [N, 3] factors on the colour of enamel or gum
  gum: np.ndarray  # [N] bool


def build(row: Row) -> Mesh:
  """Teeth and gum of a jaw."""
  rng = np.random.default_rng(7)  # people's teeth differ a little from another
  parts = []
  for side in (-1.0, 1.0):
    start = 0.0
    for k, width in enumerate(row.widths):
      middle = start + 0.5 * width
      own = 1.0 + 0.03 * rng.standard_normal(2)
      parts.append(_tooth(row, k, side * middle, own))
      parts.append(_gum(row, k, side * middle))
      start += width
  counts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
  return Mesh(
    np.concatenate([part.vertices for part in parts]),
    np.concatenate(
      [p.triangles + n for p, n in zip(parts, counts, strict=True)]
    ).astype(np.int32),
    np.concatenate([part.shade for part in parts]),
    np.concatenate([part.gum for part in parts]),
  )


def _tooth(row: Row, k: int, place: float, own: np.ndarray) -> Mesh:
  """The k-th tooth from the middle, at an arc length along the arch.

  Args:
    row: Row of the tooth.
    k: Its number.
    place: Signed arc length of its middle.
    own: [2] factors of its height and its brightness.
  """
  along, across = (
    m.ravel() for m in np.meshgrid(_ALONG, _ACROSS, indexing='ij')
  )
  neck = 0.82 + 0.17 * np.clip(along / 0.6, 0.0, 1.0)
  neck -= 0.07 * np.clip((along - 0.8) / 0.2, 0.0, 1.0) ** 2
  point = 0.16 * np.abs(across) if k == CANINE else 0.07 * across**4
  height = row.heights[k] * own[0]
  # Away from the edge: 0 there, the height at the gum.
  away = height * (1.0 - along + point * along**3)
  out = -0.010 * across**2 - 0.030 * (along - 0.35) ** 2
  vertices = _stand(row, place + 0.5 * row.widths[k] * neck * across, away, out)
  gap = 1.0 - 0.55 * np.abs(across) ** 9
  shade = np.stack([gap, gap**1.25, gap**1.35], 1)
  worn = np.clip(1.0 - along / 0.45, 0.0, 1.0)[:, None]
  shade *= 1.0 - worn * (0.08, 0.12, 0.20)
  thin = np.clip((along - 0.75) / 0.25, 0.0, 1.0)[:, None]
  shade *= 1.0 - thin * (0.12, 0.10, 0.07)
  gloss = np.exp(-((across + 0.35) ** 2) / 0.1 - (along - 0.45) ** 2 / 0.08)
  shade += 0.10 * gloss[:, None]
  if k == CANINE:
    shade *= (0.97, 0.94, 0.87)
  shade *= own[1] * _dark(row, vertices)
  triangles = _grid(len(_ALONG), len(_ACROSS))
  return Mesh(vertices, triangles, shade, np.zeros(len(vertices), bool))


def _gum(row: Row, k: int, place: float) -> Mesh:
  """The gum at the k-th tooth; its margin is a festoon."""
  line, across = (
    m.ravel() for m in np.meshgrid(_GUM_LINES, _GUM_ACROSS, indexing='ij')
  )
  height = row.heights[k]
  margin = height * (0.97 - 0.24 * across**4)
  away = margin + line * (height + _GUM_HEIGHT - margin)
  out = -0.004 - 0.006 * np.abs(across) + 0.02 * line
  vertices = _stand(row, place + 0.5 * row.widths[k] * across, away, out)
  bright = (1.0 - 0.25 * (line == 0.0) - 0.35 * (line == 1.0))[:, None]
  shade = bright * _dark(row, vertices)
  triangles = _grid(len(_GUM_LINES), len(_GUM_ACROSS))
  return Mesh(vertices, triangles, shade, np.ones(len(vertices), bool))


def _stand(
  row: Row, arc: np.ndarray, away: np.ndarray, out: np.ndarray
) -> np.ndarray:
  """Points [N, 3] at arc lengths, distances from the edge and from the arch."""
  x = np.linspace(0.0, 0.34, 200)
  z = -ARCH[0] * x**2 - ARCH[1] * x**4
  length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
  px = np.interp(np.abs(arc), length, x)
  pz = -ARCH[0] * px**2 - ARCH[1] * px**4
  slope = -2.0 * ARCH[0] * px - 4.0 * ARCH[1] * px**3
  norm = np.hypot(slope, 1.0)
  px = (px - out * slope / norm) * np.sign(arc)
  pz = pz + out / norm
  y = row.edge + SMILE * px**2 + row.up * away
  return np.stack([px, y, row.front + pz], 1)


def _dark(row: Row, vertices: np.ndarray) -> np.ndarray:
  """Factors [N, 3]: light fades towards the cheeks, blue before red."""
  behind = np.maximum(row.front - 0.02 - vertices[:, 2:], 0.0)
  return np.exp(-behind / _DARKENING * palette.WARM)


def _grid(rows: int, columns: int) -> np.ndarray:
  """Triangles [T, 3] of a grid of vertices, row by row."""
  corner = np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)
  a = corner.ravel()
  return np.concatenate(
    [
      np.stack([a, a + 1, a + columns], 1),
      np.stack([a + 1, a + columns + 1, a + columns], 1),
    ]
  )
