"""The `baseline` motion: a recording becomes a coefficient track.

Conventions: a track is [T, 70] float32, rows of expression (64 slots of the
canonical model), angles (radian) and translation (decimetre), see
`face3d.coeffs`. No network is involved: lips come from `speech` and `lips`.
Trained networks are compared with this motion.

Differences from the published program:

- a reference video's head motion replaces the generated one instead of being
  added on top of it (quirk Q10);
- of a reference video for the eyes only the eyes are taken, not the mouth
  (quirk Q11);
- `expression_scale` strengthens the generated mouth and brows only, neither the
  picture's own expression nor the lids (method 3.3 multiplies all 64 numbers,
  which would also exaggerate the picture and half-close its eyes).

As published, `still` fixes the head and not the eyes (quirk Q12); `blink` is an
option of its own.
"""

import fractions
from typing import NamedTuple, Self

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.motion import blinks, head_motion
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.baseline import speech

_SLOT = makehuman.EXPRESSION_SLOTS
_LIDS = [_SLOT['eyeBlinkLeft'], _SLOT['eyeBlinkRight']]
_EYES = [
  slot
  for name, slot in _SLOT.items()
  if name.startswith(('eyeSquint', 'eyeWide', 'eyeLook'))
]
# Units of raised brows on the strongest stress.
_BROWS = {
  'browInnerUp': 0.14,
  'browOuterUpLeft': 0.08,
  'browOuterUpRight': 0.08,
}


class SpeakingMouth(NamedTuple):
  """A mouth that speaks, apart from the portrait's own."""

  units: np.ndarray  # [T, 64] units that the sound moves
  presence: np.ndarray  # [T] 0 where the portrait's own mouth is shown, to 1

  @classmethod
  def at_rest(cls, num_frames: int) -> Self:
    """The mouth of silence."""
    return cls(
      np.zeros((num_frames, conventions.EXPRESSION_SIZE), np.float32),
      np.zeros(num_frames, np.float32),
    )


class BaselineMotion(tracks.Motion):
  """The baseline as a kind of motion; it needs no networks of a bundle."""

  def __init__(self, weights: lips_lib.LipWeights | None = None):
    """Takes the weights of the lips.

    Args:
      weights: Weights, as `baseline_fitting` makes them; None for the ones that
        ship.
    """
    self._weights = lips_lib.load() if weights is None else weights

  def track(
    self,
    wave: np.ndarray,
    *,
    source: np.ndarray,
    num_frames: int,
    fps: fractions.Fraction | float = 25.0,
    options: tracks.MotionOptions | None = None,
  ) -> tracks.Track:
    """The track of a portrait that says a recording.

    Args:
      wave: [L] sound at 16 kHz in [-1, 1]; may be shorter than the track, or
        empty.
      source: [70] coefficients of the portrait, canonical model.
      num_frames: T.
      fps: Frames per second.
      options: Choices; None for the defaults.

    Returns:
      T rows and the free views. Where the sound is silent the mouth is the
      portrait's.

    Raises:
      ValueError: `source` or `wave` has another shape.
    """
    options = options or tracks.MotionOptions()
    source = np.asarray(source, np.float32)
    if source.shape != (conventions.ROW_SIZE,):
      raise ValueError(f'expected a source of shape [70], found {source.shape}')
    rate = float(fps)
    sound = speech.listen(wave, self._weights.reference)
    stress = speech.at_frames(sound.stress, num_frames, rate)
    activity = speech.at_frames(sound.activity, num_frames, rate)
    mouth = self.speaking_mouth(wave, sound, num_frames, rate)
    expression = source[conventions.ROW_EXPRESSION]
    rows = np.empty((num_frames, conventions.ROW_SIZE), np.float32)
    rows[:, conventions.ROW_EXPRESSION] = self._speaking(
      expression, mouth, stress, options.expression_scale
    )
    _set_eyes(rows, expression, rate, options)
    rows[:, conventions.ROW_POSE] = _pose(
      source, stress, activity, rate, options
    )
    return tracks.Track(rows, tracks.free_views(options, num_frames))

  def speaking_mouth(
    self, wave: np.ndarray, sound: speech.Sound, num_frames: int, fps: float
  ) -> SpeakingMouth:
    """The mouth of a recording; other kinds of lips replace this.

    Args:
      wave: [L] sound at 16 kHz.
      sound: Measures of it.
      num_frames: T.
      fps: Frames per second.
    """
    del wave
    lips = lips_lib.measure(sound, num_frames, fps, self._weights)
    return SpeakingMouth(
      lips_lib.units(lips, self._weights),
      speech.at_frames(sound.activity, num_frames, fps),
    )

  def _speaking(
    self,
    expression: np.ndarray,
    mouth: SpeakingMouth,
    stress: np.ndarray,
    scale: float,
  ) -> np.ndarray:
    """Expression [T, 64] with mouth and brows driven by the sound."""
    generated = mouth.units.copy()
    for name, height in _BROWS.items():
      generated[:, _SLOT[name]] = height * stress
    rest = lips_lib.resting(
      expression, mouth.presence * min(scale, 1.0), self._weights
    )
    # Units end at 1; a fitted source may already be outside.
    highest = np.maximum(rest, 1.0)
    return np.clip(rest + scale * generated, None, highest)


def _set_eyes(
  track: np.ndarray,
  expression: np.ndarray,
  rate: float,
  options: tracks.MotionOptions,
) -> None:
  """Writes blinks, or the eyes of a reference video, into a track [T, 70].

  Eyes of a reference are taken relative to their median, so that the shape of
  that person's eyes is left out; the deepest blinks become closed eyes.
  """
  length = len(track)
  if options.ref_eyeblink is None:
    if options.blink:
      z = blinks.natural_track(options.seed, length, rate)
      track[:, _LIDS] = np.maximum(track[:, _LIDS], z[:, None])
    return
  reference = options.ref_eyeblink
  usual = np.median(reference, axis=0)
  change = tracks.looped(reference - usual, length)
  track[:, _EYES] = np.clip(expression[_EYES] + change[:, _EYES], 0, 1)
  for slot in _LIDS:
    deepest = np.percentile(reference[:, slot], 99.5) - usual[slot]
    z = np.clip(change[:, slot] / max(deepest, 0.3), 0, 1)
    track[:, slot] = np.maximum(expression[slot], z)


def _pose(
  source: np.ndarray,
  stress: np.ndarray,
  activity: np.ndarray,
  rate: float,
  options: tracks.MotionOptions,
) -> np.ndarray:
  """Poses [T, 6]: the source's, moved."""
  length = len(stress)
  pose = np.tile(source[conventions.ROW_POSE], (length, 1))
  if options.still:
    pass
  elif options.ref_pose is not None:
    reference = options.ref_pose[:, conventions.ROW_POSE]
    pose += tracks.looped(reference - reference[0], length)
  else:
    pose += head_motion.track(
      options.seed,
      options.pose_style,
      length,
      rate,
      stress=stress,
      activity=activity,
    )
  return pose
