"""One thread that draws the jobs of a service, frames of several together.

As in `inference.batch`, a thread loads the inputs of the next job, this one
draws, and every job has a thread that encodes (`encoding.JobEncoder`). Unlike
there, jobs keep coming, and may be cancelled: what is drawn of a cancelled job
are the batches that are under way.
"""

from collections.abc import Callable, Iterator
from concurrent import futures
import dataclasses
import pathlib
import threading
import time
from typing import NamedTuple

from absl import logging

from sadtalker_jax import errors
from sadtalker_jax.inference import animation as animation_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import pipeline, rendering
from sadtalker_jax.inference.batch import encoding, manifest
from sadtalker_jax.serving import given_files, job_table

IDLE_S = 60.0  # between two calls of `tidy`

_INTERNAL = 'an error of the server, which its log describes'


@dataclasses.dataclass(frozen=True)
class JobFiles:
  """The files of a job."""

  folder: pathlib.Path

  @property
  def given(self) -> dict[str, pathlib.Path]:
    """What was sent, by name."""
    return given_files.kept_in(self.folder)

  @property
  def video(self) -> pathlib.Path:
    """The result."""
    return self.folder / 'video.mp4'

  def remove_inputs(self) -> None:
    """Removes what was sent."""
    for path in self.given.values():
      path.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True, eq=False)
class _Clip(rendering.RenderJob):
  """A clip that can be cut short.

  The length changes in the drawing thread alone, between two batches.
  """

  cut: threading.Event

  def __len__(self) -> int:
    return 0 if self.cut.is_set() else super().__len__()


class _Loaded(NamedTuple):
  """A job whose inputs are measured."""

  order: manifest.AnimationJob
  animation: animation_lib.Animation
  shape: rendering.RenderJob


class _Work:
  """A job that runs."""

  def __init__(self, job: job_table.Job):
    self.job = job
    self.total = 0
    self.unwanted = threading.Event()  # set by anybody
    self.cut = threading.Event()  # set by the drawing thread
    self.encoder: encoding.JobEncoder | None = None

  @property
  def progress(self) -> float:
    """Share of its frames that are drawn."""
    if self.encoder is None or not self.total:
      return 0.0
    return 1 - self.encoder.missing / self.total


class DeviceQueue:
  """Draws the jobs of a table, in their order."""

  def __init__(
    self,
    animator: pipeline.Animator,
    table: job_table.JobTable,
    files_of: Callable[[str], JobFiles],
    *,
    batch_size: int = 8,
    drawn: Callable[[int], None] = lambda frames: None,
    ended: Callable[[job_table.Job], None] = lambda job: None,
    tidy: Callable[[], None] = lambda: None,
  ):
    """A queue that is to be started.

    Args:
      animator: Animator that makes the clips.
      table: Jobs.
      files_of: Function from the name of a job to its files.
      batch_size: Frames drawn together.
      drawn: Function that is called with the number of frames of every batch.
      ended: Function that is called with every job that ended.
      tidy: Function that is called now and then.
    """
    self._animator = animator
    self._table = table
    self._files_of = files_of
    self._batch_size = batch_size
    self._drawn, self._ended, self._tidy = drawn, ended, tidy
    self._changed = threading.Condition()
    self._stopping = False
    self._running: dict[str, _Work] = {}
    self._thread = threading.Thread(target=self._run, name='device queue')

  def start(self) -> None:
    """Starts the thread."""
    self._thread.start()

  def wake(self) -> None:
    """Says that a job was added."""
    with self._changed:
      self._changed.notify_all()

  def progress(self, id: str) -> float:
    """Share of a running job's frames that are drawn; 0 for others."""
    work = self._running.get(id)
    return work.progress if work else 0.0

  def cancel(self, id: str) -> None:
    """Ends a running job soon."""
    if work := self._running.get(id):
      work.unwanted.set()

  def is_alive(self) -> bool:
    """Whether jobs are drawn."""
    return self._thread.is_alive()

  def stop(self, grace_s: float) -> None:
    """Ends the thread; jobs that are not done within a time wait again.

    Args:
      grace_s: Time that jobs have, seconds.
    """
    with self._changed:
      self._stopping = True
      self._changed.notify_all()
    self._thread.join(grace_s)
    for work in list(self._running.values()):
      self._table.hand_back(work.job.id)
      work.unwanted.set()
    self._thread.join()

  def _run(self) -> None:
    while True:
      with self._changed:
        while not self._stopping and not self._table.count('queued'):
          if not self._changed.wait(IDLE_S):
            break
        if self._stopping:
          return
      try:
        self._tidy()
        self._draw()
      except Exception:
        logging.exception('device queue')
        for work in list(self._running.values()):
          self._close(work, 'failed', _INTERNAL)

  def _draw(self) -> None:
    """Draws until no job waits."""
    owners: dict[rendering.RenderJob, _Work] = {}
    with futures.ThreadPoolExecutor(1, 'loader') as pool:
      clips = self._clips(pool, owners)
      for part in rendering.stream(clips, self._batch_size):
        self._drawn(len(part.frames))
        work = owners[part.clip]
        if work.encoder is not None and not work.unwanted.is_set():
          work.encoder.put(part.frames)
        self._reap()
    while self._reap():
      time.sleep(0.01)  # encoders are at their last frames

  def _clips(
    self, pool: futures.Executor, owners: dict[rendering.RenderJob, _Work]
  ) -> Iterator[rendering.RenderJob]:
    """Clips in order, one of them read ahead."""
    waiting: list[tuple[_Work, futures.Future[_Loaded]]] = []
    while True:
      while len(waiting) < 2 and (work := self._claim()) is not None:
        waiting.append((work, pool.submit(self._load, work)))
      if not waiting:
        return
      work, future = waiting.pop(0)
      try:
        order, animation, shape = future.result()
      except Exception as error:  # one bad job; the rest go on
        self._fail(work, error)
        continue
      if work.unwanted.is_set():
        self._close(work, 'cancelled')
        continue
      work.total = animation.num_frames
      work.encoder = encoding.JobEncoder(order, animation, True)
      work.encoder.start()
      clip = _Clip(shape.renderer, shape.prepared, shape.motion, work.cut)
      owners[clip] = work
      yield clip

  def _claim(self) -> _Work | None:
    if self._stopping or (job := self._table.claim()) is None:
      return None
    work = self._running[job.id] = _Work(job)
    return work

  def _load(self, work: _Work) -> _Loaded:
    """Measures the inputs of a job."""
    files = self._files_of(work.job.id)
    given = files.given
    options = options_lib.changed(
      None, {**work.job.options, **given_files.options_of(given)}
    )
    order = manifest.AnimationJob(
      work.job.number,
      given.get('image'),
      given.get('audio'),
      files.video,
      options,
      given.get('video'),
    )
    animation = order.animation(self._animator)
    return _Loaded(order, animation, animation.render_job())

  def _reap(self) -> bool:
    """Closes jobs whose end has come; whether some are left."""
    for work in list(self._running.values()):
      encoder = work.encoder
      if encoder is None:
        continue  # its inputs are being read
      if encoder.error is not None:
        self._fail(work, encoder.error)
      elif work.unwanted.is_set():
        self._close(work, 'cancelled')
      elif not encoder.is_alive():
        marker = encoder.animation.marker
        mark = marker.payload.job_id if marker else 'off'
        self._close(work, 'completed', frames=work.total, mark=mark)
    return bool(self._running)

  def _fail(self, work: _Work, error: BaseException) -> None:
    known = isinstance(error, errors.InputError)
    if not known:
      logging.error('job %s', work.job.id, exc_info=error)
    self._close(
      work, 'failed', self._without_paths(work, error) if known else _INTERNAL
    )

  def _without_paths(self, work: _Work, error: BaseException) -> str:
    """A message that names files as their owner does."""
    folder = self._files_of(work.job.id).folder
    return str(error).replace(f'{folder}/', '')

  def _close(
    self,
    work: _Work,
    status: job_table.Status,
    error: str | None = None,
    *,
    frames: int = 0,
    mark: str | None = None,
  ) -> None:
    """Ends a job, unless it was handed back meanwhile."""
    id = work.job.id
    work.cut.set()
    if work.encoder is not None:
      work.encoder.stop()
      work.encoder.join()
    if self._table.finish(id, status, frames=frames, error=error, mark=mark):
      self._files_of(id).remove_inputs()
      job = self._table.get(id)
      assert job is not None
      self._ended(job)
    self._running.pop(id, None)
