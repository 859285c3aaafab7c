"""Finders of the 68 landmarks that place the crop and the alignment of a face.

Conventions: points are (x, y) in pixels of the given picture, y down; their
order is that of `faces.landmarks.to_68`.
"""

import fractions
from typing import Protocol

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.faces import crop, fan, landmarks, retinaface
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait
from sadtalker_jax.media import files


class Finder(Protocol):
  """A way to find 68 landmarks."""

  def find(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> np.ndarray:
    """Points [68, 2] of the face that the options choose.

    Raises:
      InputError: there is no such face.
    """

  def follow(self, path: files.Path, fps: fractions.Fraction) -> np.ndarray:
    """Points [T, 68, 2] of the face in a video, `fps` frames per second.

    Raises:
      InputError: the file is no video, or shows no face.
    """


class MeshFinder:
  """The 68 among the landmarks of the networks that ship with the package."""

  def __init__(self, bundle: bundle_lib.Bundle):
    """A finder with the detector and the landmark networks of a bundle."""
    self._bundle = bundle

  def find(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> np.ndarray:
    """Points [68, 2] of the chosen face of a picture."""
    points = portrait.locate(picture, self._bundle, options)
    return landmarks.to_68(points)[:, :2]

  def follow(self, path: files.Path, fps: fractions.Fraction) -> np.ndarray:
    """Points [T, 68, 2] of the face in a video."""
    from sadtalker_jax.media import video  # needs PyAV, which drawing does not

    with video.VideoReader(path) as reader:
      points, _, found = self._bundle.landmarker.track(reader.frames(fps=fps))
    if not found.any():
      raise errors.InputError(f'{path}: expected a face, found none')
    return landmarks.to_68(points)[..., :2]


class PublishedFinder:
  """RetinaFace and the 98-point network, as in the published program.

  A frame of a video without a face has the points of the one before it, as
  meant there (quirk Q22).
  """

  def __init__(self, bundle: bundle_lib.Bundle, exact: bool):
    """A finder with both networks of a bundle.

    Args:
      bundle: Bundle that has both.
      exact: Whether to feed them as the published program does, red and blue
        exchanged (quirk Q20), and to take the likeliest face for the largest.
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

  def follow(self, path: files.Path, fps: fractions.Fraction) -> np.ndarray:
    """Points [T, 68, 2] of the largest face in each frame of a video."""
    from sadtalker_jax.media import video  # needs PyAV, which drawing does not

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


def choose(bundle: bundle_lib.Bundle, options: options_lib.Options) -> Finder:
  """The finder of the published program where the bundle has its networks.

  Raises:
    InputError: `release_crop` is asked for, and the bundle lacks them.
  """
  names = ('retinaface', 'fan')
  if all(bundle.has(name) for name in names):
    return PublishedFinder(bundle, options.release_crop)
  if options.release_crop:
    raise errors.InputError(
      f'release_crop: expected the networks {" and ".join(names)} in the '
      f"bundle '{bundle.name}', which lacks them"
    )
  return MeshFinder(bundle)
