"""What is known of speech at the time of one frame of a stream.

Sound is mono float32 at 16 kHz. LipNet hears it as it hears recordings
(`motion.phonetic.hearing`); levels of the last eight seconds are kept, so that
a frame costs the same however long the stream is. What was heard beyond the
frame may turn out otherwise, when somebody interrupts: `rewind` forgets it.
"""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference.live import recent_sound, voice
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.phonetic import hearing, mouth, shapes
from sadtalker_jax.ops import filters, lip_spectra
from sadtalker_jax.typing import Variables

_HOP = lip_spectra.HOP
_BEFORE, _AFTER = 120, 280  # samples that a row of levels reaches from its own
_LEVELS = 800  # rows of levels, 8 s
_SAMPLES = 4 * 16_000  # that are kept, farther than anything is rewound
_ROWS = 100  # of what is heard; loudness of a frame is smoothed over these
_SILENT = -100.0  # decibel
# Level under which `mouth.heard_presence` is 0 whatever was heard before: loud
# speech of streams is -15 or more, and 36 under it is no speech.
_INAUDIBLE = -51.0
_STRESS = 10.0  # decibel over the surroundings that are the strongest stress


class Hearing(voice.Voice):
  """Speech up to now, as the phonetic motion hears it."""

  def __init__(self, params: Variables | None = None):
    """Nothing heard yet.

    Args:
      params: Parameters of LipNet; None for the ones that ship.
    """
    self._params = params
    self._weights = lips_lib.load()
    self._sound = recent_sound.RecentSound(_SAMPLES)
    self._levels = np.zeros((0, lip_spectra.NUM_BANDS), np.float32)
    self._rows = 0  # of levels, since the start; `_levels` are the last ones

  def push(self, wave: np.ndarray) -> None:
    """Hears more, [L]."""
    self._sound.push(wave)
    known = self._known()
    if known <= self._rows:
      return
    piece = self._sound.since(self._rows * _HOP - _BEFORE)
    # `decibels` puts silence before: rows are centred in their own samples.
    levels = lip_spectra.decibels(np.pad(piece, (_HOP - _BEFORE, 0)))[1:]
    new = levels[: known - self._rows]
    self._levels = np.concatenate([self._levels, new])[-_LEVELS:]
    self._rows = known

  def rewind(self, count: int) -> None:
    """Forgets all after the first `count` samples, or fills up to them."""
    if count >= self._sound.count:
      self.push(np.zeros(count - self._sound.count, np.float32))
      return
    self._sound.rewind(count)
    known = self._known()
    if known < self._rows:
      kept = max(len(self._levels) - (self._rows - known), 0)
      self._levels, self._rows = self._levels[:kept], known

  def _known(self) -> int:
    """Rows of levels that the sound so far decides."""
    return max((self._sound.count - _AFTER) // _HOP + 1, 0)

  def at(self, seconds: float, fps: float, count: int = 1) -> voice.Spoken:
    """Mouths of `count` frames, see `Voice`."""
    # Rows of the network are pairs of levels, the first of them even.
    odd = (self._rows - len(self._levels)) % 2
    levels = self._levels[odd:]
    if len(levels) < 2:
      levels = np.full((2, lip_spectra.NUM_BANDS), _SILENT, np.float32)
    last = len(levels) // 2
    first = max(last - _ROWS, 0)
    if lip_spectra.levels(levels[-2 * _ROWS :]).max() < _INAUDIBLE:
      return _at_rest(count)
    begin = (self._rows - len(levels)) / lip_spectra.ROWS_PER_SECOND
    begin += first / hearing.ROWS_PER_SECOND
    heard = hearing.hear_rows(levels, first, last, self._params)
    place = seconds - begin
    presence = mouth.heard_presence(heard, count, fps, first=place)
    lips = mouth.measure(heard, presence, count, fps, first=place)
    loud = np.maximum(heard.loudness, -30)
    middles = place + (np.arange(count) + 0.5) / fps
    near = mouth.at_times(filters.gaussian(loud, 5.0), middles)
    raised = np.clip((near - loud.mean()) / _STRESS, 0, 1)
    return voice.Spoken(
      shapes.units(lips, self._weights),
      # A mouth that is open in the picture must close for p, b and m.
      np.maximum(lips.presence, lips.seal),
      lips.presence,
      raised * presence,
    )


def _at_rest(count: int) -> voice.Spoken:
  nothing = np.zeros(count, np.float32)
  units = np.zeros((count, conventions.EXPRESSION_SIZE), np.float32)
  return voice.Spoken(units, nothing, nothing, nothing)
