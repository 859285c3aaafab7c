"""The asynchronous face of a stream.

    async with animator.stream('portrait.jpg', sample_rate=24000) as session:
      await session.push(samples)
      session.end_segment()
      async for part in session: ...

Parts come at the frame rate. Where no sound is there when a part is due, the
portrait is idle: it breathes, blinks, looks about and is silent. With
`paced=False` parts come as fast as they can be drawn and nothing is idle, for
files and tests.
"""

import asyncio
from concurrent import futures
import contextlib
import time
from typing import Self

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.inference.live import core

MOST_QUEUED = 30.0  # seconds of sound; `push` waits beyond

_LATE = 0.08  # seconds; parts that are later repeat the frame of before
_REPEATED = 9  # of them in a row, at most
_GIVEN_UP = 2.0  # seconds that are not made up for: the rest comes later


class LiveSession:
  """A portrait that says what is pushed; of one event loop."""

  def __init__(self, clock: core.LiveCore, *, paced: bool = True):
    """A session at time 0, which begins with the first part.

    Args:
      clock: Sound in, parts out.
      paced: Whether parts come at the frame rate.
    """
    self._core = clock
    self._queue = clock.queue
    self._paced = paced
    self._changed = asyncio.Event()
    self._taken = asyncio.Event()
    self._ended = False  # no more sound will come
    self._closed = False
    self._start: float | None = None
    self._repeated = 0  # parts in a row
    self._thread = futures.ThreadPoolExecutor(1, 'live')

  @property
  def fps(self) -> float:
    """Parts a second."""
    return float(self._core.fps)

  @property
  def sample_rate(self) -> int:
    """Samples a second."""
    return self._core.rate

  @property
  def size(self) -> tuple[int, int]:
    """Width and height of the frames."""
    return self._core.size

  @property
  def queued_seconds(self) -> float:
    """Seconds of sound that no part has yet."""
    return self._queue.seconds

  async def __aenter__(self) -> Self:
    return self

  async def __aexit__(self, *unused: object) -> None:
    self.close()

  def close(self) -> None:
    """Ends the iteration at once; what is being drawn is not shown."""
    self._closed = True
    self._wake()
    self._thread.shutdown(wait=False, cancel_futures=True)

  async def warm_up(self) -> None:
    """Compiles what draws, so that the first part is not late."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(self._thread, self._core.warm_up)

  async def push(self, samples: np.ndarray) -> None:
    """Adds sound; waits where more than 30 s of it are queued.

    Args:
      samples: Any number of samples: floats in [-1, 1], or integers at full
        scale.

    Raises:
      InputError: they are no sound, and the session goes on; or the stream was
        ended or closed.
    """
    while self._queue.seconds > MOST_QUEUED and not self._closed:
      self._taken.clear()
      await self._taken.wait()
    if self._closed or self._ended:
      raise errors.InputError('push: expected an open stream, found its end')
    self._queue.push(samples)
    self._wake()

  def end_segment(self) -> None:
    """Says that an utterance is complete, so that its end need not wait."""
    self._queue.end_segment()
    self._wake()

  def end(self) -> None:
    """Says that no sound will come; the iteration ends with what is queued."""
    self._ended = True
    self.end_segment()

  def interrupt(self) -> None:
    """Drops queued speech; the next part is silent, the mouth closes."""
    self._queue.interrupt()
    self._wake()

  def __aiter__(self) -> Self:
    return self

  async def __anext__(self) -> core.Part:
    if self._start is None:
      self._start = time.monotonic()
    while not self._queue.is_ready:
      left = self._until_due()
      if self._is_over() or left == 0:
        break
      self._changed.clear()
      with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(self._changed.wait(), left)
    while not self._is_over() and (left := self._until_due()):
      await asyncio.sleep(left)
    if self._is_over():
      raise StopAsyncIteration
    repeat = self._is_late() and self._repeated < _REPEATED
    taken = self._queue.take(idle=not self._queue.is_ready)
    loop = asyncio.get_running_loop()
    drawing = loop.run_in_executor(
      self._thread, lambda: self._core.draw(taken, repeat=repeat)
    )
    try:
      part = await drawing
    except asyncio.CancelledError as error:
      task = asyncio.current_task()
      if drawing.cancelled() and not (task and task.cancelling()):
        raise StopAsyncIteration from error  # closed before its turn came
      raise
    self._repeated = self._repeated + 1 if part.repeated else 0
    self._taken.set()
    return part

  def _is_over(self) -> bool:
    return self._closed or (self._ended and self._queue.seconds == 0)

  def _wake(self) -> None:
    self._changed.set()
    self._taken.set()

  def _lateness(self) -> float:
    """Seconds since the next part was due."""
    assert self._start is not None
    due = self._start + self._queue.taken / float(self._core.fps)
    return time.monotonic() - due

  def _is_late(self) -> bool:
    if not self._paced:
      return False
    late = self._lateness()
    if late > _GIVEN_UP:
      assert self._start is not None
      self._start += late - _GIVEN_UP
    return late > _LATE

  def _until_due(self) -> float | None:
    """Seconds until the next part is due; None where there is no pace."""
    return max(-self._lateness(), 0.0) if self._paced else None
