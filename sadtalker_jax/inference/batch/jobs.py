"""Many animations in one go; their frames share the renderer's batches.

Three things overlap: threads read and measure the inputs of the next jobs, this
thread draws, and every job that is being drawn has a thread that finishes and
encodes its frames. Queues between them are short, so memory does not grow with
the number of jobs or their length.
"""

import collections
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
import dataclasses
import json
import os
import queue
import threading
import time
from typing import Literal

from absl import logging
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.inference import animation as animation_lib
from sadtalker_jax.inference import pipeline, rendering
from sadtalker_jax.inference.batch import manifest
from sadtalker_jax.media import files

Status = Literal['done', 'skipped', 'failed']

_LOADERS = 2  # threads that read inputs
_AHEAD = 4  # jobs whose inputs are read before their turn
_QUEUED = 4  # batches that wait for an encoder


@dataclasses.dataclass(frozen=True)
class JobResult:
  """What became of a job."""

  line: int  # of the manifest
  output: str
  status: Status
  frames: int
  seconds: float  # from reading its inputs to closing its file
  error: str | None = None


@dataclasses.dataclass(frozen=True)
class BatchSummary:
  """What became of a run."""

  jobs: Sequence[JobResult]
  seconds: float
  process: int = 0  # of how many, where the jobs were shared
  processes: int = 1

  @property
  def frames(self) -> int:
    """Frames of the videos that were made."""
    return sum(result.frames for result in self.jobs)

  def count(self, status: Status) -> int:
    """Number of jobs that ended so."""
    return sum(result.status == status for result in self.jobs)

  def write(self, path: str | os.PathLike[str]) -> None:
    """Writes it as JSON, over an older one."""
    content = dataclasses.asdict(self)
    content['frames'] = self.frames
    content['fps'] = self.frames / self.seconds
    with files.replacing(path, overwrite=True) as part:
      part.write_text(json.dumps(content, indent=2) + '\n')

  def __str__(self) -> str:
    return (
      f'{self.count("done")} done, {self.count("skipped")} skipped, '
      f'{self.count("failed")} failed; {self.frames} frames in '
      f'{self.seconds:.1f} s, {self.frames / self.seconds:.1f} a second'
    )


class _Stopped(BaseException):
  """The run ends before a job is whole; its file is let go of."""


class _Sink(threading.Thread):
  """Finishes and encodes the frames of one job."""

  def __init__(
    self,
    job: manifest.AnimationJob,
    animation: animation_lib.Animation,
    overwrite: bool,
  ):
    super().__init__(name=f'line {job.line}', daemon=True)
    self.job = job
    self.animation = animation
    self.missing = animation.num_frames
    self.error: BaseException | None = None
    self._overwrite = overwrite
    self._queue: queue.Queue[np.ndarray | None] = queue.Queue(_QUEUED)
    self._stopped = False

  def put(self, frames: np.ndarray) -> None:
    """Hands over the next frames as drawn; waits while many wait."""
    self.missing -= len(frames)
    self._queue.put(frames)
    if not self.missing:
      self._queue.put(None)

  def stop(self) -> None:
    """Ends before the last frame; nothing of the file remains."""
    self._stopped = True
    while self.is_alive():
      try:
        self._queue.put(None, timeout=0.1)
        break
      except queue.Full:
        continue

  def run(self) -> None:
    """Works until the last frame."""
    drawn = self._drawn()
    try:
      self.animation.write(
        self.animation.finished(drawn),
        self.job.output,
        overwrite=self._overwrite,
      )
    except BaseException as error:  # handed to the thread that waits for it
      self.error = error
      for _ in drawn:  # so that nobody waits for room in the queue
        pass

  def _drawn(self) -> Iterator[np.ndarray]:
    while (frames := self._queue.get()) is not None:
      yield frames
    if self._stopped and self.error is None:
      raise _Stopped


def run_jobs(
  animator: pipeline.Animator,
  jobs: Sequence[manifest.AnimationJob] | str | os.PathLike[str],
  *,
  batch_size: int = 8,
  overwrite: bool = False,
  report: Callable[[JobResult], None] | None = None,
) -> list[JobResult]:
  """Makes the videos of all jobs.

  A job that fails leaves no file and does not stop the others. A job whose
  output exists is skipped, so a run that was stopped goes on where it was:
  files appear whole or not at all.

  Args:
    animator: Maker of the clips.
    jobs: What to make: jobs, or the file of a manifest, see `manifest`.
    batch_size: Frames drawn together, of different jobs if need be.
    overwrite: Whether to make outputs that exist again.
    report: Called with every result as it comes.

  Returns:
    One result a job, in the order of the jobs.

  Raises:
    InputError: the manifest is missing, empty or faulty.
  """
  if isinstance(jobs, (str, os.PathLike)):
    jobs = manifest.read(jobs)
  run = _Run(animator, batch_size, overwrite, report)
  return run(jobs)


class _Run:
  """One call of `run_jobs`."""

  def __init__(
    self,
    animator: pipeline.Animator,
    batch_size: int,
    overwrite: bool,
    report: Callable[[JobResult], None] | None,
  ):
    self._animator = animator
    self._batch_size = batch_size
    self._overwrite = overwrite
    self._report = report
    self._results: dict[int, JobResult] = {}
    self._started: dict[int, float] = {}
    self._sinks: dict[rendering.RenderJob, _Sink] = {}

  def __call__(self, jobs: Sequence[manifest.AnimationJob]) -> list[JobResult]:
    todo = []
    for job in jobs:
      if not self._overwrite and os.path.lexists(job.output):
        self._add(JobResult(job.line, str(job.output), 'skipped', 0, 0.0))
      else:
        todo.append(job)
    closing: list[_Sink] = []
    pool = futures.ThreadPoolExecutor(_LOADERS, 'loader')
    try:
      for part in rendering.stream(self._clips(todo, pool), self._batch_size):
        sink = self._sinks[part.clip]
        sink.put(part.frames)
        if not sink.missing:
          closing.append(self._sinks.pop(part.clip))
        closing = [sink for sink in closing if not self._closed(sink)]
      for sink in closing:
        sink.join()
        self._closed(sink)
    finally:
      pool.shutdown(wait=True, cancel_futures=True)
      for sink in (*self._sinks.values(), *closing):
        sink.stop()
        sink.join()
    return [self._results[job.line] for job in jobs]

  def _clips(
    self, jobs: Sequence[manifest.AnimationJob], pool: futures.Executor
  ) -> Iterator[rendering.RenderJob]:
    """Clips in order, read ahead; jobs that cannot be read are reported."""
    waiting: collections.deque[tuple[manifest.AnimationJob, futures.Future]] = (
      collections.deque()
    )
    queue_ = iter(jobs)
    while True:
      while len(waiting) < _AHEAD and (job := next(queue_, None)) is not None:
        waiting.append((job, pool.submit(self._load, job)))
      if not waiting:
        return
      job, future = waiting.popleft()
      try:
        animation, clip = future.result()
      except Exception as error:  # one bad job; the rest go on
        self._failed(job, error)
        continue
      sink = _Sink(job, animation, self._overwrite)
      self._sinks[clip] = sink
      sink.start()
      yield clip

  def _load(
    self, job: manifest.AnimationJob
  ) -> tuple[animation_lib.Animation, rendering.RenderJob]:
    self._started[job.line] = time.monotonic()
    animation = self._animator.animate(job.image, job.audio, job.options)
    return animation, animation.render_job()

  def _closed(self, sink: _Sink) -> bool:
    """Whether a sink has ended; if so, its result is added."""
    if sink.is_alive():
      return False
    if sink.error is not None:
      self._failed(sink.job, sink.error)
      return True
    frames = sink.animation.num_frames
    seconds = time.monotonic() - self._started[sink.job.line]
    self._add(
      JobResult(sink.job.line, str(sink.job.output), 'done', frames, seconds)
    )
    return True

  def _failed(self, job: manifest.AnimationJob, error: BaseException) -> None:
    if not isinstance(error, errors.InputError):
      logging.error('line %d', job.line, exc_info=error)
    seconds = time.monotonic() - self._started[job.line]
    text = str(error) or type(error).__name__
    self._add(JobResult(job.line, str(job.output), 'failed', 0, seconds, text))

  def _add(self, result: JobResult) -> None:
    self._results[result.line] = result
    if self._report is not None:
      self._report(result)
