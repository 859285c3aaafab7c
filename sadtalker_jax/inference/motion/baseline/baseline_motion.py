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

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.motion import easing, upper_face
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.baseline import speech


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
    ease = easing.weights(num_frames, rate).astype(np.float32)
    activity = ease * speech.at_frames(sound.activity, num_frames, rate)
    lips = lips_lib.measure(sound, num_frames, rate, self._weights)
    expression = source[conventions.ROW_EXPRESSION]
    rows = np.empty((num_frames, conventions.ROW_SIZE), np.float32)
    rows[:, conventions.ROW_EXPRESSION] = self._speaking(
      expression, lips, ease, activity, options.expression_scale
    )
    upper_face.add(rows, source, wave, sound, rate, options)
    return tracks.Track(rows, tracks.free_views(options, num_frames))

  def _speaking(
    self,
    expression: np.ndarray,
    lips: lips_lib.Lips,
    ease: np.ndarray,
    activity: np.ndarray,
    scale: float,
  ) -> np.ndarray:
    """Expression [T, 64] with a mouth driven by the sound."""
    generated = ease[:, None] * lips_lib.units(lips, self._weights)
    rest = lips_lib.resting(
      expression, activity * min(scale, 1.0), self._weights
    )
    # Units end at 1; a fitted source may already be outside.
    highest = np.maximum(rest, 1.0)
    return np.clip(rest + scale * generated, None, highest)
