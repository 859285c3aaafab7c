"""A thread that moves batches to the devices while others are used."""

from collections.abc import Callable
import queue
import threading
from typing import Any, Protocol


class ClosableIterator(Protocol):
  """An iterator that can be closed, as those of Grain."""

  def __next__(self) -> Any:
    """The next batch."""
    ...

  def close(self) -> None:
    """Stops its threads and processes."""
    ...


class Feed:
  """Batches of a source in their order, moved ahead of their use."""

  def __init__(
    self, source: ClosableIterator, put: Callable[[Any], Any], ahead: int
  ):
    """Starts the thread.

    Args:
      source: Source of the batches; read by the thread alone.
      put: Function that moves a batch to the devices.
      ahead: Batches that may be there besides the one in use.
    """
    self._source, self._put = source, put
    self._ready: queue.SimpleQueue[tuple[Any, BaseException | None]] = (
      queue.SimpleQueue()
    )
    self._room = threading.Semaphore(ahead)
    self._stopped = False
    self._thread = threading.Thread(target=self._run, daemon=True)
    self._thread.start()

  def get(self) -> Any:
    """The next batch.

    Raises:
      Exception: Whatever was raised in making it.
    """
    batch, error = self._ready.get()
    self._room.release()
    if error is not None:
      raise error
    return batch

  def close(self) -> None:
    """Ends the thread, then the source."""
    self._stopped = True
    self._room.release()
    self._thread.join()
    self._source.close()

  def _run(self) -> None:
    """Fills the queue; an error is the last thing in it."""
    while True:
      try:
        batch = next(self._source)
        self._room.acquire()
        if self._stopped:
          return
        self._ready.put((self._put(batch), None))
      except BaseException as error:  # raised again by `get`
        self._ready.put((None, error))
        return
