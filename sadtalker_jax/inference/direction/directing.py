"""Prescribed emotions, gaze, poses and scale, written into tracks.

Emotions and gaze are units of the packaged head; tracks of other face models
have none, and are refused. Poses are free views, of any face model.
"""

from typing import NamedTuple, Self

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import emotions, tracks
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.direction import keyframes
from sadtalker_jax.inference.motion import gaze as gaze_lib

_FREE_VIEWS = ('input_yaw', 'input_pitch', 'input_roll')
_SLOT = makehuman.EXPRESSION_SLOTS
# Not scaled: they would make half-closed eyes of eyes at rest.
_EYES = [slot for name, slot in _SLOT.items() if name.startswith('eye')]
_LIDS = [
  (_SLOT['eyeBlink' + s], _SLOT['eyeWide' + s]) for s in ('Left', 'Right')
]


class Direction(NamedTuple):
  """What is prescribed; None or empty where nothing is."""

  emotion: np.ndarray | None  # [E] strengths
  gaze: np.ndarray | None  # [2] degrees to the person's left, and up
  course: keyframes.Keyframes

  @classmethod
  def of(cls, options: options_lib.Options) -> Self:
    """What options prescribe; reads the file of keyframes.

    Raises:
      InputError: the file is not as it must be, or two options prescribe the
        same.
    """
    course = keyframes.Keyframes({})
    if options.keyframes is not None:
      course = keyframes.read(options.keyframes)
    for name in ('emotion', 'gaze'):
      if getattr(options, name) is not None and name in course.curves:
        raise errors.InputError(
          f'{name}: expected either the option or keyframes of it, found both'
        )
    if 'pose' in course.curves:
      for name in (*_FREE_VIEWS, 'ref_pose'):
        if getattr(options, name) is not None:
          raise errors.InputError(
            f'{name}: expected no keyframes of poses beside it'
          )
    emotion = gaze = None
    if options.emotion is not None:
      emotion = emotions.one(*options.emotion)
    if options.gaze is not None:
      gaze = np.array(options.gaze)
    return cls(emotion, gaze, course)

  @property
  def has_gaze(self) -> bool:
    """Whether it says where the eyes look."""
    return self.gaze is not None or 'gaze' in self.course.curves

  def check(self, basis: str) -> None:
    """Refuses what a face model cannot express.

    Raises:
      InputError: emotions or gaze for another than the packaged head.
    """
    if basis == bundle_lib.PACKAGED_BASIS:
      return
    given = {'emotion': self.emotion is not None, 'gaze': self.gaze is not None}
    for name, asked in given.items():
      if asked or name in self.course.curves:
        raise errors.InputError(
          f'{name}: expected the face model {bundle_lib.PACKAGED_BASIS}, whose '
          f'units it is made of; found {basis}'
        )

  def applied(
    self, track: tracks.Track, source: np.ndarray, fps: float, basis: str
  ) -> tracks.Track:
    """A track as prescribed.

    Args:
      track: T rows and free views.
      source: [70] coefficients of the portrait.
      fps: Frames per second; frame i is at i / fps.
      basis: Face model of the track.

    Returns:
      T rows and free views; the same object if nothing is prescribed.
    """
    if self.emotion is None and self.gaze is None and not self.course.curves:
      return track
    rows, angles = track.coefficients.copy(), track.angles.copy()
    seconds = np.arange(len(rows)) / fps
    expression = rows[:, conventions.ROW_EXPRESSION]
    scale = self.course.at('scale', seconds)
    if scale is not None:
      _scale(expression, source, scale, basis)
    weights = self.course.at('emotion', seconds)
    if self.emotion is not None:
      weights = self.emotion[None]
    if weights is not None:
      _feel(expression, emotions.offsets(weights))
    directed = self.course.at('gaze', seconds)
    if self.gaze is not None:
      directed = np.repeat(self.gaze[None], len(rows), axis=0)
    if directed is not None:
      gaze_lib.add(rows, directed)
    turned = self.course.at('pose', seconds)
    if turned is not None:
      angles = turned
    return tracks.Track(rows, angles)


def _feel(expression: np.ndarray, offsets: np.ndarray) -> None:
  """Adds offsets [T or 1, 64] of emotions to expressions [T, 64], in place."""
  felt = expression + offsets
  for lid, wide in _LIDS:  # eyes that blink are not wide open
    closed = np.clip(expression[:, lid], 0, 1)
    felt[:, wide] = expression[:, wide] + (1 - closed) * offsets[:, wide]
  expression[:] = makehuman.within_units(felt, expression)


def _scale(
  expression: np.ndarray, source: np.ndarray, scale: np.ndarray, basis: str
) -> None:
  """Scales what differs from the portrait's expression, in place."""
  rest = source[conventions.ROW_EXPRESSION]
  scaled = rest + scale * (expression - rest)
  if basis == bundle_lib.PACKAGED_BASIS:
    scaled[:, _EYES] = expression[:, _EYES]
    scaled = makehuman.within_units(scaled, rest)
  expression[:] = scaled
