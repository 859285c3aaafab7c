"""What pixels show around the face: a room that rests, hair that stays sharp.

Frames are uint8 [H, W, 3], T of them; frame 0 is the photo, of which the person
is cut out. Points are landmarks [T, 478, 3] in their pixels.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from sadtalker_jax.benchmarks.likeness import measures
from sadtalker_jax.faces.matting import person
from sadtalker_jax.faces.matting import place as place_lib
from sadtalker_jax.metrics import sharpness

BACKGROUND = 'background tracks outside the matte, pixels'
HAIR = "hair's Laplacian while moving / frame 0"

_LOOKED_AT = 12  # frames, spread evenly
_PATCH = 5  # pixels on either side of the middle of a patch
_CELL = 12  # pixels; one patch of each such cell
_AWAY = 7  # pixels between a patch's middle and the person
_TEXTURE = 1.5  # least eigenvalue of a patch's gradients, squared grey levels
_LEAST_PATCHES = 8
_LOST = 0.3  # residual of a patch that is hidden, share of its own deviation
_ITERATIONS = 12
_SURE = 0.95  # alpha that is certainly hair
_MOVED = 1.0  # pixels that a head moves at the least
_LEAST_FRAMES = 5
_LEAST_HAIR = 150  # pixels


def measure(
  frames: Sequence[np.ndarray],
  points: np.ndarray,
  alpha: np.ndarray | None,
  found: measures.Measures,
) -> None:
  """Adds what the surroundings of a face show.

  Args:
    frames: T frames.
    points: Landmarks [T, 478, 3].
    alpha: [H, W] share of the person in frame 0; None if that is not known.
    found: Where measures are added.
  """
  found.take(BACKGROUND, lambda: _background(frames, points, alpha))
  found.take(HAIR, lambda: _hair(frames, points, alpha))


def matte(frame: np.ndarray, points: np.ndarray) -> np.ndarray | None:
  """Share of the person in a frame's pixels [H, W]; None if there is doubt."""
  found = person.find(frame, points[:, :2])
  return None if found is None else found.alpha


def _background(
  frames: Sequence[np.ndarray], points: np.ndarray, alpha: np.ndarray | None
) -> float:
  """How far patches of the background wander: 95th percentile, pixels."""
  away = ndimage.distance_transform_edt(_known(alpha) < 1 - _SURE)
  first = _smooth(frames[0])
  inside = np.zeros(away.shape, bool)
  inside[_AWAY:-_AWAY, _AWAY:-_AWAY] = True
  places = _textured(first, inside & (away > _AWAY))
  if len(places) < _LEAST_PATCHES:
    raise measures.NotMeasured('too little texture in the background')
  turn, shift = measures.similarities(points)
  chosen = np.linspace(1, len(frames) - 1, _LOOKED_AT).round().astype(int)
  lengths = []
  for t in sorted(set(chosen.tolist())):
    moved = np.linalg.norm(shifts(first, _smooth(frames[t]), places), axis=-1)
    # The head may have come near, or in front.
    z = (places[:, 1] + 0.5 + 1j * (places[:, 0] + 0.5) - shift[t]) / turn[t]
    near = ndimage.map_coordinates(
      away, np.stack([z.imag, z.real]) - 0.5, order=1, mode='nearest'
    )
    lengths.append(np.where(near > _AWAY, moved, np.nan))
  if np.isfinite(lengths).sum() < _LEAST_PATCHES * len(lengths) / 2:
    raise measures.NotMeasured('the background is hidden, or changes')
  return float(np.nanpercentile(lengths, 95))


def _smooth(frame: np.ndarray) -> np.ndarray:
  """Brightness [H, W] of a frame, without its noise."""
  return ndimage.gaussian_filter(sharpness.grey(frame), 1.0)


def _known(alpha: np.ndarray | None) -> np.ndarray:
  if alpha is None:
    raise measures.NotMeasured('no clear border of head and hair')
  return alpha


def _textured(picture: np.ndarray, free: np.ndarray) -> np.ndarray:
  """Middles [P, 2] (row, column) of patches that can be followed."""
  down, right = np.gradient(picture)
  size = 2 * _PATCH + 1
  a, b, c = (
    ndimage.uniform_filter(product, size)
    for product in (down * down, down * right, right * right)
  )
  least = (a + c) / 2 - np.sqrt(((a - c) / 2) ** 2 + b * b)
  least = np.where(free, least, 0.0)
  found = []
  for row in range(0, picture.shape[0], _CELL):
    for column in range(0, picture.shape[1], _CELL):
      cell = least[row : row + _CELL, column : column + _CELL]
      if cell.max() > _TEXTURE:
        place = np.unravel_index(cell.argmax(), cell.shape)
        found.append((row + place[0], column + place[1]))
  return np.array(found, np.float64).reshape(-1, 2)


def shifts(
  first: np.ndarray, other: np.ndarray, places: np.ndarray
) -> np.ndarray:
  """How far patches have moved, by least squares (Lucas and Kanade 1981).

  Args:
    first: [H, W] brightness.
    other: [H, W] likewise, later.
    places: [P, 2] middles of patches in the first, (row, column).

  Returns:
    [P, 2] in pixels; NaN where a patch is not found again.
  """
  reach = np.arange(-_PATCH, _PATCH + 1)
  offsets = np.stack(np.meshgrid(reach, reach, indexing='ij'), -1)
  grid = places[:, None] + offsets.reshape(1, -1, 2)  # [P, K, 2]

  def read(picture: np.ndarray, at: np.ndarray) -> np.ndarray:
    rows = np.moveaxis(at, -1, 0)
    return ndimage.map_coordinates(picture, rows, order=1, mode='nearest')

  before = read(first, grid)
  slopes = np.stack([read(part, grid) for part in np.gradient(first)], -1)
  normal = np.einsum('pki,pkj->pij', slopes, slopes)
  moved = np.zeros_like(places)
  for _ in range(_ITERATIONS):
    error = read(other, grid + moved[:, None]) - before
    pull = np.einsum('pki,pk->pi', slopes, error)
    moved = moved - np.linalg.solve(normal, pull[..., None])[..., 0]
    moved = np.clip(moved, -3 * _PATCH, 3 * _PATCH)
  left = (read(other, grid + moved[:, None]) - before).std(1)
  lost = left > _LOST * before.std(1)
  lost |= np.abs(moved).max(1) > _PATCH
  return np.where(lost[:, None], np.nan, moved)


def _hair(
  frames: Sequence[np.ndarray], points: np.ndarray, alpha: np.ndarray | None
) -> float:
  """Mean size of the Laplacian in the hair, frames that moved over frame 0."""
  size = np.array(frames[0].shape[:2])
  place = place_lib.find(points[0, :, :2], (int(size[0]), int(size[1])))
  eyes = points[0, list(measures.RIGID[:4]), 1].mean()
  hair = (_known(alpha) > _SURE) & ~place.sure
  hair &= (np.indices(hair.shape)[0] < eyes) & (place.beside < 0.5)
  hair = ndimage.binary_erosion(hair, iterations=2, border_value=1)
  rows, columns = np.nonzero(hair)
  if len(rows) < _LEAST_HAIR:
    raise measures.NotMeasured('hardly any hair in the picture')
  z = columns + 0.5 + 1j * (rows + 0.5)
  turn, shift = measures.similarities(points)
  there = turn[:, None] * z + shift[:, None]  # [T, N]
  moved = np.flatnonzero(np.abs(there - z).mean(1) > _MOVED)
  if len(moved) < _LEAST_FRAMES:
    raise measures.NotMeasured('the head hardly moves')

  def sharp(t: int) -> float:
    edges = np.abs(ndimage.laplace(sharpness.grey(frames[t])))
    row, column = (there[t].imag - 0.5, there[t].real - 0.5)
    row, column = row.round().astype(int), column.round().astype(int)
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    return float(edges[row[inside], column[inside]].mean())

  chosen = moved[np.linspace(0, len(moved) - 1, _LOOKED_AT).round().astype(int)]
  return float(np.mean([sharp(t) for t in sorted(set(chosen.tolist()))])) / max(
    sharp(0), 1e-6
  )
