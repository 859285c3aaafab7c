"""Checkpoints of training: state, place in the data, and config, as one.

A checkpoint is complete or absent: Orbax writes it under another name and then
renames it, in the background. The newest ones and the best ones are kept.
Arrays are restored with the shardings that the caller asks for, so a run may
continue on another mesh. A checkpoint that was damaged later (a copy cut short)
is put aside, and the one before is taken.
"""

from collections.abc import Iterator, Mapping
import contextlib
import itertools
import pathlib
from typing import Any

from absl import logging
import jax
from jax.experimental import multihost_utils
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import keeping, params
from sadtalker_jax.typing import PyTree

_MAX_LISTED = 8  # differences that are spelled out
# Raised while a checkpoint is read, and no sign of damage: the first says what
# is wrong, and of the others the checkpoint before would not be free.
_NOT_DAMAGE = (errors.InputError, MemoryError, jax.errors.JaxRuntimeError)
_MEASURED = 'measured'  # item with the metrics of validation


class Manager:
  """The checkpoints of one run, in a folder of their own."""

  def __init__(
    self,
    folder: pathlib.Path,
    *,
    keep_last: int,
    keep_best: int = 0,
    metric: str | None = None,
    read_only: bool = False,
  ):
    """Opens or makes the folder.

    Args:
      folder: Folder of the checkpoints.
      keep_last: Number of newest checkpoints that are kept.
      keep_best: Number of further checkpoints that are kept, by lowest
        `metric`.
      metric: Name of a metric that `save` is given.
      read_only: Whether nothing is made or cleared away: a run may be writing.
    """
    self._metric = metric
    self._measured: dict[int, float] = {}  # the metric by step
    keep: list[Any] = [policies.LatestN(keep_last)]
    if keep_best and metric is not None:
      keep.append(keeping.Best(self._measured, keep_best))
    self._folder = folder.resolve()
    self._manager = ocp.CheckpointManager(
      self._folder,
      item_names=('state', 'data', 'config', _MEASURED),
      options=ocp.CheckpointManagerOptions(
        preservation_policy=policies.AnyPreservationPolicy(keep),
        enable_async_checkpointing=True,
        cleanup_tmp_directories=not read_only,
        create=not read_only,
        read_only=read_only,
      ),
    )
    if metric is not None:
      for step in self.steps:
        self._recall(step)

  @property
  def latest(self) -> int | None:
    """Step of the newest checkpoint, None if there is none."""
    return self._manager.latest_step()

  @property
  def steps(self) -> list[int]:
    """Steps of all checkpoints."""
    return sorted(self._manager.all_steps())

  def save(
    self,
    step: int,
    state: PyTree,
    data: Mapping[str, Any],
    config: Mapping[str, Any],
    metrics: Mapping[str, float] | None = None,
  ) -> None:
    """Writes a checkpoint in the background.

    Args:
      step: Number of the step; an existing checkpoint of it is left as it is.
      state: Training state, a tree of arrays.
      data: State of the data iterator, JSON.
      config: Config of the run, JSON.
      metrics: Validation metrics of this step, if there are any.
    """
    if step in self._manager.all_steps():
      return
    logging.info('checkpoint of step %d', step)
    items = {
      'state': ocp.args.StandardSave(state),
      'data': ocp.args.JsonSave(dict(data)),
      'config': ocp.args.JsonSave(dict(config)),
    }
    if metrics is not None:
      # Orbax keeps metrics only with its `best_fn`, which deletes the newest
      # checkpoint.
      items[_MEASURED] = ocp.args.JsonSave(dict(metrics))
      if self._metric is not None and self._metric in metrics:
        self._measured[step] = float(metrics[self._metric])
    self._manager.save(step, args=ocp.args.Composite(**items), force=True)

  def _recall(self, step: int) -> None:
    """Reads what was measured at a checkpoint, if anything was."""
    if not (self._folder / str(step) / _MEASURED).exists():
      return
    args = ocp.args.Composite(**{_MEASURED: ocp.args.JsonRestore()})
    try:
      found = self._manager.restore(step, args=args)[_MEASURED]
    except Exception as error:  # a damaged one is none of the best
      logging.warning('checkpoint of step %d: %s', step, _line(error))
      return
    if self._metric in found:
      self._measured[step] = float(found[self._metric])

  def restore(self, step: int, shapes: PyTree) -> tuple[PyTree, dict[str, Any]]:
    """The state and the place in the data of a checkpoint.

    Args:
      step: Step of the checkpoint.
      shapes: Arrays as `jax.ShapeDtypeStruct`, with the shardings to restore
        to.

    Raises:
      InputError: The checkpoint holds other arrays than `shapes`.
    """
    self._compare(step, shapes)
    found = self._manager.restore(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardRestore(shapes), data=ocp.args.JsonRestore()
      ),
    )
    return found['state'], found['data']

  def restore_newest(
    self, shapes: PyTree
  ) -> tuple[PyTree, dict[str, Any], int] | None:
    """State, place in the data, and step of the newest that can be read.

    Newer ones that cannot be read are put aside, beside the checkpoints' folder
    as `damaged_checkpoint_STEP`, so that their steps are saved again.

    Args:
      shapes: As for `restore`.

    Returns:
      What was found; None if there is no checkpoint.

    Raises:
      InputError: The checkpoint holds other arrays than `shapes`, or there are
        checkpoints and none can be read.
    """
    damaged: dict[int, Exception] = {}
    for step in reversed(self.steps):
      found, error = None, None
      try:
        found = self.restore(step, shapes)
      except _NOT_DAMAGE:
        raise
      except Exception as caught:  # what Orbax raises depends on the file
        error = caught
      if not _all_processes(found is not None):
        damaged[step] = error or RuntimeError('another process cannot read it')
        continue
      assert found is not None
      for bad, reason in damaged.items():
        self._put_aside(bad, reason)
      return *found, step
    if not damaged:
      return None
    step, reason = next(iter(damaged.items()))
    raise errors.InputError(
      f'{self._folder}: expected a checkpoint that can be read, found '
      f'{sorted(damaged)}, all damaged ({step}: {_line(reason)}); take a copy, '
      'or delete them to begin anew'
    ) from reason

  def _put_aside(self, step: int, reason: Exception) -> None:
    """Renames a damaged checkpoint; all processes call it."""
    name = f'damaged_checkpoint_{step}'
    taken = {p.name for p in self._folder.parent.glob(f'{name}*')}
    free = (f'{name}_{i}' if i else name for i in itertools.count())
    target = self._folder.parent / next(n for n in free if n not in taken)
    logging.warning(
      'the checkpoint of step %d is damaged (%s); it is now %s',
      step,
      _line(reason),
      target,
    )
    if jax.process_index() == 0:
      (self._folder / str(step)).rename(target)
    _all_processes(True)
    self._manager.reload()

  def read(self, step: int) -> dict[str, Any]:
    """The state of a checkpoint as numpy arrays, on whatever devices it was.

    Raises:
      InputError: The checkpoint is damaged.
    """
    folder = self._folder / str(step) / 'state'
    with self._readable(step), ocp.PyTreeCheckpointer() as reader:
      tree = reader.metadata(folder).item_metadata.tree
      args = jax.tree.map(
        lambda leaf: ocp.RestoreArgs(restore_type=np.ndarray), tree
      )
      return reader.restore(folder, restore_args=args)

  def config(self, step: int) -> dict[str, Any]:
    """The config that a checkpoint was made with.

    Raises:
      InputError: The checkpoint is damaged.
    """
    args = ocp.args.Composite(config=ocp.args.JsonRestore())
    with self._readable(step):
      return self._manager.restore(step, args=args)['config']

  @contextlib.contextmanager
  def _readable(self, step: int) -> Iterator[None]:
    """Turns what Orbax raises of a damaged checkpoint into one line."""
    try:
      yield
    except _NOT_DAMAGE:
      raise
    except Exception as error:
      others = [other for other in self.steps if other != step]
      raise errors.InputError(
        f'{self._folder}/{step}: expected a whole checkpoint, found a damaged '
        f'one ({_line(error)}); others are of {others or "no step"}'
      ) from error

  def wait(self) -> None:
    """Waits until all checkpoints are written."""
    self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits until all checkpoints are written, and stops the threads."""
    self._manager.close()

  def _compare(self, step: int, shapes: PyTree) -> None:
    """Raises where a checkpoint does not hold what is expected."""
    with ocp.StandardCheckpointer() as reader:
      metadata = reader.metadata(self._folder / str(step) / 'state')
    stored = params.named_shapes(metadata.item_metadata.tree)
    expected = params.named_shapes(shapes)
    faults = [f'missing {n}' for n in sorted(expected.keys() - stored.keys())]
    faults += [
      f'not expected {n}' for n in sorted(stored.keys() - expected.keys())
    ]
    faults += [
      f'{n}: expected {expected[n]}, found {stored[n]}'
      for n in sorted(expected.keys() & stored.keys())
      if expected[n] != stored[n]
    ]
    if faults:
      more = len(faults) - _MAX_LISTED
      raise errors.InputError(
        f'{self._folder}/{step}: not a checkpoint of this stage and '
        'architecture: '
        + '; '.join(faults[:_MAX_LISTED])
        + (f'; and {more} more' if more > 0 else '')
      )


def abstract(state: PyTree, shardings: PyTree) -> PyTree:
  """Shapes with shardings, for `Manager.restore`."""
  return jax.tree.map(
    lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
    state,
    shardings,
  )


def _all_processes(good: bool) -> bool:
  """Whether something holds in every process."""
  if jax.process_count() == 1:
    return good
  return bool(np.all(multihost_utils.process_allgather(np.asarray(good))))


def _line(error: Exception) -> str:
  """The name of an error, and the start of its first line."""
  text = str(error).strip().partition('\n')[0]
  return f'{type(error).__name__}: {text[:100]}'
