"""The spectrum of a recording in pieces, so that long ones need little memory.

Letters: L samples at 16 kHz, M mel frames of `ops.mel`, 80 per second.
"""

from collections.abc import Iterator

import numpy as np

from sadtalker_jax.ops import mel, waves

PIECE = 1 << 12  # mel frames that are in memory, 51 seconds

_HOP = 200  # samples between mel frames
_MARGIN = 4 * _HOP  # samples beside a piece that its mel frames reach
_DB_PER_UNIT = 12.5  # decibel per unit of the normalised log-mel
_DB_OFFSET = -50.0  # decibel at its zero


class Spectrum:
  """Spectrum [M, 80] in decibel; iterating gives it in pieces [m, 80].

  Sound of more than one piece is analysed again by every iteration: the
  spectrum of an hour is never in memory, neither here nor on a device.
  """

  def __init__(self, wave: waves.Wave, gain: float):
    """Takes a recording.

    Args:
      wave: [L] float32, L above 0.
      gain: Factor of the sound.
    """
    self._wave, self._gain = wave, gain
    self._length = 1 + len(wave) // _HOP
    self._whole = self._piece(0) if self._length <= PIECE else None

  def __iter__(self) -> Iterator[np.ndarray]:
    if self._whole is not None:
      yield self._whole
      return
    for first in range(0, self._length, PIECE):
      yield self._piece(first)

  def _piece(self, first: int) -> np.ndarray:
    count = min(PIECE, self._length - first)
    start = max(0, first * _HOP - _MARGIN)
    end = (first + count) * _HOP + _MARGIN
    mels = np.asarray(mel.log_mel(self._wave[start:end] * self._gain))
    return mels[first - start // _HOP :][:count] * _DB_PER_UNIT + _DB_OFFSET
