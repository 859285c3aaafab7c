"""The first pass over a clip: its shots, and the face in each of them.

Conventions: landmarks are the 478 FaceMesh points in pixels of the frame. A
shot is followed by itself: nothing is smoothed across a cut. Memory holds
landmarks, 6 kB a frame, and no frames.
"""

from collections.abc import Iterable, Iterator
import itertools
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax import errors
from sadtalker_jax.face3d import measures
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.fitting import landmark_fit
from sadtalker_jax.faces import shots
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait as portrait_lib

_FADE = 0.15  # seconds over which the new mouth comes and goes with the face
# Yaw, radian, between which faces become too much of a profile.
_YAW_FROM, _YAW_TO = 0.7, 0.95


class Shot(NamedTuple):
  """Consecutive frames with one face, n of them."""

  first: int  # number of its first frame in the clip
  landmarks: np.ndarray  # [n, 478, 3], arbitrary where not found
  fit: landmark_fit.LandmarkFit
  weight: np.ndarray  # [n] 0 where the frame stays as it is, 1 new mouth


class Clip(NamedTuple):
  """A clip that was followed."""

  num_frames: int
  size: tuple[int, int]  # width, height
  shots: list[Shot]  # those with a face

  @property
  def longest(self) -> Shot:
    """The shot that shows its face in most frames."""
    return max(self.shots, key=lambda shot: int(shot.fit.found.sum()))

  def shot_at(self, number: int) -> tuple[int | None, int]:
    """The shot of a frame, None if it shows no face, and its place there."""
    for which, shot in enumerate(self.shots):
      place = number - shot.first
      if 0 <= place < len(shot.weight):
        return which, place
    return None, 0


def follow(
  frames: Iterable[np.ndarray],
  fps: float,
  bundle: bundle_lib.Bundle,
  options: options_lib.Options,
) -> Clip:
  """Finds the shots of a clip and fits the face of each one.

  Args:
    frames: uint8 [H, W, 3] each; read once.
    fps: Frames per second.
    bundle: Landmark networks and face model.
    options: Choice of the face; a box is of the first frame.

  Raises:
    InputError: there are no frames, or no face that can be re-voiced.
  """
  found: list[Shot] = []
  reason = None  # that there is no such face
  first, size, box = 0, (0, 0), options.box
  for part in by_shot(frames):
    counted = Counted(part)
    try:
      face = bundle.landmarker.track(
        counted, face_index=options.face_index if box is None else 0, box=box
      )
    except errors.InputError as error:  # no face here, or not so many
      face, reason = None, error
    for _ in counted:  # what was not read of this shot
      pass
    size, box = counted.size, None
    if face is not None:
      shot = fitted(first, face.points, face.found, size, fps, bundle.model)
      found += [] if shot is None else [shot]
    first += counted.number
  if not found and reason is not None and options.face_index:
    raise reason
  if not found:
    raise errors.InputError(
      f'expected a face with at least {portrait_lib.MIN_FACE} pixels between '
      f'the eyes, found none in {first} frames'
    )
  return Clip(first, size, found)


def fitted(
  first: int,
  points: np.ndarray,
  found: np.ndarray,
  size: tuple[int, int],
  fps: float,
  model: morphable.MorphableModel,
) -> Shot | None:
  """A shot of n frames whose face is fitted; None if it is always too small.

  Args:
    first: Number of its first frame in the clip.
    points: [n, 478, 3] landmarks.
    found: [n] bool, frames that show the face.
    size: Width and height of the frames.
    fps: Frames per second.
    model: Face model.
  """
  usable = found & (_spans(points) >= portrait_lib.MIN_FACE)
  if not usable.any():
    return None
  fit = landmark_fit.fit_video(points, usable, size, fps, model)
  return Shot(first, points, fit, _weights(fit, fps))


class Counted:
  """Frames whose number and size are known once they were read."""

  def __init__(self, frames: Iterable[np.ndarray]):
    self._frames = frames
    self.number = 0
    self.size = (0, 0)

  def __iter__(self) -> Iterator[np.ndarray]:
    for frame in self._frames:
      self.number += 1
      self.size = (frame.shape[1], frame.shape[0])
      yield frame


def by_shot(frames: Iterable[np.ndarray]) -> Iterator[Iterator[np.ndarray]]:
  """The frames of each shot; a shot is read before the next one."""
  cuts = shots.Detector()
  number = itertools.accumulate(
    ((cuts.is_cut(frame), frame) for frame in frames),
    lambda last, new: (last[0] + new[0], new[1]),
  )
  for _, group in itertools.groupby(number, key=lambda pair: pair[0]):
    yield (frame for _, frame in group)


def _spans(points: np.ndarray) -> np.ndarray:
  """Pixels [n] between the outer corners of the eyes."""
  return measures.interocular(points[..., :2])


def _weights(fit: landmark_fit.LandmarkFit, fps: float) -> np.ndarray:
  """How much of the new mouth is shown, [n].

  It fades where the face comes or goes within the shot, and in profiles; at
  cuts and ends of the clip there is nothing to fade to.
  """
  known = np.pad(fit.found, 1, mode='edge')
  inside = ndimage.distance_transform_edt(known)[1:-1]
  if fit.found.all():
    inside = np.full(len(fit.found), np.inf)
  near = np.clip(inside / (_FADE * fps), 0, 1)
  yaw = np.abs(fit.angles[:, 1])
  front = np.clip((_YAW_TO - yaw) / (_YAW_TO - _YAW_FROM), 0, 1)
  weight = near * front
  return np.where(fit.found, weight * weight * (3 - 2 * weight), 0.0)
