"""Face detection by RetinaFace, the detector of the published program.

Source: method 6.7. Anchors, boxes and points are in the picture, x right, y
down, the centre of the first pixel at (0.5, 0.5): as fractions of its width and
height where stated, otherwise in pixels. Boxes are (x0, y0, x1, y1), anchors
(centre x, centre y, width, height); the five points are the eyes, the tip of
the nose and the corners of the mouth, of pairs the one on the left of the
picture first.

The published program detects faces in its first picture with red and blue
exchanged (quirk Q20), and takes the likeliest face, not the largest.
`original_quirks` does the same.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.faces import detector, warp
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables

THRESHOLD = 0.97  # least probability of a face
OVERLAP = 0.4  # boxes with a larger overlap are one face
# Per level: stride of its cells and sides of their anchors, in pixels.
_LEVELS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_VARIANCES = 0.1, 0.2  # units of offsets and of log scales


class RetinaFaceDetector:
  """RetinaFace at the size of the picture; a `detector.FaceDetector`.

  The network is compiled for each size of picture: padding to a few sizes would
  change its results near the border.
  """

  def __init__(self, variables: Variables, *, original_quirks: bool = False):
    """Puts the weights on the device.

    Args:
      variables: variables of the network `retinaface`.
      original_quirks: whether to exchange red and blue and return the likeliest
        face first.
    """
    self._variables = jax.device_put(variables)
    self._original_quirks = original_quirks
    module = zoo.build('retinaface')

    @jax.jit
    def run(
      variables: Variables, image: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
      raw: Any = module.apply(
        variables, image[None].astype(jnp.float32), train=False
      )
      scores = jax.nn.softmax(raw.kind, axis=-1)[0, :, 1]
      return raw.box[0], scores, raw.points[0]

    self._run = run

  def detect(
    self, picture: np.ndarray, *, thorough: bool = True
  ) -> list[detector.Detection]:
    """The faces of a picture, largest first; see `FaceDetector`.

    Args:
      picture: uint8 [H, W, 3] RGB.
      thorough: ignored; one pass finds faces of 16 pixels and more.

    Returns:
      Faces. Their ears are estimates: beside the eyes, on the sides of the box.

    Raises:
      ValueError: `picture` has another shape or type.
    """
    del thorough
    warp.check_picture(picture)
    image = picture if self._original_quirks else picture[..., ::-1]
    raw = [np.asarray(x) for x in self._run(self._variables, image)]
    faces = [
      _as_detection(row) for row in detections(*raw, size=picture.shape[:2])
    ]
    if self._original_quirks:
      return faces
    return sorted(faces, key=lambda face: face.area, reverse=True)


def detections(
  raw_boxes: np.ndarray,
  scores: np.ndarray,
  raw_points: np.ndarray,
  *,
  size: Sequence[int],
  threshold: float = THRESHOLD,
  overlap: float = OVERLAP,
) -> np.ndarray:
  """Faces decoded from the network's outputs.

  Args:
    raw_boxes: [N, 4] outputs for N anchors.
    scores: [N] probabilities of a face.
    raw_points: [N, 10] outputs.
    size: (height, width) of the picture.
    threshold: least probability of a face.
    overlap: largest overlap of two faces, as a share of the boxes' union.

  Returns:
    [K, 15] box, score and five points in pixels, likeliest face first.
  """
  height, width = size
  likely = np.flatnonzero(scores > threshold)
  likely = likely[np.argsort(-scores[likely], kind='stable')]
  around = anchors(height, width)[likely]
  scale = np.array([width, height], np.float32)
  boxes = decode_boxes(raw_boxes[likely], around) * np.tile(scale, 2)
  points = decode_points(raw_points[likely], around) * np.tile(scale, 5)
  keep = suppress(boxes, overlap)
  columns = [boxes, scores[likely, None], points]
  return np.concatenate(columns, axis=1)[keep]


def anchors(height: int, width: int) -> np.ndarray:
  """Anchors [N, 4] as fractions, by level, row, column and side."""
  levels = []
  for stride, sides in _LEVELS:
    rows, columns = -(-height // stride), -(-width // stride)
    grid = np.empty((rows, columns, len(sides), 4))
    grid[..., 0] = ((np.arange(columns) + 0.5) * stride / width)[:, None]
    grid[..., 1] = ((np.arange(rows) + 0.5) * stride / height)[:, None, None]
    grid[..., 2] = np.array(sides) / width
    grid[..., 3] = np.array(sides) / height
    levels.append(grid.reshape(-1, 4))
  return np.concatenate(levels).astype(np.float32)


def decode_boxes(raw: np.ndarray, around: np.ndarray) -> np.ndarray:
  """Boxes [N, 4] as fractions, from outputs [N, 4] and anchors [N, 4]."""
  offset, scale = _VARIANCES
  centre = around[:, :2] + raw[:, :2] * offset * around[:, 2:]
  half = around[:, 2:] * np.exp(raw[:, 2:] * scale) / 2
  return np.concatenate([centre - half, centre + half], axis=1)


def decode_points(raw: np.ndarray, around: np.ndarray) -> np.ndarray:
  """Points [N, 10] as fractions, from outputs [N, 10] and anchors [N, 4]."""
  side = np.tile(around[:, 2:], 5)
  return np.tile(around[:, :2], 5) + raw * _VARIANCES[0] * side


def suppress(boxes: np.ndarray, overlap: float = OVERLAP) -> np.ndarray:
  """Indices of the boxes kept by non-maximum suppression.

  Args:
    boxes: [N, 4], best first.
    overlap: largest overlap with a better box, as a share of their union.
  """
  low, high = boxes[:, :2], boxes[:, 2:]
  areas = (high - low).prod(axis=1)
  rest, kept = np.arange(len(boxes)), []
  while len(rest):
    best, others = rest[0], rest[1:]
    kept.append(best)
    sides = np.minimum(high[best], high[others]) - np.maximum(
      low[best], low[others]
    )
    shared = np.maximum(sides, 0).prod(axis=1)
    union = areas[best] + areas[others] - shared
    rest = others[~(shared > overlap * union)]
  return np.array(kept, np.intp)


def _as_detection(row: np.ndarray) -> detector.Detection:
  """A `Detection` from one row of `detections`."""
  x0, y0, x1, y1, score = (float(value) for value in row[:5])
  eye, other, nose, *mouth = row[5:].astype(np.float64).reshape(5, 2)
  ears = [(x0, eye[1]), (x1, other[1])]
  keypoints = np.stack([eye, other, nose, np.mean(mouth, axis=0), *ears])
  return detector.Detection((x0, y0, x1, y1), score, keypoints)
