"""Tracks: where motions and renderers meet.

A **track** is how a portrait moves: a row of 70 coefficients for each frame
(`conventions`), in the expressions of one face model, its **basis**
('makehuman', the packaged head; 'bfm'; 'ict'). A motion makes tracks of its
basis, a renderer draws tracks of its basis, so any two of one basis go
together.

Angles are radian in rows and degrees in free views; tracks have as many rows as
the video has frames, at its frame rate.
"""

from collections.abc import Iterator
import dataclasses
import fractions
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.ops import waves

_PART = 4096  # frames


class Track(NamedTuple):
  """How a portrait moves."""

  coefficients: np.ndarray  # [T, 70] expression, angles, translation
  # Free views: [T, 3] yaw, pitch, roll in degrees that replace the angles of
  # the rows; NaN where they do not.
  angles: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class MotionOptions:
  """Choices about a track; see `options.Options`, whose names these are.

  Raises:
    InputError: a value is not possible; the message names it.
  """

  seed: int | None = None
  pose_style: int = 0
  expression_scale: float = 1.0
  still: bool = False
  blink: bool = True
  blink_rate: float | None = None  # a minute
  glances: bool = True  # whether eyes wander, where `blink` is on
  ref_pose: np.ndarray | None = None  # [T', 70] track of a video
  ref_eyeblink: np.ndarray | None = None  # [T', 70]
  input_yaw: tuple[float, ...] | None = None  # degrees, path over the clip
  input_pitch: tuple[float, ...] | None = None
  input_roll: tuple[float, ...] | None = None
  release_chunks: bool = False

  def __post_init__(self) -> None:
    """Checks every value."""
    if self.seed is not None and self.seed < 0:
      raise errors.InputError(f'seed: expected 0 or more, found {self.seed}')
    if not 0 <= self.pose_style < conventions.NUM_STYLES:
      raise errors.InputError(
        f'pose_style: expected 0 to {conventions.NUM_STYLES - 1}, '
        f'found {self.pose_style}'
      )
    if not 0 <= self.expression_scale < np.inf:
      raise errors.InputError(
        f'expression_scale: expected 0 or more, found {self.expression_scale}'
      )
    for name in ('input_yaw', 'input_pitch', 'input_roll'):
      degrees = getattr(self, name)
      if degrees is not None and (
        len(degrees) == 0 or not np.isfinite(degrees).all()
      ):
        raise errors.InputError(
          f'{name}: expected one or more angles, found {degrees}'
        )
    for name in ('ref_pose', 'ref_eyeblink'):
      track = getattr(self, name)
      if track is not None and (
        track.ndim != 2
        or len(track) == 0
        or track.shape[1] < conventions.ROW_SIZE
      ):
        raise ValueError(f'{name}: expected [T, 70], found {track.shape}')


class Motion(Protocol):
  """Makes tracks of recordings; `inference.registry` lists the kinds.

  A kind that needs nothing of a bundle has `track` alone.

  Attributes:
    networks: Names of the networks of a bundle that this kind needs.
    basis: Face model of its tracks.
  """

  networks: ClassVar[tuple[str, ...]] = ()
  basis: str = bundle_lib.PACKAGED_BASIS

  @classmethod
  def basis_in(cls, bundle: bundle_lib.Bundle) -> str:
    """The basis that tracks have with this bundle, before anything is loaded.

    Asked for bundles that hold all of `networks`.
    """
    del bundle
    return cls.basis

  @classmethod
  def from_bundle(cls, bundle: bundle_lib.Bundle) -> Self:
    """The motion with the weights of a bundle."""
    del bundle
    return cls()

  def track(
    self,
    wave: waves.Wave,
    *,
    source: np.ndarray,
    num_frames: int,
    fps: fractions.Fraction | float,
    options: MotionOptions | None = None,
  ) -> Track:
    """The track of a portrait that says a recording.

    Args:
      wave: [L] sound at 16 kHz in [-1, 1]; may be shorter than the track, or
        empty.
      source: [70] coefficients of the portrait, of this basis.
      num_frames: T, at least 1.
      fps: Frames per second; reference tracks in `options` have the same.
      options: Choices.

    Returns:
      T rows, and the free views.
    """


def parts(num_frames: int) -> Iterator[slice]:
  """Frames in parts; what is made of one at a time needs little memory."""
  for first in range(0, num_frames, _PART):
    yield slice(first, min(first + _PART, num_frames))


def still(coefficients: np.ndarray) -> Track:
  """A track of coefficients [T, 70] without free views."""
  return Track(coefficients, np.full((len(coefficients), 3), np.nan))


def turned(track: Track) -> Track:
  """A track whose free views have become part of its coefficients."""
  rows = track.coefficients.copy()
  yaw, pitch, roll = track.angles.T
  for axis, degrees in enumerate((pitch, yaw, roll)):
    column = rows[:, conventions.ROW_ANGLES][:, axis]
    prescribed = ~np.isnan(degrees)
    column[prescribed] = np.radians(degrees[prescribed])
  return still(rows)


def free_views(options: MotionOptions, num_frames: int) -> np.ndarray:
  """Prescribed yaw, pitch, roll [T, 3] in degrees; NaN where there are none."""
  angles = np.full((num_frames, 3), np.nan)
  paths = (options.input_yaw, options.input_pitch, options.input_roll)
  for axis, degrees in enumerate(paths):
    if degrees is not None:
      angles[:, axis] = free_view(degrees, num_frames)
  return angles


def free_view(degrees: tuple[float, ...], num_frames: int) -> np.ndarray:
  """Angles [T] along a path of degrees (method 5.12).

  The path is walked at constant speed; one value is held. Equal neighbours and
  clips of one frame, on which the published program divides by zero, are fine.
  As there, the last frames repeat the last value reached, which may be just
  short of the end of the path.

  Args:
    degrees: Corners of the path, at least one.
    num_frames: T.
  """
  corners = np.asarray(degrees, np.float64)
  length = float(np.abs(np.diff(corners)).sum())
  if length == 0 or num_frames < 2:
    return np.full(num_frames, corners[0])
  step = length / (num_frames - 1)
  parts = [
    np.arange(start, end, np.sign(end - start) * step)
    for start, end in zip(corners[:-1], corners[1:], strict=True)
    if start != end
  ]
  path = np.concatenate(parts)[:num_frames]
  return np.pad(path, (0, num_frames - len(path)), mode='edge')


def looped(track: np.ndarray, num_frames: int) -> np.ndarray:
  """A track [T', C] cut or continued to [T, C]: to and fro, without a jump."""
  period = max(2 * len(track) - 2, 1)
  place = np.arange(num_frames) % period
  return track[np.where(place < len(track), place, period - place)]
