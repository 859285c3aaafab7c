"""Many animations in one run; their frames share the renderer's batches.

Three things overlap: threads read and measure the inputs of the next jobs, the
caller's thread draws, and every job that is being drawn has a thread that
finishes and encodes its frames (`encoding`). Queues between them are short, so
memory does not grow with the number of jobs or their length.
"""

import collections
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
import dataclasses
import json
import os
import time
from typing import Literal

from absl import logging

from sadtalker_jax import errors
from sadtalker_jax.inference import animation as animation_lib
from sadtalker_jax.inference import pipeline, rendering
from sadtalker_jax.inference.batch import encoding, manifest
from sadtalker_jax.media import files, video

Status = Literal['done', 'skipped', 'failed']

_LOADERS = 2  # threads that read inputs
_AHEAD = 4  # jobs whose inputs are read before their turn


@dataclasses.dataclass(frozen=True)
class JobResult:
  """The result of a job."""

  line: int  # number of its line in the manifest, from 1
  output: str
  status: Status
  frames: int
  seconds: float  # from reading its inputs to closing its file
  error: str | None = None
  mark: str | None = None  # job's number in its frames, or 'off'; where done

  def __str__(self) -> str:
    note = self.error or f'{self.frames} frames, {self.seconds:.1f} s'
    return f'line {self.line}: {self.status}: {self.output}: {note}'


@dataclasses.dataclass(frozen=True)
class BatchSummary:
  """The results of a run."""

  jobs: Sequence[JobResult]
  seconds: float
  process: int = 0  # number of this process, where several share the jobs
  processes: int = 1  # number of all processes

  @property
  def frames(self) -> int:
    """Frames of the videos that were made."""
    return sum(result.frames for result in self.jobs)

  def count(self, status: Status) -> int:
    """Number of jobs with a status."""
    return sum(result.status == status for result in self.jobs)

  def write(self, path: str | os.PathLike[str]) -> None:
    """Writes the results as JSON; an existing file is replaced."""
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
  output exists is skipped; files appear whole or not at all, so a second call
  continues a run that was stopped.

  Args:
    animator: Animator that makes the clips.
    jobs: Jobs, or the file of a manifest, see `manifest`.
    batch_size: Frames drawn together, of different jobs if need be.
    overwrite: Whether outputs that exist are made again.
    report: Function that is called with every result as it comes.

  Returns:
    One result for each job, in their order.

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
    self._encoders: dict[rendering.RenderJob, encoding.JobEncoder] = {}

  def __call__(self, jobs: Sequence[manifest.AnimationJob]) -> list[JobResult]:
    todo = []
    for job in jobs:
      if not self._overwrite and os.path.lexists(job.output):
        self._add(JobResult(job.line, str(job.output), 'skipped', 0, 0.0))
      else:
        todo.append(job)
    closing: list[encoding.JobEncoder] = []
    pool = futures.ThreadPoolExecutor(_LOADERS, 'loader')
    try:
      for part in rendering.stream(self._clips(todo, pool), self._batch_size):
        encoder = self._encoders[part.clip]
        encoder.put(part.frames)
        if not encoder.missing:
          closing.append(self._encoders.pop(part.clip))
        closing = [encoder for encoder in closing if not self._closed(encoder)]
      for encoder in closing:
        encoder.join()
        self._closed(encoder)
    finally:
      pool.shutdown(wait=True, cancel_futures=True)
      for encoder in (*self._encoders.values(), *closing):
        encoder.stop()
        encoder.join()
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
      encoder = encoding.JobEncoder(job, animation, self._overwrite)
      self._encoders[clip] = encoder
      encoder.start()
      yield clip

  def _load(
    self, job: manifest.AnimationJob
  ) -> tuple[animation_lib.Animation, rendering.RenderJob]:
    self._started[job.line] = time.monotonic()
    # Known before the work; it is checked again when the file is named.
    suffix = job.options.encoding.suffix
    video.check_target(job.output, overwrite=self._overwrite, suffix=suffix)
    animation = job.animation(self._animator).keeping(job.output)
    return animation, animation.render_job()

  def _closed(self, encoder: encoding.JobEncoder) -> bool:
    """Whether a thread has ended; if so, its result is added."""
    if encoder.is_alive():
      return False
    if encoder.error is not None:
      self._failed(encoder.job, encoder.error)
      return True
    frames = encoder.animation.num_frames
    seconds = time.monotonic() - self._started[encoder.job.line]
    marker = encoder.animation.marker
    self._add(
      JobResult(
        encoder.job.line,
        str(encoder.job.output),
        'done',
        frames,
        seconds,
        mark=marker.payload.job_id if marker else 'off',
      )
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
