"""The clock of a stream, which is its sound.

Frame i has exactly the samples from floor(i rate / fps) to
floor((i + 1) rate / fps). Nothing depends on how samples were cut when they
were given. An utterance (segment) that is complete ends with silence up to the
end of a frame. Where no sound is due yet, an idle frame comes before what
waits.
"""

import collections
from collections.abc import Iterator
import dataclasses
import fractions
import itertools
import math
from typing import NamedTuple

import numpy as np

from sadtalker_jax.media import samples

_FADE = 0.005  # seconds of sound after an interruption, so that it has no click


class Taken(NamedTuple):
  """The sound of a frame, and what is known of the sound after it."""

  start: int  # number of the first sample
  sound: np.ndarray  # [n] float32, the frame's
  ahead: np.ndarray  # [m] float32
  segment: int  # number of the utterance, from 0; idle ones have the next
  idle: bool  # whether it is silence that nobody gave


@dataclasses.dataclass
class _Utterance:
  segment: int
  sound: np.ndarray
  is_complete: bool = False


class SoundQueue:
  """Sound that waits for its frames."""

  def __init__(self, rate: int, fps: fractions.Fraction, ahead: int):
    """Nothing given yet.

    Args:
      rate: Samples a second.
      fps: Frames a second.
      ahead: Frames whose sound a frame waits for beyond its own.
    """
    self._rate, self._fps, self._ahead = rate, fps, ahead
    self._waiting: collections.deque[_Utterance] = collections.deque()
    self._segment = 0
    self._is_begun = False  # whether the utterance has sound
    self.taken = 0  # number of frames

  @property
  def seconds(self) -> float:
    """Seconds of sound that wait."""
    return sum(len(each.sound) for each in self._waiting) / self._rate

  @property
  def is_ready(self) -> bool:
    """Whether sound waits whose look-ahead is there, or will not come."""
    if not self._waiting:
      return False
    if self._waiting[0].is_complete:
      return True
    needed = self._start(self.taken + 1 + self._ahead)
    return len(self._waiting[0].sound) >= needed - self._start(self.taken)

  def push(self, given: np.ndarray) -> None:
    """Adds sound.

    Args:
      given: Samples as `media.samples` takes them, any number; none is fine.

    Raises:
      InputError: they are no sound; nothing has changed then.
    """
    if isinstance(given, np.ndarray) and given.shape == (0,):
      return
    wave = samples.mono(samples.checked((given, self._rate))[0])[0]
    self._is_begun = True
    if not self._waiting or self._waiting[-1].is_complete:
      self._waiting.append(_Utterance(self._segment, wave))
    else:
      last = self._waiting[-1]
      last.sound = np.concatenate([last.sound, wave])

  def end_segment(self) -> None:
    """Says that an utterance is complete."""
    if self._waiting:
      self._waiting[-1].is_complete = True
      if not len(self._waiting[-1].sound):
        self._waiting.pop()
    self._segment += self._is_begun
    self._is_begun = False

  def interrupt(self) -> None:
    """Drops all that waits, but for a short fade; the utterance is over."""
    if self._waiting:
      first = self._waiting[0]
      fade = first.sound[: round(_FADE * self._rate)]
      ramp = np.linspace(1, 0, len(fade), dtype=np.float32)
      self._waiting.clear()
      self._waiting.append(_Utterance(first.segment, fade * ramp))
    self.end_segment()

  def take(self, *, idle: bool = False) -> Taken:
    """The sound of the next frame: what waits, or silence that comes before."""
    start = self._start(self.taken)
    if idle:
      sound = np.zeros(self._start(self.taken + 1) - start, np.float32)
      taken = sound, self._known(1), self._segment, True
    else:
      assert self.is_ready
      (first, *_), segment = self._planned(0), self._waiting[0].segment
      taken = first, self._known(1, skipped=1), segment, False
      rest = self._waiting[0].sound[len(first) :]
      if len(rest) or not self._waiting[0].is_complete:
        self._waiting[0].sound = rest
      else:
        self._waiting.popleft()
    self.taken += 1
    return Taken(start, *taken)

  def _known(self, place: int, skipped: int = 0) -> np.ndarray:
    """Sound of the frames that a frame looks at beyond its own.

    After a complete utterance there is silence until another one begins.
    """
    planned = self._planned(place - skipped)
    parts = [*itertools.islice(planned, skipped, skipped + self._ahead)]
    sound = np.concatenate([np.zeros(0, np.float32), *parts])
    if self._waiting and not self._waiting[-1].is_complete:
      return sound
    end = self._start(self.taken + place + self._ahead)
    whole = end - self._start(self.taken + place)
    return np.pad(sound, (0, max(whole - len(sound), 0)))

  def _planned(self, place: int) -> Iterator[np.ndarray]:
    """Sound of coming frames, if what waits begins at the one in a place.

    The last one may be shorter, where more of its utterance is to come.
    """
    number = self.taken + place
    for each in self._waiting:
      at = 0
      while at < len(each.sound):
        size = self._start(number + 1) - self._start(number)
        sound = each.sound[at : at + size]
        if len(sound) < size and each.is_complete:
          sound = np.pad(sound, (0, size - len(sound)))
        yield sound
        at += size
        number += 1

  def _start(self, number: int) -> int:
    """First sample of a frame."""
    return math.floor(number * self._rate / self._fps)
