"""The `phonetic` motion: lips follow phones; all else is the baseline's.

It ships, needs no networks of a bundle, and is the default where a bundle has
no motion of its own. Eyes, brows, head and the treatment of the portrait's own
mouth are those of `baseline.baseline_motion`.
"""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.motion.baseline import baseline_motion, speech
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.phonetic import hearing, mouth, shapes
from sadtalker_jax.ops import waves
from sadtalker_jax.typing import Variables


class PhoneticMotion(baseline_motion.BaselineMotion):
  """Lips by LipNet, on the baseline's eyes, brows and head."""

  def __init__(
    self,
    weights: lips_lib.LipWeights | None = None,
    params: Variables | None = None,
  ):
    """Takes weights.

    Args:
      weights: Weights of the baseline; None for the ones that ship.
      params: Parameters of LipNet; None for the ones that ship.
    """
    super().__init__(weights)
    self._params = params

  def speaking_mouth(
    self, wave: waves.Wave, sound: speech.Sound, num_frames: int, fps: float
  ) -> baseline_motion.SpeakingMouth:
    """Units of the mouth by phones, and how much of the source's is left."""
    presence = speech.at_frames(sound.activity, num_frames, fps)
    if not presence.any():
      return baseline_motion.SpeakingMouth.at_rest(num_frames)
    heard = hearing.hear(wave, self._params)
    lips = mouth.measure(heard, presence, num_frames, fps)
    units = np.empty((num_frames, conventions.EXPRESSION_SIZE), np.float32)
    for part in tracks.parts(num_frames):
      here = mouth.Mouth(*(of_all[part] for of_all in lips))
      units[part] = shapes.units(here, self._weights)
    return baseline_motion.SpeakingMouth.of(
      units,
      # A mouth that is open in the picture must close for p, b and m.
      np.maximum(presence, lips.seal),
    )
