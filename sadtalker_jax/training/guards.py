"""Guards of a run: a lock, an orderly stop, losses that are no numbers."""

from collections.abc import Iterator, Mapping
import contextlib
import fcntl
import pathlib
import signal
from typing import Any

import jax
from jax.experimental import multihost_utils
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.training import reporting


class NotFinite(RuntimeError):  # noqa: N818  (it ends a run, like StopIteration)
  """A loss was no number; the message names the term and the saved batch."""


@contextlib.contextmanager
def claim(folder: pathlib.Path) -> Iterator[None]:
  """Holds a folder against other runs.

  Raises:
    InputError: Another run holds it.
  """
  folder.mkdir(parents=True, exist_ok=True)
  if jax.process_index():
    yield
    return
  with open(folder / '.lock', 'w', encoding='utf-8') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      raise errors.InputError(
        f'{folder}: expected a folder that no other run uses, found it in use'
      ) from error
    yield


@contextlib.contextmanager
def stop_signal() -> Iterator[dict[str, bool]]:
  """Turns SIGTERM into `{'now': True}`, which is looked at after each step."""
  stopped = {'now': False}

  def handle(number: int, frame: Any) -> None:
    del number, frame
    stopped['now'] = True

  before = signal.signal(signal.SIGTERM, handle)
  try:
    yield stopped
  finally:
    signal.signal(signal.SIGTERM, before)


def agreed(stopped: dict[str, bool]) -> bool:
  """Whether any process was asked to stop: all must stop at the same step."""
  if jax.process_count() == 1:
    return stopped['now']
  votes = multihost_utils.process_allgather(np.asarray(stopped['now']))
  return bool(np.any(votes))


def local_rows(x: jax.Array) -> np.ndarray:
  """The rows of an array that this process holds."""
  seen: dict[int, np.ndarray] = {}
  for shard in x.addressable_shards:
    start = shard.index[0].start if shard.index else 0
    seen.setdefault(start or 0, np.asarray(shard.data))
  return np.concatenate([seen[k] for k in sorted(seen)])


def require_finite(
  step: int,
  batch: Mapping[str, jax.Array],
  metrics: Mapping[str, jax.Array],
  folder: pathlib.Path,
  newest: int | None,
) -> None:
  """Saves the batch and stops if the losses of a step are no numbers.

  Args:
    step: Number of the step.
    batch: Batch of the step.
    metrics: Metrics of the step.
    folder: Folder of the run.
    newest: Step of the newest checkpoint.

  Raises:
    NotFinite: A figure is not finite.
  """
  bad = reporting.not_finite(jax.device_get(metrics))
  if not bad:
    return
  path = folder / f'not_finite_{step:08d}_{jax.process_index()}.npz'
  rows: dict[str, Any] = {k: local_rows(v) for k, v in batch.items()}
  np.savez(path, **rows)
  raise NotFinite(
    f'step {step}: expected finite numbers, found other ones in '
    f'{", ".join(bad)}; the batch is in {path}, the newest checkpoint is of '
    f'step {newest}'
  )
