"""A service: files are taken in, become jobs, and their videos are handed out.

Everything lies in one folder, which one process uses at a time:

    jobs.sqlite      the table
    jobs/ID/         files of a job, see `given_files`; then video.mp4
    uploads/ID       files that wait for a job, each with its owner's folder
    incoming/        what is being received; empty when nothing is
    page/            what browsers are shown, for an hour
"""

from collections.abc import Iterator, Mapping
import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import secrets
import shutil
import tempfile
import threading
import time
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import pipeline
from sadtalker_jax.serving import (
  device_queue,
  forms,
  given_files,
  job_table,
  meters,
)
from sadtalker_jax.serving import limits as limits_lib

GRACE_S = 5.0  # that running jobs have when the service ends

_ID = re.compile(r'[a-z]+_[0-9a-f]{32}')


class Busy(Exception):
  """There are too many jobs or uploads; the message says of whom."""


class Service:
  """Jobs of one folder, drawn by one animator."""

  def __init__(
    self,
    animator: pipeline.Animator,
    folder: str | os.PathLike[str],
    *,
    limits: limits_lib.Limits | None = None,
    batch_size: int = 8,
  ):
    """Opens the folder and goes on with the jobs in it; `start` draws them.

    Args:
      animator: Animator that makes the clips.
      folder: Folder of the service; made if it is missing.
      limits: Limits; None for the usual ones.
      batch_size: Frames drawn together.

    Raises:
      InputError: another process uses the folder, or it cannot be written.
    """
    self.animator = animator
    self.limits = limits or limits_lib.Limits()
    self.meters = meters.Meters()
    self._folder = pathlib.Path(folder).absolute()
    self._lock = _locked(self._folder)
    self._accepting = threading.Lock()
    self.table = job_table.JobTable(self._folder / 'jobs.sqlite')
    self._recover()
    self._queue = device_queue.DeviceQueue(
      animator,
      self.table,
      self.files,
      batch_size=batch_size,
      drawn=self.meters.frames.inc,
      ended=self.meters.job_ended,
      tidy=self.tidy,
    )
    self.meters.watch(self.table)

  @property
  def page_folder(self) -> pathlib.Path:
    """The folder of what browsers are shown."""
    return self._folder / 'page'

  def start(self) -> None:
    """Starts drawing."""
    self._queue.start()

  def close(self, grace_s: float = GRACE_S) -> None:
    """Ends; jobs that are not done within a time wait for the next start."""
    if self._queue.is_alive():
      self._queue.stop(grace_s)
    self.table.close()
    os.close(self._lock)

  def is_healthy(self) -> bool:
    """Whether jobs are drawn."""
    return self._queue.is_alive()

  def files(self, id: str) -> device_queue.JobFiles:
    """The files of a job."""
    assert _ID.fullmatch(id)
    return device_queue.JobFiles(self._folder / 'jobs' / id)

  @contextlib.contextmanager
  def receiving(self) -> Iterator[pathlib.Path]:
    """A folder for what is being received, which is gone afterwards."""
    folder = tempfile.mkdtemp(dir=self._folder / 'incoming')
    try:
      yield pathlib.Path(folder)
    finally:
      shutil.rmtree(folder, ignore_errors=True)

  def submit(
    self,
    owner: str,
    files: Mapping[str, pathlib.Path],
    given: Mapping[str, Any],
    *,
    consent: bool = False,
  ) -> job_table.Job:
    """Accepts a job; its files are moved here.

    Args:
      owner: Name of the token.
      files: Files of ours by name, see `given_files`.
      given: Options by name, values or texts.
      consent: Whether the owner said that the person shown agrees.

    Raises:
      InputError: an option or a file is refused.
      Busy: too many jobs wait.
    """
    self.check_room(owner)
    values = forms.read(given)
    options = options_lib.changed(None, values | given_files.options_of(files))
    self.limits.check_options(options)
    given_files.check(files, options)
    with self._names_of_owner(files):
      self.limits.check_files(files, options)
    id = _new_id('video')
    kept = self.files(id)
    with self._accepting:
      self.check_room(owner)  # others may have been quicker
      kept.folder.mkdir()
      for name, path in files.items():
        os.replace(path, kept.folder / name)
      job = self.table.add(id, owner, values, consent)
    self._queue.wake()
    return job

  def check_room(self, owner: str) -> None:
    """Refuses a job more than there is room for.

    Raises:
      Busy: too many jobs wait.
    """
    active = self.table.count('queued', 'running', owner=owner)
    if active >= self.limits.active:
      raise Busy(f'expected at most {self.limits.active} jobs at once, found '
                 f'{active} that wait or run')  # fmt: skip
    if self.table.count('queued') >= self.limits.queued:
      raise Busy(f'expected at most {self.limits.queued} waiting jobs of all')

  def job(self, owner: str, id: str) -> job_table.Job | None:
    """A job of an owner; None if there is none of that name."""
    if not _ID.fullmatch(id):
      return None
    job = self.table.get(id)
    return job if job is not None and job.owner == owner else None

  def progress(self, job: job_table.Job) -> float:
    """Share of a job that is done."""
    return 1.0 if job.status == 'completed' else self._queue.progress(job.id)

  def cancel(self, job: job_table.Job) -> None:
    """Cancels a job, at once or soon; nothing for one that has ended."""
    if self.table.cancel_queued(job.id):
      self.files(job.id).remove_inputs()
      self.meters.job_ended(self._again(job))
    else:
      self._queue.cancel(job.id)

  def remove(self, job: job_table.Job) -> bool:
    """Removes a job that has ended and its files; false if it has not."""
    if not self.table.remove(job.id):
      return False
    shutil.rmtree(self.files(job.id).folder, ignore_errors=True)
    return True

  def keep_upload(self, owner: str, file: pathlib.Path) -> str:
    """Keeps a file for a later job; returns its name.

    Raises:
      Busy: the owner has too many.
    """
    folder = self._uploads(owner)
    folder.mkdir(exist_ok=True)
    if len(os.listdir(folder)) >= self.limits.uploads:
      raise Busy(f'expected at most {self.limits.uploads} uploads that no job '
                 'has taken')  # fmt: skip
    name = _new_id('upload')
    os.replace(file, folder / name)
    return name

  def take_upload(self, owner: str, name: Any, target: pathlib.Path) -> None:
    """A copy of an uploaded file, which may serve several jobs.

    Raises:
      InputError: there is no such upload.
    """
    source = None
    if isinstance(name, str) and _ID.fullmatch(name):
      source = self._uploads(owner) / name
    if source is None or not source.is_file():
      raise errors.InputError(
        f'{target.name}: expected a name that POST /v1/uploads gave, found '
        f'{errors.shown(name)}'
      )
    shutil.copyfile(source, target)

  def tidy(self) -> None:
    """Removes jobs and uploads whose time is over."""
    now = time.time()
    for job in self.table.ended_before(now - 3600 * self.limits.keep_hours):
      self.remove(job)
    oldest = now - 3600 * self.limits.upload_hours
    for name in ('uploads', 'page'):
      for path in (self._folder / name).rglob('*'):
        with contextlib.suppress(FileNotFoundError):
          if path.is_file() and path.stat().st_mtime < oldest:
            path.unlink()

  def _again(self, job: job_table.Job) -> job_table.Job:
    found = self.table.get(job.id)
    return job if found is None else found

  def _uploads(self, owner: str) -> pathlib.Path:
    name = hashlib.sha256(owner.encode()).hexdigest()[:32]
    return self._folder / 'uploads' / name

  def _recover(self) -> None:
    """Brings table and folder together after an end of any kind."""
    for name in ('incoming', 'page'):
      shutil.rmtree(self._folder / name, ignore_errors=True)
    for name in ('jobs', 'uploads', 'incoming', 'page'):
      (self._folder / name).mkdir(exist_ok=True)
    _, failed = self.table.recover()
    for job in failed:
      self.files(job.id).remove_inputs()
    known = self.table.ids()
    for path in (self._folder / 'jobs').iterdir():
      if path.name not in known:
        shutil.rmtree(path, ignore_errors=True)
      for part in path.glob('.*.part'):  # of a process that was killed
        part.unlink()

  @contextlib.contextmanager
  def _names_of_owner(
    self, files: Mapping[str, pathlib.Path]
  ) -> Iterator[None]:
    """Messages name files as their owner does."""
    try:
      yield
    except errors.InputError as error:
      text = str(error)
      for name, path in files.items():
        text = text.replace(str(path), name)
      raise errors.InputError(text) from error


def _new_id(kind: str) -> str:
  return f'{kind}_{secrets.token_hex(16)}'


def _locked(folder: pathlib.Path) -> int:
  """The descriptor that keeps other processes out of a folder."""
  try:
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    lock = os.open(folder / 'lock', os.O_CREAT | os.O_RDWR, 0o600)
  except OSError as error:
    raise errors.InputError(
      f'{folder}: expected a folder to write to, found: {error.strerror}'
    ) from error
  try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except OSError as error:
    os.close(lock)
    raise errors.InputError(
      f'{folder}: expected a folder that no other server uses, found one'
    ) from error
  return lock
