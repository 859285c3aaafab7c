"""The mesh network and the iris network: from squares of a picture to points.

Conventions of pictures and points: `faces.landmarks`. The input of both
networks is a square of the picture (`warp.Square`): 192 pixels for the mesh,
1.5 times as large as the face and turned so that the eyes are level; 64 pixels
for the iris network, 2.3 times as wide as one eye.
"""

from collections.abc import Sequence
import math

import numpy as np

from sadtalker_jax.faces import graph, warp

POINTS = 468
# Outer and inner corner of both eyes, the one on the left of the picture first.
EYE_CORNERS = ((33, 133), (263, 362))
# The lids of the two eyes in the order of the iris network's first 16 points:
# the lower lid from the outer to the inner corner, then the upper lid.
LIDS = (
  (33, 7, 163, 144, 145, 153, 154, 155, 133)
  + (246, 161, 160, 159, 158, 157, 173),
  (263, 249, 390, 373, 374, 380, 381, 382, 362)
  + (466, 388, 387, 386, 385, 384, 398),
)

_MESH_SIDE = 192
_IRIS_SIDE = 64
_MARGIN = 1.5  # side of the mesh's square, in sides of the face
_EYE_MARGIN = 2.3  # side of the iris network's square, in widths of the eye


def square_of_mesh(mesh: np.ndarray) -> warp.Square:
  """The input square of the mesh network for a face whose mesh is known.

  Args:
    mesh: [468 or more, 2 or more] points in pixels of the picture.
  """
  xy = np.asarray(mesh[:POINTS, :2], np.float64)
  angle = direction(xy[EYE_CORNERS[0][0]], xy[EYE_CORNERS[1][0]])
  c, s = math.cos(angle), math.sin(angle)
  axes = np.array([[c, s], [-s, c]])
  upright = xy @ axes.T
  low, high = upright.min(0), upright.max(0)
  x, y = (low + high) / 2 @ axes
  return warp.Square((x, y), _MARGIN * float((high - low).max()), angle)


def square_of_box(
  box: tuple[float, float, float, float], angle: float = 0.0
) -> warp.Square:
  """The input square of the mesh network for a face whose box is known.

  Args:
    box: (x0, y0, x1, y1) in pixels of the picture.
    angle: direction from eye to eye in radians; see `warp`.
  """
  x0, y0, x1, y1 = box
  side = _MARGIN * max(x1 - x0, y1 - y0)
  return warp.Square(((x0 + x1) / 2, (y0 + y1) / 2), side, angle)


def direction(start: np.ndarray, end: np.ndarray) -> float:
  """Angle, in radians, of the direction from one point to another."""
  return math.atan2(end[1] - start[1], end[0] - start[0])


def run_mesh(
  picture: np.ndarray, square: warp.Square
) -> tuple[np.ndarray, float]:
  """The mesh [468, 3] in pixels of the picture, and its confidence."""
  return run_meshes([picture], [square], batch=1)[0]


def run_meshes(
  pictures: Sequence[np.ndarray],
  squares: Sequence[warp.Square],
  *,
  batch: int,
) -> list[tuple[np.ndarray, float]]:
  """Meshes and confidences of many faces; see `run_mesh`.

  Args:
    pictures: uint8 [H, W, 3], one for each square.
    squares: squares of the pictures that contain the faces.
    batch: number of faces per call; the last call is filled up, so that there
      is one shape and one compilation.
  """
  crops = [
    warp.crop(picture, square, _MESH_SIDE)
    for picture, square in zip(pictures, squares, strict=True)
  ]
  outputs = _batched('face_mesh', crops, batch)
  found = []
  for square, (points, logit) in zip(squares, outputs, strict=True):
    mesh = square.to_picture(points.reshape(POINTS, 3), _MESH_SIDE)
    confidence = 1 / (1 + math.exp(-max(float(logit.item()), -80.0)))
    found.append((mesh, confidence))
  return found


def run_iris(
  picture: np.ndarray, mesh: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """The irises of a face, and its lids according to the iris network.

  Args:
    picture: uint8 [H, W, 3].
    mesh: [468, 3] points in pixels of the picture.

  Returns:
    In pixels of the picture: irises [2, 5, 3], with the depth of the mesh's
    lids, and lids [2, 16, 2] in the order of `LIDS`.
  """
  return run_irises([picture], [mesh], batch=1)[0]


def run_irises(
  pictures: Sequence[np.ndarray], meshes: Sequence[np.ndarray], *, batch: int
) -> list[tuple[np.ndarray, np.ndarray]]:
  """Irises and lids of many faces; see `run_iris`.

  Args:
    pictures: uint8 [H, W, 3], one for each mesh.
    meshes: points [468, 3] in pixels of the picture.
    batch: number of faces per call of the network.
  """
  squares, crops = [], []
  for picture, mesh in zip(pictures, meshes, strict=True):
    angle = direction(mesh[EYE_CORNERS[0][0]], mesh[EYE_CORNERS[1][0]])
    for outer, inner in EYE_CORNERS:
      a, b = mesh[outer, :2], mesh[inner, :2]
      x, y = (a + b) / 2
      width = max(float(np.linalg.norm(a - b)), 1.0)
      square = warp.Square((x, y), _EYE_MARGIN * width, angle)
      squares.append(square)
      crops.append(warp.crop(picture, square, _IRIS_SIDE))
    # The network is for one side; the other eye is mirrored.
    crops[-1] = crops[-1][:, ::-1]
  outputs = _batched('iris', crops, 2 * batch)
  return [
    _eyes(mesh, squares[2 * i : 2 * i + 2], outputs[2 * i : 2 * i + 2])
    for i, mesh in enumerate(meshes)
  ]


def _eyes(
  mesh: np.ndarray,
  squares: Sequence[warp.Square],
  outputs: Sequence[tuple[np.ndarray, ...]],
) -> tuple[np.ndarray, np.ndarray]:
  """Irises and lids of one face from the outputs for its two eyes."""
  eyes, irises = (np.stack(part) for part in zip(*outputs, strict=True))
  # Of the eye's 71 points the first 16 are the lids; the others (brows)
  # reach beyond the crop and are worse than the mesh's.
  lids = eyes.reshape(2, 71, 3)[:, :16]
  points = np.concatenate([lids, irises.reshape(2, 5, 3)], 1)
  points[1, :, 0] = _IRIS_SIDE - points[1, :, 0]
  found = np.stack(
    [s.to_picture(p, _IRIS_SIDE) for s, p in zip(squares, points, strict=True)]
  )
  # The network's z starts at a plane of its own; MediaPipe, too, takes the
  # depth of the lids instead.
  found[:, 16:, 2] = mesh[np.array(LIDS), 2].mean(1, keepdims=True)
  return found[:, 16:], found[:, :16, :2]


def _batched(
  name: str, crops: Sequence[np.ndarray], batch: int
) -> list[tuple[np.ndarray, ...]]:
  """Outputs of a network for crops in [0, 255], one tuple for each."""
  outputs: list[tuple[np.ndarray, ...]] = []
  for start in range(0, len(crops), batch):
    part = np.stack(crops[start : start + batch])
    missing = batch - len(part)
    part = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0)))
    results = graph.compiled(name)(part / 255)
    outputs += list(zip(*results, strict=True))[: batch - missing]
  return outputs
