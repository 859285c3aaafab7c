"""Detection of the faces in a picture.

`FaceDetector` is the interface; `BlazeFace` is the detector that ships
(MediaPipe's short-range BlazeFace, run by `faces.graph`). Pictures are uint8
[H, W, 3]; boxes are (x0, y0, x1, y1), points (x, y), in pixels of the
picture, y down, the centre of the first pixel at (0.5, 0.5).

The network takes 128 x 128 pixels and finds faces that fill 0.15 to 1.0 of
them, so detection has two steps: tiles of the picture at several scales
give candidates, and for each candidate the network runs again on a crop of the
full picture, three times as wide as the candidate's box. True faces are found
again there, with a better box; most false ones are not.
"""

from collections.abc import Sequence
import dataclasses
from typing import Protocol, TypeAlias

import numpy as np

from sadtalker_jax.faces import blazeface, tiles, warp

Box: TypeAlias = tuple[float, float, float, float]  # x0, y0, x1, y1

# Scales of the first step, as the longer side of the picture in pixels.
_WHOLE = (tiles.SIDE // 2, tiles.SIDE)
_TILED = (tiles.SIDE * 2, tiles.SIDE * 4)
_FINEST = tiles.SIDE * 8  # only if nothing else was found: 225 tiles
_ZOOM = 3.0  # side of the crop of the second step, in sides of the box
_OVERLAP = 0.3  # boxes with a larger overlap are one face


@dataclasses.dataclass(frozen=True, eq=False)
class Detection:
  """One face."""

  box: Box  # may reach beyond the picture's border
  score: float  # 0 to 1
  # [6, 2]: the eyes (the one on the left of the picture first), nose tip,
  # mouth, the ears.
  keypoints: np.ndarray

  @property
  def area(self) -> float:
    """Area of the box in square pixels."""
    return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])

  def moved(self, dx: float, dy: float) -> 'Detection':
    """The same face, moved by `dx` to the right and `dy` down."""
    x0, y0, x1, y1 = self.box
    return Detection(
      (x0 + dx, y0 + dy, x1 + dx, y1 + dy),
      self.score,
      self.keypoints + np.array([dx, dy]),
    )


class FaceDetector(Protocol):
  """Interface of face detectors."""

  def detect(
    self, picture: np.ndarray, *, thorough: bool = True
  ) -> list[Detection]:
    """The faces of a picture uint8 [H, W, 3], largest first.

    Args:
      picture: uint8 [H, W, 3].
      thorough: whether to search for faces that are small in the picture, too.
    """
    ...


class BlazeFace:
  """MediaPipe's short-range BlazeFace, run on tiles of several scales."""

  def __init__(self, threshold: float = 0.5, confirmation: float = 0.7):
    """Sets thresholds; the network is loaded at its first use.

    Args:
      threshold: least score of a candidate.
      confirmation: least score of a face in the second step.
    """
    self._threshold = threshold
    self._confirmation = confirmation

  def detect(
    self, picture: np.ndarray, *, thorough: bool = True
  ) -> list[Detection]:
    """The faces of a picture, largest first; see `FaceDetector`.

    Raises:
      ValueError: `picture` has another shape or type.
    """
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
    """Faces found at these scales and confirmed in the second step."""
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
    """Faces that are found again in a crop of the full picture."""
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
  """Intersection of two boxes over their union, by area."""
  width = min(a[2], b[2]) - max(a[0], b[0])
  height = min(a[3], b[3]) - max(a[1], b[1])
  if width <= 0 or height <= 0:
    return 0.0
  shared = width * height
  areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
  return shared / (sum(areas) - shared)


def merge(detections: Sequence[Detection]) -> list[Detection]:
  """One detection per face: overlapping ones are averaged, weighted by score.

  The blending variant of non-maximum suppression (BlazeFace, section 3.2).
  """
  rest = sorted(detections, key=lambda face: face.score, reverse=True)
  merged = []
  while rest:
    group = [f for f in rest if overlap(f.box, rest[0].box) > _OVERLAP]
    group = group or rest[:1]  # an empty box does not even overlap itself
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
  """The square of the second step."""
  x0, y0, x1, y1 = face.box
  side = _ZOOM * max(x1 - x0, y1 - y0)
  return warp.Square(((x0 + x1) / 2, (y0 + y1) / 2), side)


def _detections(
  boxes: np.ndarray, scores: np.ndarray, points: np.ndarray
) -> list[Detection]:
  """`Detection`s from boxes [N, 4], scores [N] and points [N, 6, 2]."""
  return [
    Detection((float(a), float(b), float(c), float(d)), float(s), p)
    for (a, b, c, d), s, p in zip(boxes, scores, points, strict=True)
  ]
