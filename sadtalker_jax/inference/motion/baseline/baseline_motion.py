"""The `baseline` motion: a recording becomes a coefficient track.

Conventions: a track is [T, 70] float32, rows of expression (64 slots of the
canonical model), angles (radian) and translation (decimetre), see
`face3d.coeffs`. No network is involved: lips come from `speech` and `lips`, all
else from `upper_face`. A track begins and ends with the picture's mouth.
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
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.motion import easing, upper_face
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.baseline import speech
from sadtalker_jax.ops import waves


class SpeakingMouth(NamedTuple):
  """A mouth that speaks, apart from the portrait's own."""

  units: np.ndarray  # [T, 64] units that the sound moves
  presence: np.ndarray  # [T] 0 where the portrait's own mouth is shown, to 1
  spoken: np.ndarray  # [T] 0 before speech, then 1: no gaping in pauses

  @classmethod
  def of(cls, units: np.ndarray, presence: np.ndarray) -> Self:
    """Units [T, 64] and presence [T] of a whole recording."""
    return cls(units, presence, np.maximum.accumulate(presence))

  @classmethod
  def at_rest(cls, num_frames: int) -> Self:
    """The mouth of silence."""
    return cls.of(
      np.zeros((num_frames, conventions.EXPRESSION_SIZE), np.float32),
      np.zeros(num_frames, np.float32),
    )

  def eased(self, weights: np.ndarray) -> 'SpeakingMouth':
    """The same with weights [T], 0 where the portrait's mouth is shown."""
    return SpeakingMouth(
      weights[:, None] * self.units,
      weights * self.presence,
      weights * self.spoken,
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
    wave: waves.Wave,
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
      portrait's; one that is open there is nearly shut in pauses of speech.

    Raises:
      ValueError: `source` or `wave` has another shape.
    """
    options = options or tracks.MotionOptions()
    source = np.asarray(source, np.float32)
    if source.shape != (conventions.ROW_SIZE,):
      raise ValueError(f'expected a source of shape [70], found {source.shape}')
    rate = float(fps)
    sound = speech.listen(wave, self._weights.reference)
    ease = easing.weights(num_frames, rate).astype(np.float32)
    mouth = self.speaking_mouth(wave, sound, num_frames, rate)
    expression = source[conventions.ROW_EXPRESSION]
    rows = np.empty((num_frames, conventions.ROW_SIZE), np.float32)
    for part in tracks.parts(num_frames):
      here = SpeakingMouth(*(of_all[part] for of_all in mouth))
      rows[part, conventions.ROW_EXPRESSION] = self._speaking(
        expression, here.eased(ease[part]), options.expression_scale
      )
    upper_face.add(rows, source, wave, sound, rate, options)
    return tracks.Track(rows, tracks.free_views(options, num_frames))

  def speaking_mouth(
    self, wave: waves.Wave, sound: speech.Sound, num_frames: int, fps: float
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
    return SpeakingMouth.of(
      lips_lib.units(lips, self._weights),
      speech.at_frames(sound.activity, num_frames, fps),
    )

  def _speaking(
    self,
    expression: np.ndarray,
    mouth: SpeakingMouth,
    scale: float,
  ) -> np.ndarray:
    """Expression [T, 64] with a mouth driven by the sound."""
    strength = min(scale, 1.0)
    rest = lips_lib.resting(
      expression,
      mouth.presence * strength,
      self._weights,
      spoken=mouth.spoken * strength,
    )
    # Units end at 1; a fitted source may already be outside.
    highest = np.maximum(rest, 1.0)
    return np.clip(rest + scale * mouth.units, None, highest)
