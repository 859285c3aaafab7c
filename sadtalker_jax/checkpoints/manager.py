"""Checkpoints of training: state, place in the data, and config, as one.

A checkpoint is complete or absent: Orbax writes it under another name and then
renames it, in the background. The newest ones and the best ones are kept.
Arrays are restored with the shardings that the caller asks for, so a run may
continue on another mesh. A checkpoint that was damaged later (a copy cut short)
is put aside, and the one before is taken.
"""

from collections.abc import Iterator, Mapping
import contextlib
import pathlib
from typing import Any

from absl import logging
import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import damage, keeping
from sadtalker_jax.typing import PyTree

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
      keep_best: Number of further checkpoints that are kept, the best by
        `metric`.
      metric: Best metric, see `keeping`, of those that `save` is given.
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

    Raises:
      InputError: The disk is full, now or when the last one was written.
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
      self._note(step, metrics)
    with damage.told_if_full(self._folder):
      self._manager.save(step, args=ocp.args.Composite(**items), force=True)

  def _recall(self, step: int) -> None:
    """Reads what was measured at a checkpoint, if anything was."""
    if not (self._folder / str(step) / _MEASURED).exists():
      return
    args = ocp.args.Composite(**{_MEASURED: ocp.args.JsonRestore()})
    try:
      found = self._manager.restore(step, args=args)[_MEASURED]
    except Exception as error:  # a damaged one is none of the best
      logging.warning('checkpoint of step %d: %s', step, damage.line(error))
      return
    self._note(step, found)

  def _note(self, step: int, metrics: Mapping[str, float]) -> None:
    """Keeps what the best metric came to, if it was measured."""
    value = keeping.figure(self._metric or '', metrics)
    if value is not None:
      self._measured[step] = value

  def restore(self, step: int, shapes: PyTree) -> tuple[PyTree, dict[str, Any]]:
    """The state and the place in the data of a checkpoint.

    Args:
      step: Step of the checkpoint.
      shapes: Arrays as `jax.ShapeDtypeStruct`, with the shardings to restore
        to.

    Raises:
      InputError: The checkpoint holds other arrays than `shapes`.
    """
    damage.compare(self._folder / str(step), shapes)
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
      except damage.NOT_DAMAGE:
        raise
      except Exception as caught:  # what Orbax raises depends on the file
        error = caught
      if not damage.in_all_processes(found is not None):
        damaged[step] = error or RuntimeError('another process cannot read it')
        continue
      assert found is not None
      for bad, reason in damaged.items():
        damage.put_aside(self._folder / str(bad), reason)
      if damaged:
        self._manager.reload()
      return *found, step
    if not damaged:
      return None
    step, reason = next(iter(damaged.items()))
    raise errors.InputError(
      f'{self._folder}: expected a checkpoint that can be read, found '
      f'{sorted(damaged)}, all damaged ({step}: {damage.line(reason)}); take a '
      'copy, or delete them to begin anew'
    ) from reason

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
    except damage.NOT_DAMAGE:
      raise
    except Exception as error:
      others = [other for other in self.steps if other != step]
      raise errors.InputError(
        f'{self._folder}/{step}: expected a whole checkpoint, found a damaged '
        f'one ({damage.line(error)}); others are of {others or "no step"}'
      ) from error

  def wait(self) -> None:
    """Waits until all checkpoints are written."""
    with damage.told_if_full(self._folder):
      self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits until all checkpoints are written, and stops the threads."""
    with damage.told_if_full(self._folder):
      self._manager.close()
