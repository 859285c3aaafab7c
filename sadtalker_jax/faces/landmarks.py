"""The 478 landmarks of a face, and the 68 of iBUG among them.

`Landmarker` is the interface; `FaceMesh` is the one that ships (MediaPipe's
468-point mesh and its iris network, run by `faces.graph`). Pictures are uint8
[H, W, 3]. Points are [478, 3] float32: (x, y) in pixels of the picture, y down,
the centre of the first pixel at (0.5, 0.5); z on the same scale, smaller is
nearer to the camera, zero near the middle of the head. Points 0-467 are the
mesh, 468-472 the iris of the eye on the left of the picture of a frontal face
(its centre first), 473-477 the other.

The mesh network barely follows a closed eye: its lids keep two thirds of their
distance. The iris network also returns the lids, from more pixels, and these
close; so the lids (`mesh.LIDS`) are taken from it by default. They lie on
the visible eye; the mesh's corners are up to 7 % of the eye distance outside.
"""

from collections.abc import Iterable, Sequence
import dataclasses
import math
from typing import Protocol

import numpy as np

from sadtalker_jax.faces import crop, crowd, mesh, tracking, warp
from sadtalker_jax.faces import detector as detectors

POINTS = 478
# Margin around a box of a user, in its sides: context for the detector.
_BOX_MARGIN = 0.3
# The 68 points of iBUG (300-W), in its order: the jaw from left to right as
# seen, brows, bridge and foot of the nose, the eye on the left from its outer
# corner clockwise, the other from its inner corner, outer lips from the left
# corner clockwise, inner lips likewise. For each the vertex of the mesh that
# lies nearest to the point of an independent 68-point network (face-api), as
# measured on 85 pictures, kept to the outline, the lids and the lip rings, and
# symmetric; mean distance 3.6 % of the distance of the outer eye corners.
LANDMARKS_68 = np.array(
  [
    *(127, 234, 93, 132, 58, 136, 150, 176, 152),
    *(400, 379, 365, 288, 361, 323, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(6, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
  ]
)
LANDMARKS_68.setflags(write=False)


@dataclasses.dataclass(frozen=True, eq=False)
class Landmarks:
  """The landmarks found in one picture."""

  points: np.ndarray  # float32 [478, 3]
  confidence: float  # probability of a face, 0 to 1


class Landmarker(Protocol):
  """Interface of landmark detectors."""

  def detect(
    self, picture: np.ndarray, face: detectors.Detection | crop.Box
  ) -> Landmarks:
    """The landmarks of one face of a picture uint8 [H, W, 3].

    Args:
      picture: uint8 [H, W, 3].
      face: a detection, or a box (x0, y0, x1, y1) in pixels around a face.
    """
    ...

  def track(
    self,
    frames: Iterable[np.ndarray],
    *,
    face_index: int = 0,
    box: crop.Box | None = None,
  ) -> tracking.TrackedFace:
    """The landmarks of one face through the frames of a video.

    Args:
      frames: uint8 [H, W, 3] each, all of one size.
      face_index: index of the face among those of the first frame with any,
        largest first.
      box: box (x0, y0, x1, y1) of the face in the first frame, instead of an
        index.
    """
    ...

  def track_all(self, frames: Iterable[np.ndarray]) -> list[crowd.Run]:
    """The runs of all faces through the frames of a shot; see `crowd`."""
    ...


class FaceMesh:
  """MediaPipe's face mesh with irises."""

  def __init__(
    self,
    detector: detectors.FaceDetector | None = None,
    *,
    refine_lids: bool = True,
  ):
    """Stores the options; the networks are loaded at their first use.

    Args:
      detector: detector of the faces that `track` follows; default `BlazeFace`.
      refine_lids: whether to take the lids from the iris network.
    """
    self._detector = detector or detectors.BlazeFace()
    self._refine_lids = refine_lids

  def detect(
    self, picture: np.ndarray, face: detectors.Detection | crop.Box
  ) -> Landmarks:
    """The landmarks of one face; see `Landmarker`.

    Each pass of the mesh gives a better square for the next. As users draw
    boxes tight or loose, the face is first detected in and around the box; only
    if there is none, the box itself is taken for the face.

    Args:
      picture: uint8 [H, W, 3].
      face: a detection, or a box (x0, y0, x1, y1) in pixels around a face.

    Raises:
      ValueError: `picture` has another shape or type.
    """
    warp.check_picture(picture)
    if not isinstance(face, detectors.Detection):
      face = self._detect_in(picture, face) or face
    if isinstance(face, detectors.Detection):
      angle = mesh.direction(*face.keypoints[:2])
      square, passes = mesh.square_of_box(face.box, angle), 2
    else:
      square, passes = mesh.square_of_box(face), 3
    for _ in range(passes - 1):
      points, _ = mesh.run_mesh(picture, square)
      square = mesh.square_of_mesh(points)
    return self._last_pass(picture, square)

  def follow(self, picture: np.ndarray, before: np.ndarray) -> Landmarks:
    """The landmarks of a face known from the previous frame, in one pass.

    Args:
      picture: uint8 [H, W, 3].
      before: points [478, 3] in the previous frame.

    Returns:
      The landmarks, with low confidence if the face is gone.

    Raises:
      ValueError: `picture` has another shape or type.
    """
    warp.check_picture(picture)
    return self._last_pass(picture, mesh.square_of_mesh(before))

  def track(
    self,
    frames: Iterable[np.ndarray],
    *,
    face_index: int = 0,
    box: crop.Box | None = None,
  ) -> tracking.TrackedFace:
    """The landmarks of one face through a video; see `tracking.track`.

    Raises:
      InputError: there are no frames, no face in any, or none with this index.
    """
    return tracking.track(
      frames, self, self._detector, face_index=face_index, box=box
    )

  def track_all(self, frames: Iterable[np.ndarray]) -> list[crowd.Run]:
    """The runs of all faces through a shot; see `crowd.track`."""
    return crowd.track(frames, self, self._detector)

  def _detect_in(
    self, picture: np.ndarray, box: crop.Box
  ) -> detectors.Detection | None:
    """The largest face whose middle lies in the box."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box
    margin = _BOX_MARGIN * max(x1 - x0, y1 - y0)
    left, top = (max(0, math.floor(v - margin)) for v in (x0, y0))
    right = min(width, math.ceil(x1 + margin))
    bottom = min(height, math.ceil(y1 + margin))
    for face in self._detector.detect(picture[top:bottom, left:right]):
      face = face.moved(left, top)
      a, b, c, d = face.box
      if x0 <= (a + c) / 2 <= x1 and y0 <= (b + d) / 2 <= y1:
        return face
    return None

  def _last_pass(self, picture: np.ndarray, square: warp.Square) -> Landmarks:
    """The mesh found in this square, and the irises."""
    return self.in_squares([picture], [square], batch=1)[0]

  def in_squares(
    self,
    pictures: Sequence[np.ndarray],
    squares: Sequence[warp.Square],
    *,
    batch: int,
  ) -> list[Landmarks]:
    """The landmarks of many faces whose places are known, in one pass each.

    Args:
      pictures: uint8 [H, W, 3], one for each square.
      squares: input regions of the mesh network (`mesh.square_of_mesh`).
      batch: number of faces per call of the networks.

    Returns:
      One `Landmarks` per square, with low confidence where there is no face.
    """
    meshes = mesh.run_meshes(pictures, squares, batch=batch)
    eyes = mesh.run_irises(pictures, [m for m, _ in meshes], batch=batch)
    found = []
    for (points, confidence), (irises, lids) in zip(meshes, eyes, strict=True):
      if self._refine_lids:
        points[np.array(mesh.LIDS), :2] = lids
      points = np.concatenate([points, *irises])
      found.append(Landmarks(points.astype(np.float32), confidence))
    return found


def to_68(points: np.ndarray) -> np.ndarray:
  """The 68 iBUG points [..., 68, D] among the 478 points [..., 478, D]."""
  return points[..., LANDMARKS_68, :]
