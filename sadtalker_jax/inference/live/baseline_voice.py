"""The mouth of the `baseline` motion, of what was heard so far.

Level, noise floor and colour are those of the last seconds; two quiet seconds
of the recording that ships stand before them, so that the first word, and a
microphone that only hums, meet what is usual.
"""

import functools

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.live import recent_sound, voice
from sadtalker_jax.inference.motion.baseline import lips, speech
from sadtalker_jax.media import audio

_RATE = conventions.SAMPLE_RATE
_SECONDS = 6  # of sound that are known
_PRIOR_SECONDS = 2
_PRIOR_LEVEL = 0.02  # root mean square; louder voices decide all themselves
_SHOWN = 0.7  # seconds before a frame that its lips depend on, see `lips`
_UNSURE = 2  # mel frames at the end that reach beyond the sound


class BaselineVoice:
  """Speech up to now, as the baseline hears it; a `voice.Voice`."""

  def __init__(self) -> None:
    """Nothing heard yet."""
    self._sound = recent_sound.RecentSound(_SECONDS * _RATE)
    self._weights = lips.load()
    self.push, self.rewind = self._sound.push, self._sound.rewind

  def at(self, seconds: float, fps: float, count: int = 1) -> voice.Spoken:
    """Mouths of `count` frames, see `Voice`."""
    begin = self._sound.count - _SECONDS * _RATE
    wave = np.concatenate([_prior(), self._sound.since(begin)])
    sound = speech.listen(wave, self._weights.reference)
    place = seconds - begin / _RATE + _PRIOR_SECONDS
    last = len(sound.bands) - _UNSURE
    first = int((place - _SHOWN) * speech.MELS_PER_SECOND)
    first = min(max(first, 0), last - 1)
    near = speech.Sound(*(of_all[first:last] for of_all in sound))
    place -= first / speech.MELS_PER_SECOND
    measured = lips.measure(near, count, fps, self._weights, first=place)
    activity, stress = (
      speech.at_frames(values, count, fps, first=place)
      for values in (near.activity, near.stress)
    )
    units = lips.units(measured, self._weights)
    return voice.Spoken(units, activity, activity, stress)


@functools.cache
def _prior() -> np.ndarray:
  """Speech [2 s] as it usually is, quiet."""
  wave = audio.load(bundle.SAMPLE_SPEECH)[: _PRIOR_SECONDS * _RATE]
  return wave * (_PRIOR_LEVEL / np.sqrt(np.mean(wave**2)))
