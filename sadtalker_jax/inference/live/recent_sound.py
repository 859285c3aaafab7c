"""The last seconds of the sound of a stream, mono float32 at 16 kHz."""

import numpy as np


class RecentSound:
  """Sound up to now; older sound is forgotten."""

  def __init__(self, size: int):
    """Nothing heard yet.

    Args:
      size: Samples that are kept, farther than anything is rewound.
    """
    self.count = 0  # samples heard
    self._wave = np.zeros(size, np.float32)  # ends at `count`

  def push(self, wave: np.ndarray) -> None:
    """Hears more, [L]."""
    size = len(self._wave)
    self._wave = np.concatenate([self._wave, wave])[-size:]
    self.count += len(wave)

  def rewind(self, count: int) -> None:
    """Forgets all after the first `count` samples, or fills up to them."""
    if count >= self.count:
      self.push(np.zeros(count - self.count, np.float32))
      return
    size, lost = len(self._wave), self.count - count
    kept = self._wave[: max(size - lost, 0)]
    self._wave = np.pad(kept, (size - len(kept), 0))
    self.count = count

  def since(self, begin: int) -> np.ndarray:
    """Samples from the one of a number on; silence where they are forgotten."""
    length = self.count - begin
    missing = max(length - len(self._wave), 0)
    return np.pad(
      self._wave[len(self._wave) - length + missing :], (missing, 0)
    )
