"""Frames of a stream: the motion of each, and its drawing.

State is bounded: rows of the last 14 frames, and what a `Voice` keeps. Drawers
that look beyond a frame are given the rows that the look-ahead lets be known,
and the last of them for the rest.
"""

import collections
from collections.abc import Iterator
import fractions
import math
from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions, errors, jax_settings
from sadtalker_jax.inference import animation, tracks
from sadtalker_jax.inference.live import causal_motion, sound_queue

MOST_AHEAD = 0.52  # seconds, the 13 frames that neural renderers look at


class Part(NamedTuple):
  """One frame and exactly its sound."""

  frame: np.ndarray  # [H, W, 3] uint8 RGB
  audio: np.ndarray  # [n] float32, rate / fps samples
  pts: fractions.Fraction  # seconds, of the frame's and the sound's start
  segment: int  # number of the utterance, from 0; idle parts have the next
  idle: bool  # whether the sound is silence that nobody gave
  repeated: bool  # whether the frame is that of before, as drawing was late


class LiveCore:
  """Sound in, parts out."""

  def __init__(
    self,
    clip: animation.Animation,
    motion: causal_motion.CausalMotion,
    rate: int,
    look_ahead: float,
  ):
    """Starts at time 0 with nothing given.

    Args:
      clip: Portrait, drawer, marks; its motion does not count.
      motion: Motion of the frames.
      rate: Samples a second.
      look_ahead: Seconds of sound that a frame waits for beyond its own.

    Raises:
      InputError: the look-ahead is not possible.
    """
    if not 0 <= look_ahead <= MOST_AHEAD:
      raise errors.InputError(
        f'look_ahead: expected 0 to {MOST_AHEAD} s, found {look_ahead}'
      )
    self.fps = clip.fps
    self.rate = rate
    self.size = clip.size
    ahead = math.ceil(round(look_ahead * float(clip.fps), 6))
    self.queue = sound_queue.SoundQueue(rate, clip.fps, ahead)
    self._ahead = min(ahead, clip.drawer.reach)
    self._motion = motion
    self._job = clip.render_job()
    self._drawn: collections.deque[np.ndarray] = collections.deque()
    self._finished = clip.finished(self._batches())
    self._rows: collections.deque[np.ndarray] = collections.deque(
      maxlen=conventions.WINDOW_RADIUS + 1
    )
    self._last: np.ndarray | None = None

  def warm_up(self) -> None:
    """Does once, unseen, what a frame needs, so that the first is quick."""
    with jax_settings.standard():
      self._motion.warm_up()
    self._render(self._job.motion.coefficients[:1], 0)

  def draw(self, taken: sound_queue.Taken, *, repeat: bool = False) -> Part:
    """The part of what was taken; in that order, one at a time.

    Another thread may use the queue meanwhile.

    Args:
      taken: Sound of the frame.
      repeat: Whether to show the frame of before, which takes less time.
    """
    repeat = repeat and self._last is not None
    with jax_settings.standard():
      rows = self._motion.step(taken, repeat=repeat, ahead=self._ahead)
    self._rows.append(rows[0])
    if not repeat:
      now = len(self._rows) - 1
      self._last = self._render(np.stack([*self._rows, *rows[1:]]), now)
    assert self._last is not None
    pts = fractions.Fraction(taken.start, self.rate)
    return Part(self._last, taken.sound, pts, taken.segment, taken.idle, repeat)

  def _render(self, rows: np.ndarray, place: int) -> np.ndarray:
    """The frame [H, W, 3] at a place in rows [k, 70]."""
    job = self._job
    with jax_settings.standard():
      given = job.renderer.inputs(
        job.prepared, tracks.still(rows), np.array([place])
      )
      self._drawn.append(np.asarray(job.renderer.render([job.prepared], given)))
      return next(self._finished)[0]

  def _batches(self) -> Iterator[np.ndarray]:
    while True:
      yield self._drawn.popleft()
