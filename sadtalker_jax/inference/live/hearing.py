"""What is known of speech at the time of one frame of a stream.

Sound is mono float32 at 16 kHz. LipNet hears it as it hears recordings
(`motion.phonetic.hearing`); levels of the last eight seconds are kept, so that
a frame costs the same however long the stream is. What was heard beyond the
frame may turn out otherwise, when somebody interrupts: `rewind` forgets it.
"""

from typing import NamedTuple

import numpy as np

from sadtalker_jax.inference.motion.phonetic import hearing, mouth
from sadtalker_jax.models.phonetic import lipnet
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


class Known(NamedTuple):
  """What is known of the speech in a frame."""

  mouth: mouth.Mouth  # of 1 frame
  stress: float  # prominence of the syllable, 0 to 1


class Hearing:
  """Speech up to now."""

  def __init__(self, params: Variables | None = None):
    """Nothing heard yet.

    Args:
      params: Parameters of LipNet; None for the ones that ship.
    """
    self._params = params
    self.count = 0  # samples heard
    self._wave = np.zeros(_SAMPLES, np.float32)  # ends at `count`
    self._levels = np.zeros((0, lip_spectra.NUM_BANDS), np.float32)
    self._rows = 0  # of levels, since the start; `_levels` are the last ones

  def push(self, wave: np.ndarray) -> None:
    """Hears more, [L]."""
    self._wave = np.concatenate([self._wave, wave])[-_SAMPLES:]
    self.count += len(wave)
    known = max((self.count - _AFTER) // _HOP + 1, 0)
    if known <= self._rows:
      return
    begin = self._rows * _HOP - _BEFORE
    piece = self._wave[len(self._wave) - (self.count - begin) :]
    # `decibels` puts silence before: rows are centred in their own samples.
    levels = lip_spectra.decibels(np.pad(piece, (_HOP - _BEFORE, 0)))[1:]
    new = levels[: known - self._rows]
    self._levels = np.concatenate([self._levels, new])[-_LEVELS:]
    self._rows = known

  def rewind(self, count: int) -> None:
    """Forgets all after the first `count` samples, or fills up to them."""
    if count >= self.count:
      self.push(np.zeros(count - self.count, np.float32))
      return
    lost = self.count - count
    self._wave = np.pad(self._wave[: max(len(self._wave) - lost, 0)],
                        (min(lost, _SAMPLES), 0))[-_SAMPLES:]  # fmt: skip
    self.count = count
    known = max((count - _AFTER) // _HOP + 1, 0)
    if known < self._rows:
      kept = max(len(self._levels) - (self._rows - known), 0)
      self._levels, self._rows = self._levels[:kept], known

  def at(self, seconds: float, fps: float) -> Known:
    """What is known of a frame.

    Args:
      seconds: Time at which the frame begins.
      fps: Frames a second.
    """
    # Rows of the network are pairs of levels, the first of them even.
    odd = (self._rows - len(self._levels)) % 2
    levels = self._levels[odd:]
    if len(levels) < 2:
      levels = np.full((2, lip_spectra.NUM_BANDS), _SILENT, np.float32)
    last = len(levels) // 2
    first = max(last - _ROWS, 0)
    if lip_spectra.levels(levels[-2 * _ROWS :]).max() < _INAUDIBLE:
      return Known(_at_rest(), 0.0)
    begin = (self._rows - len(levels)) / lip_spectra.ROWS_PER_SECOND
    begin += first / hearing.ROWS_PER_SECOND
    heard = hearing.hear_rows(levels, first, last, self._params)
    place = seconds - begin
    presence = mouth.heard_presence(heard, 1, fps, first=place)
    lips = mouth.measure(heard, presence, 1, fps, first=place)
    loud = np.maximum(heard.loudness, -30)
    middle = np.array([place + 0.5 / fps])
    near = float(mouth.at_times(filters.gaussian(loud, 5.0), middle)[0])
    raised = np.clip((near - float(loud.mean())) / _STRESS, 0, 1)
    return Known(lips, float(raised * presence[0]))


def _at_rest() -> mouth.Mouth:
  nothing = np.zeros(1, np.float32)
  classes = np.zeros((1, lipnet.NUM_CLASSES), np.float32)
  return mouth.Mouth(nothing, nothing, nothing, nothing, classes, nothing)
