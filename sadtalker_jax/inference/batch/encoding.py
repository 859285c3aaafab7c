"""Threads that finish and encode the frames of one job each."""

from collections.abc import Iterator
import queue
import threading

import numpy as np

from sadtalker_jax.inference import animation as animation_lib
from sadtalker_jax.inference.batch import manifest

_QUEUED = 4  # batches that wait for a thread


class _Stopped(BaseException):
  """The end of a run before a job is complete; its file is removed."""


class JobEncoder(threading.Thread):
  """A thread that finishes and encodes the frames of one job.

  Attributes:
    job: The job.
    animation: Its clip.
    missing: Number of frames that have not been put yet.
    error: Error that ended the thread; None if there is none.
  """

  def __init__(
    self,
    job: manifest.AnimationJob,
    animation: animation_lib.Animation,
    overwrite: bool,
  ):
    """A thread that is to be started.

    Args:
      job: Job of the manifest.
      animation: Clip of the job.
      overwrite: Whether an existing file may be replaced.
    """
    super().__init__(name=f'line {job.line}', daemon=True)
    self.job = job
    self.animation = animation
    self.missing = animation.num_frames
    self.error: BaseException | None = None
    self._overwrite = overwrite
    self._queue: queue.Queue[np.ndarray | None] = queue.Queue(_QUEUED)
    self._stopped = False

  def put(self, frames: np.ndarray) -> None:
    """Adds the next drawn frames [b, H, W, 3]; waits where many are queued."""
    self.missing -= len(frames)
    self._queue.put(frames)
    if not self.missing:
      self._queue.put(None)

  def stop(self) -> None:
    """Ends the thread before the last frame; no file remains."""
    self._stopped = True
    while self.is_alive():
      try:
        self._queue.put(None, timeout=0.1)
        break
      except queue.Full:
        continue

  def run(self) -> None:
    """Writes the file, up to the last frame."""
    drawn = self._drawn()
    try:
      self.animation.write(
        self.animation.finished(drawn),
        self.job.output,
        overwrite=self._overwrite,
      )
    except BaseException as error:  # handed to the thread that waits for it
      self.error = error
      for _ in drawn:  # or `put` would wait for room in the queue for ever
        pass

  def _drawn(self) -> Iterator[np.ndarray]:
    """The frames as they are put."""
    while (frames := self._queue.get()) is not None:
      yield frames
    if self._stopped and self.error is None:
      raise _Stopped
