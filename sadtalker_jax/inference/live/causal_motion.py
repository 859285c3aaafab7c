"""The row of a frame from what is known at its time.

A `Face` makes rows of the sound that it has heard; here sound is resampled, and
what was expected of it and did not come is taken back.
"""

from typing import Protocol

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.direction import directing
from sadtalker_jax.inference.live import sound_queue
from sadtalker_jax.media import resampling

_RATE = conventions.SAMPLE_RATE


class Face(Protocol):
  """How a portrait moves with sound that arrives.

  Attributes:
    basis: Face model of the rows.
  """

  basis: str

  def push(self, wave: np.ndarray) -> None:
    """Hears more, [L] at 16 kHz."""

  def rewind(self, count: int) -> None:
    """Forgets all after the first `count` samples, or fills up to them."""

  def rows(self, frame: int, count: int) -> np.ndarray:
    """Rows [count, 70] from a frame on, as far as the sound is known.

    Args:
      frame: Number of the frame since the start; each is asked for once.
      count: Rows; all after the first may turn out otherwise.
    """

  def skip(self) -> None:
    """Lets a frame pass that nobody sees."""

  def warm_up(self) -> None:
    """Does once what rows need, so that the first is quick; nothing moves."""


class CausalMotion:
  """Rows one after the other."""

  def __init__(
    self,
    face: Face,
    source: np.ndarray,
    fps: float,
    rate: int,
    options: options_lib.Options,
  ):
    """Starts at rest.

    Args:
      face: Moves with the sound.
      source: [70] coefficients of the portrait.
      fps: Frames per second.
      rate: Samples a second of the sound that will be given.
      options: Options; emotion and gaze count.
    """
    self._face = face
    self._source = np.asarray(source, np.float32)
    self._fps, self._rate = fps, rate
    self._direction = directing.Direction.of(options)
    self._heard = np.zeros(0, np.float32)  # beyond the last frame
    self._resampler: resampling.Resampler | None = None
    self._frame = 0
    self._rows = self._source[None]

  def warm_up(self) -> None:
    """Does once what a frame needs, so that the first is quick."""
    self._face.warm_up()

  def step(
    self, taken: sound_queue.Taken, *, repeat: bool = False, ahead: int = 0
  ) -> np.ndarray:
    """The row of the next frame, and what is known of those after it.

    Args:
      taken: Sound of the frame; it is heard in any case.
      repeat: Whether the rows of before will do, which takes less time.
      ahead: Number of rows after that of the frame.

    Returns:
      [1 + ahead, 70].
    """
    self._listen(taken)
    if repeat:
      self._face.skip()
    else:
      self._rows = self._moved(1 + ahead)
    self._frame += 1
    return self._rows

  def _moved(self, count: int) -> np.ndarray:
    rows = self._face.rows(self._frame, count)
    directed = self._direction.applied(
      tracks.still(rows), self._source, self._fps, self._face.basis
    )
    return directed.coefficients

  def _listen(self, taken: sound_queue.Taken) -> None:
    """Hears what is new; forgets what turned out otherwise."""
    now = np.concatenate([taken.sound, taken.ahead])
    expected = self._heard
    self._heard = taken.ahead
    if np.array_equal(now[: len(expected)], expected):
      self._hear(now[len(expected) :])
      return
    self._face.rewind(taken.start * _RATE // self._rate)
    self._resampler = None
    self._hear(now)

  def _hear(self, sound: np.ndarray) -> None:
    if self._rate != _RATE and len(sound):
      if self._resampler is None:
        self._resampler = resampling.Resampler(self._rate, _RATE, 1)
      sound = self._resampler.push(sound[None])[0]
    self._face.push(sound)
