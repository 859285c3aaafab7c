"""Portraits as all renderers share them, and the face of a picture.

Conventions: picture points are (x, y) in pixels of the given picture, y down,
pixel centres at half-integers. Boxes are (x0, y0, x1, y1) in pixels of the
picture. Sizes are (width, height).
"""

import dataclasses
from typing import NamedTuple, Protocol

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d import alignment
from sadtalker_jax.faces import crop
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib

Box = tuple[float, float, float, float]

MIN_CONFIDENCE = 0.5  # probability that the landmarks are those of a face
MIN_FACE = 24  # pixels between the outer corners of the eyes


@dataclasses.dataclass(frozen=True)
class Window:
  """The part of the picture that is animated."""

  box: Box
  frame_size: tuple[int, int]  # of a frame, pixels
  # Sides of the frame that must not move: left, top, right, bottom.
  pinned: tuple[bool, bool, bool, bool]
  paste: bool  # whether frames are pasted back into the picture


class MeasuredFace(NamedTuple):
  """A face measured in the frame of the reconstruction."""

  picture: np.ndarray  # [H, W, 3] uint8 in which the face was measured
  coefficients: np.ndarray  # [257] of the portrait's basis
  trans: alignment.TransParams  # from that picture to the aligned frame


class Portrait(Protocol):
  """A portrait before any motion; every renderer has a kind of its own."""

  @property
  def picture(self) -> np.ndarray:
    """The whole picture, [H, W, 3] uint8 RGB."""

  @property
  def window(self) -> Window:
    """The part of the picture that is animated."""

  @property
  def row(self) -> np.ndarray:
    """Coefficients [70] or [73] of the renderer's basis."""

  @property
  def frame_size(self) -> tuple[int, int]:
    """Width and height of the frames."""

  def measured(self) -> MeasuredFace:
    """The face as it was measured."""


def locate(
  picture: np.ndarray, bundle: bundle_lib.Bundle, options: options_lib.Options
) -> np.ndarray:
  """Landmarks [478, 3] of the face that the options choose, picture points.

  Args:
    picture: [H, W, 3] uint8 RGB.
    bundle: Bundle with the detector and the landmark networks.
    options: Choice of the face.

  Raises:
    InputError: there is no such face, or it is too small or unclear.
  """
  height, width = picture.shape[:2]
  face: crop.Box | object
  if options.box is not None:
    face = crop.check_box(options.box, (width, height))
  else:
    face = crop.pick(
      bundle.detector.detect(picture), options.face_index, (width, height)
    )
  found = bundle.landmarker.detect(picture, face)
  points = found.points
  if found.confidence < MIN_CONFIDENCE:
    raise errors.InputError(
      f'expected a clear face, found one with confidence '
      f'{found.confidence:.2f} (at least {MIN_CONFIDENCE} is needed)'
    )
  span = float(np.linalg.norm(points[33, :2] - points[263, :2]))
  if span < MIN_FACE:
    raise errors.InputError(
      f'expected a face with at least {MIN_FACE} pixels between the eyes, '
      f'found {span:.0f}'
    )
  return points
