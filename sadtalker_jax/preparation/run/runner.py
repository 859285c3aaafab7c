"""Processes on this machine that prepare videos, one video at a time each.

When a worker dies (a decoder crashes, memory runs out), no other video is lost:
its video is tried once more and then recorded as `crashed`, and a new worker
takes its place. A worker without progress for long is ended, and its video is
recorded as `timeout`.

Each worker uses its own share of the cores, so that the networks of one do not
wait for the threads of another; on an accelerator one worker is best.
"""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import multiprocessing
from multiprocessing import connection
import os
import pathlib
import signal
import time

from absl import logging

from sadtalker_jax import errors
from sadtalker_jax.preparation import (
  options as options_lib,
)
from sadtalker_jax.preparation import parts, rejects
from sadtalker_jax.preparation.input import video_files
from sadtalker_jax.preparation.run import worker as worker_lib

_ATTEMPTS = 2  # tries of a video whose worker dies
_START_S = 900.0  # seconds that a worker may take to load its networks


@dataclasses.dataclass(frozen=True)
class VideoTask:
  """A video, and the file of its part."""

  source: video_files.VideoSource
  target: pathlib.Path


# What a worker process runs until its pipe closes; see `worker.work`.
Worker = Callable[
  [connection.Connection, options_lib.PreparationOptions, tuple[int, ...]], None
]


@dataclasses.dataclass(frozen=True)
class Done:
  """A video whose part is there."""

  task: VideoTask
  summary: parts.PartSummary


def cores() -> list[int]:
  """Numbers of the processors that this process may use."""
  if hasattr(os, 'sched_getaffinity'):
    return sorted(os.sched_getaffinity(0))
  return list(range(os.cpu_count() or 1))


def run(
  tasks: Sequence[VideoTask],
  options: options_lib.PreparationOptions,
  *,
  workers: int,
  timeout_s: float = 900.0,
  worker: Worker | None = None,
) -> Iterator[Done]:
  """Prepares videos; their parts are written when they are yielded.

  Args:
    tasks: Videos, taken in this order.
    options: Options of the preparation.
    workers: Number of processes; 0 for the work in this one, unprotected.
    timeout_s: Seconds without progress (a window of frames or a clip) until a
      worker is ended.
    worker: Function that the processes run; `worker.work` by default.

  Yields:
    Videos in the order in which they are done.

  Raises:
    InputError: The bundle lacks a network, or the disk is full.
  """
  if not tasks:
    return
  if workers == 0:
    from sadtalker_jax.preparation import experts
    from sadtalker_jax.preparation.run import video_job

    loaded = experts.load(options)
    for task in tasks:
      summary = video_job.prepare(task.source, options, loaded, task.target)
      yield Done(task, summary)
    return
  count = min(workers, len(tasks))
  pool = _Pool(
    list(tasks), options, count, timeout_s, worker or worker_lib.work
  )
  try:
    yield from pool.run()
  finally:
    pool.close()


@dataclasses.dataclass(eq=False)
class _Worker:
  process: multiprocessing.process.BaseProcess
  pipe: connection.Connection
  cores: Sequence[int]
  heard: float  # time of its last message
  task: VideoTask | None = None
  ready: bool = False


class _Pool:
  """The workers and what they work on."""

  def __init__(
    self,
    tasks: list[VideoTask],
    options: options_lib.PreparationOptions,
    count: int,
    timeout_s: float,
    worker: Worker,
  ):
    self._waiting, self._options = tasks, options
    self._timeout_s, self._worker = timeout_s, worker
    self._tried: dict[VideoTask, int] = {}
    self._context = multiprocessing.get_context('spawn')
    own = cores()
    shares = [own[i::count] or own for i in range(count)]
    self._workers = [self._start(share) for share in shares]

  def run(self) -> Iterator[Done]:
    """Yields videos until every task is done."""
    while self._waiting or any(w.task for w in self._workers):
      signs = connection.wait(
        [w.pipe for w in self._workers]
        + [w.process.sentinel for w in self._workers],
        timeout=1.0,
      )
      for place, worker in enumerate(self._workers):
        if worker.pipe in signs:
          yield from self._listen(worker)
        if worker.process.sentinel in signs and not worker.process.is_alive():
          yield from self._buried(place)
        elif time.monotonic() - worker.heard > self._limit(worker):
          yield from self._given_up(place)

  def close(self) -> None:
    """Ends all workers."""
    for worker in self._workers:
      worker.process.kill()
    for worker in self._workers:
      worker.process.join()

  def _limit(self, worker: _Worker) -> float:
    if not worker.ready:
      return _START_S
    return self._timeout_s if worker.task else float('inf')

  def _start(self, cores: Sequence[int]) -> _Worker:
    ours, theirs = self._context.Pipe()
    process = self._context.Process(
      target=self._worker,
      args=(theirs, self._options, tuple(cores)),
      daemon=True,
    )
    process.start()
    theirs.close()
    return _Worker(process, ours, cores, time.monotonic())

  def _listen(self, worker: _Worker) -> Iterator[Done]:
    """Receives the messages of a worker."""
    try:
      while worker.pipe.poll():
        kind, value = worker.pipe.recv()
        worker.heard = time.monotonic()
        if kind == 'error':
          raise value
        if kind == 'done':
          assert worker.task is not None
          yield Done(worker.task, value)
          worker.task = None
        if kind in ('ready', 'done'):
          worker.ready = True
          if self._waiting:
            worker.task = self._waiting.pop(0)
            worker.pipe.send(worker.task)
    except (EOFError, OSError):  # it died; the sentinel will say so
      pass

  def _buried(self, place: int) -> Iterator[Done]:
    """Replaces a worker that died."""
    worker = self._workers[place]
    code = worker.process.exitcode or 0
    cause = signal.Signals(-code).name if code < 0 else f'exit code {code}'
    if not worker.ready:
      raise errors.InputError(
        f'expected a worker that starts, found one that died ({cause})'
      )
    task, worker.task = worker.task, None
    self._workers[place] = self._start(worker.cores)
    if task is None:
      return
    self._tried[task] = self._tried.get(task, 0) + 1
    logging.warning('%s: its worker died (%s)', task.source.name, cause)
    if self._tried[task] < _ATTEMPTS:
      self._waiting.insert(0, task)
      return
    detail = f'the worker died, {cause}'
    yield _failed(task, rejects.Reason.CRASHED, detail)

  def _given_up(self, place: int) -> Iterator[Done]:
    """Ends a worker that shows no progress."""
    worker = self._workers[place]
    worker.process.kill()
    worker.process.join()
    if not worker.ready:
      raise errors.InputError('expected a worker that starts, found it hanging')
    task, worker.task = worker.task, None
    self._workers[place] = self._start(worker.cores)
    if task is not None:
      detail = f'no progress in {self._timeout_s:g} s'
      logging.warning('%s: %s', task.source.name, detail)
      yield _failed(task, rejects.Reason.TIMEOUT, detail)


def _failed(task: VideoTask, reason: rejects.Reason, detail: str) -> Done:
  reject = rejects.Reject(reason, task.source.name, detail=detail)
  return Done(task, parts.write_failed(task.target, reject))
