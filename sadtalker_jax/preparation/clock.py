"""Seconds of a preparation by kind of work.

They are processor seconds of all threads of this process, without the time that
it waits, so that figures hold on a machine that others use, too.
"""

from collections.abc import Iterable, Iterator
import contextlib
import time
from typing import TypeVar

T = TypeVar('T')
STEPS = ('decode', 'detect', 'encode', 'fit', 'sound', 'sync', 'teacher')


class Clock:
  """Adds up processor seconds by step."""

  def __init__(self) -> None:
    self.seconds = dict.fromkeys(STEPS, 0.0)

  @contextlib.contextmanager
  def measure(self, step: str) -> Iterator[None]:
    """Adds the time of the block to a step.

    Args:
      step: One of `STEPS`.
    """
    started = time.process_time()
    try:
      yield
    finally:
      self.seconds[step] += time.process_time() - started

  def each(self, step: str, items: Iterable[T]) -> Iterator[T]:
    """The same items; the time that making them takes is added to a step.

    Args:
      step: One of `STEPS`.
      items: Iterable whose work is measured.
    """
    iterator = iter(items)
    while True:
      with self.measure(step):
        try:
          item = next(iterator)
        except StopIteration:
          return
      yield item
