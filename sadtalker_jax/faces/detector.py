"""Where the faces of a picture are.

`FaceDetector` is the interface; `BlazeFace` is the detector that ships
(MediaPipe's short-range BlazeFace, run by `faces.graph`). Pictures are uint8
[H, W, 3]; boxes are (x0, y0, x1, y1), points (x, y), in pixels of the
picture, y down, the centre of the first pixel at (0.5, 0.5).

The network sees 128 x 128 pixels and finds faces that fill 0.15 to 1.0 of
them, so the search runs in two steps: tiles of the picture at several scales
give candidates, and each candidate is looked at again in a crop of the full
picture, three times as wide as its box. A true face is found again there, and
with a better box; what a tile mistook for one is mostly not.
"""

from collections.abc import Sequence
import dataclasses
from typing import Protocol, TypeAlias

import numpy as np

from sadtalker_jax.faces import blazeface, tiles, warp

Box: TypeAlias = tuple[float, float, float, float]  # x0, y0, x1, y1

# Longer sides of the picture, in pixels, at which the network looks.
_WHOLE = (tiles.SIDE // 2, tiles.SIDE)
_TILED = (tiles.SIDE * 2, tiles.SIDE * 4)
_FINEST = tiles.SIDE * 8  # only when nothing else was found: 225 tiles
_ZOOM = 3.0  # side of the second look, in sides of the candidate's box
_OVERLAP = 0.3  # boxes that share more than this are one face


@dataclasses.dataclass(frozen=True, eq=False)
class Detection:
  """One face."""

  box: Box  # may reach over the picture's border
  score: float  # 0 to 1
  # [6, 2]: eye and eye (the one left in the picture first), nose tip, mouth,
  # ear and ear.
  keypoints: np.ndarray

  @property
  def area(self) -> float:
    """Square pixels of the box."""
    return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])

  def moved(self, dx: float, dy: float) -> 'Detection':
    """The same face, this much to the right and down."""
    x0, y0, x1, y1 = self.box
    return Detection(
      (x0 + dx, y0 + dy, x1 + dx, y1 + dy),
      self.score,
      self.keypoints + np.array([dx, dy]),
    )


class FaceDetector(Protocol):
  """What a face detector must offer."""

  def detect(
    self, picture: np.ndarray, *, thorough: bool = True
  ) -> list[Detection]:
    """The faces of a picture uint8 [H, W, 3], largest first.

    Args:
      picture: uint8 [H, W, 3].
      thorough: also look for faces that are small in the picture.
    """
    ...


class BlazeFace:
  """MediaPipe's short-range BlazeFace over tiles of several scales."""

  def __init__(self, threshold: float = 0.5, confirmation: float = 0.7):
    """Sets thresholds; the network is loaded at its first use.

    Args:
      threshold: least score of a candidate.
      confirmation: least score of a face in the second, closer look.
    """
    self._threshold = threshold
    self._confirmation = confirmation

  def detect(
    self, picture: np.ndarray, *, thorough: bool = True
  ) -> list[Detection]:
    """The faces of a picture, largest first; see `FaceDetector`."""
    warp.check_picture(picture)
    # The coarse scales are made from the finest: one pass over the pixels.
    base = tiles.scaled(picture, min(_FINEST, max(picture.shape[:2])))
    factor = max(picture.shape[:2]) / max(base.shape[:2])
    faces = self._search(
      picture, base, factor, _WHOLE + _TILED if thorough else _WHOLE
    )
    if thorough and not faces:
      faces = self._search(picture, base, factor, (_FINEST,))
    return sorted(faces, key=lambda face: face.area, reverse=True)

  def _search(
    self,
    picture: np.ndarray,
    base: np.ndarray,
    factor: float,
    scales: Sequence[int],
  ) -> list[Detection]:
    """Faces found at these scales and found again in a closer look."""
    pieces = [
      tile
      for scale in scales
      if tiles.useful(base, scale)
      for tile in tiles.cut(base, scale)
    ]
    candidates: list[Detection] = []
    if not pieces:
      return []
    outputs = blazeface.run(np.stack([tile.pixels for tile in pieces]))
    for tile, (boxes, scores, points) in zip(pieces, outputs, strict=True):
      keep = (scores > self._threshold) & tile.holds(boxes)
      corners = tile.to_picture(boxes[keep].reshape(-1, 2, 2)) * factor
      points = tile.to_picture(points[keep]) * factor
      candidates += _detections(corners.reshape(-1, 4), scores[keep], points)
    return self._confirm(picture, merge(candidates))

  def _confirm(
    self, picture: np.ndarray, candidates: Sequence[Detection]
  ) -> list[Detection]:
    """The candidates that a crop of the full picture shows to be faces."""
    if not candidates:
      return []
    squares = [_around(candidate) for candidate in candidates]
    n = tiles.SIDE
    crops = [warp.crop(picture, s, n, border='black') for s in squares]
    found = []
    outputs = blazeface.run(np.stack(crops))
    for candidate, square, (boxes, scores, points) in zip(
      candidates, squares, outputs, strict=True
    ):
      keep = scores > self._threshold
      corners = square.to_picture(boxes[keep].reshape(-1, 2, 2), n)
      again = merge(
        _detections(
          corners.reshape(-1, 4),
          scores[keep],
          square.to_picture(points[keep], n),
        )
      )
      if again:
        best = max(again, key=lambda face: overlap(face.box, candidate.box))
        if (
          best.score > self._confirmation
          and overlap(best.box, candidate.box) > _OVERLAP
        ):
          found.append(best)
    return merge(found)


def overlap(a: Box, b: Box) -> float:
  """Area that two boxes share over the area of their union."""
  width = min(a[2], b[2]) - max(a[0], b[0])
  height = min(a[3], b[3]) - max(a[1], b[1])
  if width <= 0 or height <= 0:
    return 0.0
  shared = width * height
  areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
  return shared / (sum(areas) - shared)


def merge(detections: Sequence[Detection]) -> list[Detection]:
  """One detection per face: boxes that overlap are averaged by score.

  The blending variant of non-maximum suppression (BlazeFace, section 3.2).
  """
  rest = sorted(detections, key=lambda face: face.score, reverse=True)
  merged = []
  while rest:
    group = [f for f in rest if overlap(f.box, rest[0].box) > _OVERLAP]
    group = group or rest[:1]  # an empty box overlaps not even itself
    weights = np.array([face.score for face in group])
    weights = weights / weights.sum()
    box = weights @ np.array([face.box for face in group])
    points = np.tensordot(weights, [face.keypoints for face in group], 1)
    x0, y0, x1, y1 = (float(value) for value in box)
    merged.append(Detection((x0, y0, x1, y1), rest[0].score, points))
    chosen = {id(face) for face in group}
    rest = [face for face in rest if id(face) not in chosen]
  return merged


def _around(face: Detection) -> warp.Square:
  """The square of the closer look."""
  x0, y0, x1, y1 = face.box
  side = _ZOOM * max(x1 - x0, y1 - y0)
  return warp.Square(((x0 + x1) / 2, (y0 + y1) / 2), side)


def _detections(
  boxes: np.ndarray, scores: np.ndarray, points: np.ndarray
) -> list[Detection]:
  """Arrays [N, 4], [N], [N, 6, 2] as objects."""
  return [
    Detection((float(a), float(b), float(c), float(d)), float(s), p)
    for (a, b, c, d), s, p in zip(boxes, scores, points, strict=True)
  ]
