"""What the sound of a stream makes of the mouth of the packaged head."""

from typing import NamedTuple, Protocol

import numpy as np


class Spoken(NamedTuple):
  """A speaking mouth in consecutive frames."""

  units: np.ndarray  # [n, 64] units that the sound moves
  # [n] 0 where the portrait's own mouth is shown, to 1.
  presence: np.ndarray
  activity: np.ndarray  # [n] speech, 0 to 1
  stress: np.ndarray  # [n] prominence of the syllable, 0 to 1


class Voice(Protocol):
  """Sound up to now, and the mouths that it makes."""

  def push(self, wave: np.ndarray) -> None:
    """Hears more, [L] at 16 kHz."""

  def rewind(self, count: int) -> None:
    """Forgets all after the first `count` samples, or fills up to them."""

  def at(self, seconds: float, fps: float, count: int = 1) -> Spoken:
    """Mouths as far as the sound is known; after that the last one stays.

    Args:
      seconds: Time at which the first frame begins.
      fps: Frames a second.
      count: Number of frames.
    """
