"""Guards of a run: a lock, an orderly stop, losses that are no numbers."""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import fcntl
import os
import pathlib
import signal
from typing import Any, TextIO

from absl import logging
import jax
from jax.experimental import multihost_utils
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.training import reporting

_STOPPING = (
  b'asked to stop: a checkpoint is made after this step; Ctrl-C again ends at '
  b'once, without\n'
)


class NotFinite(RuntimeError):  # noqa: N818  (it ends a run, like StopIteration)
  """A loss was no number; the message names the term and the saved batch."""


@contextlib.contextmanager
def claim(folder: pathlib.Path) -> Iterator[None]:
  """Holds a folder against other runs.

  Raises:
    InputError: Another run holds it, or it cannot be made or written.
  """
  lock = _lock_file(folder)
  if lock is None:
    yield
    return
  with lock as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      raise errors.InputError(
        f'{folder}: expected a folder that no other run uses, found it in use'
      ) from error
    yield


def _lock_file(folder: pathlib.Path) -> TextIO | None:
  """Makes a folder, and in process 0 its file to lock."""
  try:
    folder.mkdir(parents=True, exist_ok=True)
    if jax.process_index():
      return None
    return open(folder / '.lock', 'w', encoding='utf-8')
  except OSError as error:
    raise errors.InputError(
      'workdir: expected a folder that can be made and written, found '
      f'{str(folder)[:200]}: {error.strerror}'
    ) from error


@dataclasses.dataclass
class Stop:
  """Whether a run was asked to stop.

  Attributes:
    asked: Whether this process was.
    synced: Whether the runtime of several processes passes it on.
  """

  asked: bool = False
  synced: bool = False

  @property
  def alone(self) -> bool:
    """Whether this process was asked, and need ask no other."""
    return self.asked and jax.process_count() == 1

  def agreed(self, step: int) -> bool:
    """Whether all processes stop now, before the step after `step`.

    Args:
      step: Number of steps taken; each process asks once after each.
    """
    if jax.process_count() == 1:
      return self.asked
    if self.synced:
      return multihost_utils.reached_preemption_sync_point(step)
    votes = multihost_utils.process_allgather(np.asarray(self.asked))
    return bool(np.any(votes))


@contextlib.contextmanager
def stop_signals() -> Iterator[Stop]:
  """Makes a request of SIGTERM and of Ctrl-C; a second Ctrl-C ends at once.

  SIGTERM may come again and again, as SLURM sends it. Several processes leave
  it to JAX, which tells the others and agrees on a step without a vote before
  each; Ctrl-C becomes a SIGTERM there.
  """
  stop = Stop(synced=_has_sync_point())

  def handle(number: int, frame: Any) -> None:
    del frame
    if number == signal.SIGINT and stop.asked:
      signal.signal(number, signal.SIG_DFL)
      os.kill(os.getpid(), number)
      return
    if not stop.asked:
      os.write(2, _STOPPING)  # not by `logging`, whose lock may be held
    stop.asked = True
    if stop.synced:
      os.kill(os.getpid(), signal.SIGTERM)

  numbers = [] if stop.synced else [signal.SIGTERM]
  # Where a shell runs it in the background, Ctrl-C is for somebody else.
  if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
    numbers.append(signal.SIGINT)
  before = {number: signal.signal(number, handle) for number in numbers}
  try:
    yield stop
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)


def _has_sync_point() -> bool:
  """Whether JAX's runtime listens for SIGTERM and tells all processes."""
  return (
    jax.process_count() > 1
    and jax.distributed.is_initialized()
    and getattr(jax.config, 'jax_enable_preemption_service', False)
  )


def local_rows(x: jax.Array) -> np.ndarray:
  """The rows of an array that this process holds."""
  seen: dict[int, np.ndarray] = {}
  for shard in x.addressable_shards:
    start = shard.index[0].start if shard.index else 0
    seen.setdefault(start or 0, np.asarray(shard.data))
  return np.concatenate([seen[k] for k in sorted(seen)])


@dataclasses.dataclass
class Watch:
  """Looks for losses that are no numbers.

  Attributes:
    folder: Folder of the run; bad batches are kept in it.
    allowed: Number of steps that may be stepped over.
    skipped: Number of steps that were.
  """

  folder: pathlib.Path
  allowed: int
  skipped: int = 0

  def skips(
    self,
    step: int,
    batch: Mapping[str, jax.Array],
    metrics: Mapping[str, jax.Array],
    newest: int | None,
  ) -> bool:
    """Whether a step was stepped over; its batch is saved.

    Args:
      step: Number of the step.
      batch: Batch of the step.
      metrics: Metrics of the step.
      newest: Step of the newest checkpoint.

    Raises:
      NotFinite: A figure is not finite, and no step may be stepped over.
    """
    bad = reporting.not_finite(jax.device_get(metrics))
    if not bad:
      return False
    path = self.folder / f'not_finite_{step:08d}_{jax.process_index()}.npz'
    rows: dict[str, Any] = {k: local_rows(v) for k, v in batch.items()}
    np.savez(path, **rows)
    self.skipped += 1
    found = (
      f'step {step}: expected finite numbers, found other ones in '
      f'{", ".join(bad)}; the batch is in {path}'
    )
    if self.skipped > self.allowed:
      raise NotFinite(f'{found}, the newest checkpoint is of step {newest}')
    logging.warning(
      '%s; stepped over, as %d of %d', found, self.skipped, self.allowed
    )
    return True
