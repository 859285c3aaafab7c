"""A profiler trace of some steps, on demand."""

import pathlib

import jax


class Trace:
  """Starts and ends the trace of a run."""

  def __init__(self, folder: pathlib.Path, steps: tuple[int, int] | None):
    """Traces nothing yet.

    Args:
      folder: Folder that the trace is written to.
      steps: First and last step; None for no trace.
    """
    self._folder, self._steps = folder, steps
    self._running = False

  def before(self, step: int) -> None:
    """What is due before a step."""
    if self._steps is None:
      return
    first, last = self._steps
    if step == first and not self._running:
      jax.profiler.start_trace(str(self._folder))
      self._running = True
    elif step > last:
      self.stop()

  def stop(self) -> None:
    """Ends it, if it runs: there is no more step."""
    if self._running:
      jax.profiler.stop_trace()
      self._running = False
