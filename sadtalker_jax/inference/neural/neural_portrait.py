"""The portrait as the networks see it: a square crop and its coefficients.

Conventions: picture points are (x, y) in pixels of the given picture, y down;
boxes are (x0, y0, x1, y1) in whole pixels of the picture. The square has S x S
pixels, S = 256 or 512, and shows the crop squeezed (method 5.12, method 6.7);
finished frames have the shape of the crop again.
"""

from collections.abc import Iterator
import dataclasses
import fractions
import itertools

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d import alignment
from sadtalker_jax.faces import crop, recon
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait
from sadtalker_jax.inference.neural import face_finders
from sadtalker_jax.media import files

_BATCH = 16  # frames of a reference video that are measured together


@dataclasses.dataclass(frozen=True, eq=False)
class SquarePortrait:
  """A portrait before any motion: picture, landmarks, crop, coefficients."""

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


def prepare(
  picture: np.ndarray,
  finder: face_finders.Finder,
  reconstructor: recon.Reconstructor,
  options: options_lib.Options,
) -> SquarePortrait:
  """Finds, crops and measures the face of a portrait.

  Args:
    picture: [H, W, 3] uint8 RGB.
    finder: Finder of the landmarks.
    reconstructor: Network from pictures to coefficients.
    options: Choice of the face, the crop and its size.

  Raises:
    InputError: there is no such face.
  """
  height, width = picture.shape[:2]
  points = finder.find(picture, options)
  exact = options.release_crop
  info = crop.crop_box(
    points, (width, height), options.preprocess, original_quirks=exact
  )
  box = _inside(info.box, (width, height))
  square = crop.resize_to(picture, box, options.size, original_quirks=exact)
  inside = crop.to_square(points, box, options.size)
  full, trans = reconstructor.coefficients([square], inside[None])
  paste = options.is_pasted
  frame = (options.size, options.size)
  if not paste:
    # Truncated as published (method 5.12).
    frame = (options.size, int(options.size * info.size[1] / info.size[0]))
  x0, y0, x1, y1 = (float(v) for v in box)
  window = portrait.Window((x0, y0, x1, y1), frame, (False,) * 4, paste)
  row = recon.row73(full, trans)[0]
  return SquarePortrait(picture, points, window, square, full[0], row)


def _inside(box: crop.IntBox, size: crop.Size) -> crop.IntBox:
  """A box cut to its picture, as slices of the published program (quirk Q17).

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
  path: files.Path,
  fps: fractions.Fraction,
  finder: face_finders.Finder,
  reconstructor: recon.Reconstructor,
  options: options_lib.Options,
) -> np.ndarray:
  """Coefficient rows [T, 70] of the face in a video.

  The crop is that of the first frame, as published (quirk Q16). Memory grows
  with the landmarks only: frames are read twice.

  Args:
    path: Video file.
    fps: Frames per second of the result.
    finder: Finder of the landmarks.
    reconstructor: Network from pictures to coefficients.
    options: Choice of the crop and its size.

  Raises:
    InputError: the file is no video, or shows no face.
  """
  from sadtalker_jax.media import video  # needs PyAV, which drawing does not

  points = finder.follow(path, fps)
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
