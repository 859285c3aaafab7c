"""Where the seconds of a preparation go.

Processor seconds of all threads of this process: what a core is busy with, and
not what it waits for, so that figures hold on a machine that others use, too.
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
    """Counts the block as this step."""
    started = time.process_time()
    try:
      yield
    finally:
      self.seconds[step] += time.process_time() - started

  def each(self, step: str, items: Iterable[T]) -> Iterator[T]:
    """The same items; the time that making them takes counts as this step."""
    iterator = iter(items)
    while True:
      with self.measure(step):
        try:
          item = next(iterator)
        except StopIteration:
          return
      yield item
