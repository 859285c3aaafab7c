"""Endless batches on the devices, with a state that can be kept.

`Batches` counts what it has handed out and nothing else: batch k is a function
of k, so its state is k, whatever the number of threads, workers or processes.
While one batch is used, a thread moves the next ones to the devices.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import json
import time
from typing import Any

from absl import flags
import grain
import jax
import numpy as np

from input_pipeline import prefetch, transforms
from sadtalker_jax import errors

Batch = dict[str, Any]  # of jax.Array, or numpy arrays without a sharding


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadSettings:
  """How batches are made; none of it changes them."""

  threads: int = 4  # that make batches, in this process or in each worker
  ahead: int = 4  # batches made in advance, or one a thread if that is more
  workers: int = 0  # processes beside this one, for hosts with many cores
  on_device: int = 2  # batches moved there besides the one in use

  def __post_init__(self) -> None:
    """Checks every number."""
    least = {'threads': 1, 'ahead': 1, 'workers': 0, 'on_device': 1}
    for name, low in least.items():
      if getattr(self, name) < low:
        raise errors.InputError(
          f'expected {name} from {low}, found {getattr(self, name)}'
        )


class Batches:
  """An endless iterator over batches that can be resumed and measured.

  With `grain.checkpoint.CheckpointSave` and `CheckpointRestore` it is saved
  beside the model; `state` is for those who keep it in JSON, which restores on
  another number of processes, too.
  """

  def __init__(
    self,
    examples: grain.MapDataset,
    *,
    batch_size: int,
    identity: str,
    choices: Mapping[str, Any] | None = None,
    num_examples: int,
    sharding: jax.sharding.Sharding | None = None,
    process: tuple[int, int] = (0, 1),
    reading: ReadSettings | None = None,
  ):
    """Batches of an endless stream of examples.

    Args:
      examples: Stream of examples.
      batch_size: Examples of a batch, over all processes.
      identity: Name of the stream and its options; only states of the same
        name are restored.
      choices: What the name stands for, JSON; told apart in messages.
      num_examples: Examples of an epoch.
      sharding: Sharding of the leading axis, and so of the rows of a process.
        None: numpy arrays of the rows of `process`.
      process: Index and number of processes; only used without a sharding.
      reading: Threads, processes and buffers.

    Raises:
      InputError: The batch does not divide over devices or processes.
    """
    self.batch_size = batch_size
    self.num_examples = num_examples
    self._identity = identity
    # As it comes back from JSON.
    self._choices = json.loads(json.dumps(dict(choices or {})))
    self._sharding = sharding
    self._reading = reading or ReadSettings()
    if batch_size < 1:
      raise errors.InputError(f'expected batch_size from 1, found {batch_size}')
    if sharding is None:
      self.rows = _process_rows(batch_size, *process)
    else:
      self.rows = _device_rows(batch_size, sharding)
    stack = transforms.Stack(examples, batch_size, self.rows)
    self._batches = grain.MapDataset.range(2**48).map(stack)
    self._next = 0
    self._feed: prefetch.Feed | None = None
    self.reset_clock()

  def __iter__(self) -> Iterator[Batch]:
    return self

  def __next__(self) -> Batch:
    start = time.perf_counter()
    if self._feed is None:
      self.start_prefetch()
    assert self._feed is not None
    try:
      batch = self._feed.get()
    except BaseException:
      self.close()
      raise
    self._next += 1
    self._waited += time.perf_counter() - start
    return batch

  def local(self, number: int) -> transforms.Example:
    """This process's rows of batch `number`, made here and now."""
    return self._batches[number]

  def state(self) -> dict[str, Any]:
    """The place of the iterator: number of the next batch, and its stream."""
    return {
      'next_batch': self._next,
      'identity': self._identity,
      'choices': self._choices,
    }

  def restore(self, state: dict[str, Any]) -> None:
    """Goes to a state.

    Raises:
      InputError: It is a state of other data, options, seed or batch size.
    """
    if state.get('identity') != self._identity:
      raise errors.InputError(
        'the place in the data: expected the records, options, seed and batch '
        f'size that it was kept with, found {self._differences(state)}'
      )
    self.seek(state['next_batch'])

  def _differences(self, state: Mapping[str, Any]) -> str:
    """What differs from a state, in words."""
    then = state.get('choices', {})
    return '; '.join(
      f'{name} {self._choices.get(name)!r} in place of {then[name]!r}'
      for name in then
      if then[name] != self._choices.get(name)
    ) or (f'others ({self._identity!r} in place of {state.get("identity")!r})')

  def seek(self, number: int) -> None:
    """Goes to batch `number`."""
    self.close()
    self._next = int(number)

  def get_state(self) -> bytes:
    """`state` as bytes, for `grain.checkpoint`."""
    return json.dumps(self.state()).encode()

  def set_state(self, state: bytes) -> None:
    """`restore` from bytes, for `grain.checkpoint`."""
    self.restore(json.loads(state))

  def start_prefetch(self) -> None:
    """Starts to make batches before the first is asked for."""
    if self._feed is None:
      self._feed = prefetch.Feed(
        self._host_batches(), self._put, self._reading.on_device
      )

  def close(self) -> None:
    """Stops threads and workers; the next batch starts them again."""
    if self._feed is not None:
      self._feed.close()
      self._feed = None

  @property
  def waited(self) -> float:
    """Seconds that were waited for batches since `reset_clock`."""
    return self._waited

  @property
  def wait_share(self) -> float:
    """Share of the time since `reset_clock` that was spent waiting."""
    return self._waited / max(time.perf_counter() - self._since, 1e-9)

  def reset_clock(self) -> None:
    """Sets the time waited to 0."""
    self._waited, self._since = 0.0, time.perf_counter()

  def _host_batches(self) -> Any:
    """Grain's iterator from the next batch on."""
    options = grain.ReadOptions(
      num_threads=self._reading.threads,
      # A thread without a batch of its own to make would have no work.
      prefetch_buffer_size=max(self._reading.ahead, self._reading.threads),
    )
    found = self._batches[self._next :].to_iter_dataset(options)
    if self._reading.workers:
      # Grain hands absl's flags to its workers, parsed or not at all; programs
      # that do not use absl.app have none.
      if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
      found = found.mp_prefetch(
        grain.multiprocessing.MultiprocessingOptions(
          num_workers=self._reading.workers,
          per_worker_buffer_size=self._reading.ahead,
        )
      )
    return iter(found)

  def _put(self, batch: transforms.Example) -> Batch:
    """A batch on the devices."""
    if self._sharding is None:
      return batch
    return {
      key: jax.make_array_from_process_local_data(
        self._sharding, value, (self.batch_size, *value.shape[1:])
      )
      for key, value in batch.items()
    }


def _process_rows(
  batch_size: int, index: int, processes: int
) -> tuple[int, int]:
  """First and last + 1 row of a process: blocks of equal size, in order."""
  if batch_size % processes or not 0 <= index < processes:
    raise errors.InputError(
      f'expected batch_size to divide over {processes} processes, found '
      f'{batch_size} for process {index}'
    )
  size = batch_size // processes
  return index * size, (index + 1) * size


def _device_rows(
  batch_size: int, sharding: jax.sharding.Sharding
) -> tuple[int, int]:
  """First and last + 1 row that the devices of this process hold."""
  try:
    places = sharding.addressable_devices_indices_map((batch_size,))
  except ValueError as error:
    raise errors.InputError(
      f'expected batch_size to divide over the mesh, found {batch_size}: '
      f'{error}'
    ) from error
  held = np.zeros(batch_size, bool)
  for place in places.values():
    held[place[0] if place is not None else slice(None)] = True
  rows = np.flatnonzero(held)
  if rows[-1] - rows[0] + 1 != len(rows):
    raise errors.InputError(
      'expected the rows of a process to be neighbours: put the devices of a '
      f'process side by side on the batch axis of the mesh, found {rows}'
    )
  return int(rows[0]), int(rows[-1]) + 1
