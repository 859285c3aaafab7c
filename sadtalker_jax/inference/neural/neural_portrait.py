"""The portrait as the networks see it: a square crop and its coefficients.

Conventions: picture points are (x, y) in pixels of the given picture, y down;
boxes are (x0, y0, x1, y1) in whole pixels of the picture. The square has S x S
pixels, S = 256 or 512, and shows the crop squeezed (method 5.12, method 6.7);
its frames get the shape of the crop back when they are done.
"""

from collections.abc import Iterator
import dataclasses
import fractions
import itertools
from typing import Protocol

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d import alignment
from sadtalker_jax.faces import crop, fan, landmarks, recon, retinaface
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait
from sadtalker_jax.media import video

_BATCH = 16  # frames of a reference video that are looked at together


@dataclasses.dataclass(frozen=True, eq=False)
class SquarePortrait:
  """Everything that is known of the portrait before any motion."""

  picture: np.ndarray  # [H, W, 3] uint8
  landmarks: np.ndarray  # [68, 2] picture points
  window: portrait.Window
  square: np.ndarray  # [S, S, 3] uint8
  coefficients: np.ndarray  # [257]
  row: np.ndarray  # [73] expression, angles, translation, crop

  @property
  def frame_size(self) -> tuple[int, int]:
    """Width and height of the frames."""
    return self.window.frame_size

  def measured(self) -> portrait.MeasuredFace:
    """The face as the network measured it, in the squeezed square."""
    scale, tx, ty = (float(v) for v in self.row[conventions.ROW_CROP])
    side = float(len(self.square))
    trans = alignment.TransParams(side, side, scale, tx, ty)
    return portrait.MeasuredFace(
      self.square, np.asarray(self.coefficients), trans
    )


class Finder(Protocol):
  """Finds 68 landmarks."""

  def find(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> np.ndarray:
    """Points [68, 2] of the chosen face; InputError if there is none."""

  def follow(self, path: video.Path, fps: fractions.Fraction) -> np.ndarray:
    """Points [T, 68, 2] of the face in a video at a frame rate."""


class MeshFinder:
  """The 68 among the landmarks of the networks that ship with the package."""

  def __init__(self, bundle: bundle_lib.Bundle):
    """Takes the bundle's detector and landmark networks."""
    self._bundle = bundle

  def find(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> np.ndarray:
    """Points [68, 2] of the chosen face of a picture."""
    points = portrait.locate(picture, self._bundle, options)
    return landmarks.to_68(points)[:, :2]

  def follow(self, path: video.Path, fps: fractions.Fraction) -> np.ndarray:
    """Points [T, 68, 2] of the face in a video."""
    with video.VideoReader(path) as reader:
      points, _, found = self._bundle.landmarker.track(reader.frames(fps=fps))
    if not found.any():
      raise errors.InputError(f'{path}: expected a face, found none')
    return landmarks.to_68(points)[..., :2]


class OriginalFinder:
  """RetinaFace and the 98-point network, as the original program.

  As there, a frame of a video without a face has the points of the one before
  it (meant so there, see quirk Q22).
  """

  def __init__(self, bundle: bundle_lib.Bundle, exact: bool):
    """Takes a bundle with both networks.

    Args:
      bundle: holds them.
      exact: feed them as the original does, red and blue exchanged (quirk Q20),
        and take the likeliest face for the largest.
    """
    self._detector = retinaface.RetinaFaceDetector(
      bundle.variables('retinaface'), original_quirks=exact
    )
    self._landmarker = fan.FanLandmarker(
      bundle.variables('fan'), original_quirks=exact
    )

  def find(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> np.ndarray:
    """Points [68, 2] of the chosen face of a picture."""
    height, width = picture.shape[:2]
    if options.box is not None:
      box = crop.check_box(options.box, (width, height))
    else:
      box = crop.pick(
        self._detector.detect(picture), options.face_index, (width, height)
      ).box
    return self._landmarker.points68(picture, box)

  def follow(self, path: video.Path, fps: fractions.Fraction) -> np.ndarray:
    """Points [T, 68, 2] of the largest face in each frame of a video."""
    points: list[np.ndarray | None] = []
    with video.VideoReader(path) as reader:
      for frame in reader.frames(fps=fps):
        faces = self._detector.detect(frame)
        before = points[-1] if points else None
        points.append(
          self._landmarker.points68(frame, faces[0].box) if faces else before
        )
    first = next((p for p in points if p is not None), None)
    if first is None:
      raise errors.InputError(f'{path}: expected a face, found none')
    return np.stack([first if p is None else p for p in points])


def finder(bundle: bundle_lib.Bundle, options: options_lib.Options) -> Finder:
  """The original's networks where the bundle has them.

  Raises:
    InputError: `release_crop` is asked for, and the bundle lacks them.
  """
  names = ('retinaface', 'fan')
  if all(bundle.has(name) for name in names):
    return OriginalFinder(bundle, options.release_crop)
  if options.release_crop:
    raise errors.InputError(
      f'release_crop: expected the networks {" and ".join(names)} in the '
      f"bundle '{bundle.name}', which lacks them"
    )
  return MeshFinder(bundle)


def prepare(
  picture: np.ndarray,
  faces: Finder,
  reconstructor: recon.Reconstructor,
  options: options_lib.Options,
) -> SquarePortrait:
  """Finds, crops and measures the face of a portrait.

  Args:
    picture: [H, W, 3] uint8 RGB.
    faces: finds landmarks.
    reconstructor: picture to coefficients.
    options: which face, which crop, what size.

  Raises:
    InputError: there is no such face.
  """
  height, width = picture.shape[:2]
  points = faces.find(picture, options)
  exact = options.release_crop
  info = crop.crop_box(
    points, (width, height), options.preprocess, original_quirks=exact
  )
  box = _inside(info.box, (width, height))
  square = crop.resize_to(picture, box, options.size, original_quirks=exact)
  inside = crop.to_square(points, box, options.size)
  full, trans = reconstructor.coefficients([square], inside[None])
  paste = options.preprocess in ('full', 'extfull')
  frame = (options.size, options.size)
  if not paste:
    # The reference truncates (method 5.12).
    frame = (options.size, int(options.size * info.size[1] / info.size[0]))
  x0, y0, x1, y1 = (float(v) for v in box)
  window = portrait.Window((x0, y0, x1, y1), frame, (False,) * 4, paste)
  row = recon.row73(full, trans)[0]
  return SquarePortrait(picture, points, window, square, full[0], row)


def _inside(box: crop.IntBox, size: crop.Size) -> crop.IntBox:
  """A box cut to its picture, as the original cuts by slicing (quirk Q17).

  Raises:
    InputError: nothing is left.
  """
  x0, y0 = (max(v, 0) for v in box[:2])
  x1, y1 = (min(v, n) for v, n in zip(box[2:], size, strict=True))
  if x0 >= x1 or y0 >= y1:
    raise errors.InputError(
      f'expected a face in the picture of {size[0]}x{size[1]} pixels, found '
      f'its crop {box} outside'
    )
  return x0, y0, x1, y1


def video_rows(
  path: video.Path,
  fps: fractions.Fraction,
  faces: Finder,
  reconstructor: recon.Reconstructor,
  options: options_lib.Options,
) -> np.ndarray:
  """Coefficient rows [T, 70] of the face in a video.

  The crop is that of the first frame, as in the original (quirk Q16). Memory
  grows with the landmarks only: frames are read twice.

  Raises:
    InputError: the file is no video, or shows no face.
  """
  points = faces.follow(path, fps)
  rows = []
  with video.VideoReader(path) as reader:
    width, height = reader.size
    info = crop.crop_box(points[0], (width, height), options.preprocess)
    inside = crop.to_square(points, info.box, options.size)
    start = 0
    for frames in _batches(reader.frames(fps=fps)):
      squares = [crop.resize_to(f, info.box, options.size) for f in frames]
      stop = start + len(squares)
      full, trans = reconstructor.coefficients(squares, inside[start:stop])
      rows.append(recon.row73(full, trans)[:, : conventions.ROW_SIZE])
      start = stop
  return np.concatenate(rows)


def _batches(frames: Iterator[np.ndarray]) -> Iterator[list[np.ndarray]]:
  while batch := list(itertools.islice(frames, _BATCH)):
    yield batch
