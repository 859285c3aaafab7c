"""Checkpoints of training: state, place in the data, and config, as one.

A checkpoint is complete or absent: Orbax writes it under another name and then
renames it, in the background. The newest ones and the best ones are kept.
Arrays are restored with the shardings that the caller asks for, so a run may
continue on another mesh.
"""

from collections.abc import Mapping
import pathlib
from typing import Any

from absl import logging
import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import params
from sadtalker_jax.typing import PyTree

_MAX_LISTED = 8  # differences that are spelled out


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
    keep: list[Any] = [policies.LatestN(keep_last)]
    if keep_best and metric is not None:
      name = metric
      # Not `best_fn`, which deletes the newest checkpoint.
      keep.append(
        policies.BestN(
          get_metric_fn=lambda metrics: metrics[name],
          reverse=True,
          n=keep_best,
          keep_checkpoints_without_metrics=False,
        )
      )
    self._folder = folder.resolve()
    self._manager = ocp.CheckpointManager(
      self._folder,
      item_names=('state', 'data', 'config'),
      options=ocp.CheckpointManagerOptions(
        preservation_policy=policies.AnyPreservationPolicy(keep),
        enable_async_checkpointing=True,
        cleanup_tmp_directories=not read_only,
        create=not read_only,
        read_only=read_only,
      ),
    )

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
    self._manager.save(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave(state),
        data=ocp.args.JsonSave(dict(data)),
        config=ocp.args.JsonSave(dict(config)),
      ),
      metrics=None if metrics is None else dict(metrics),
      force=True,
    )

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

  def read(self, step: int) -> dict[str, Any]:
    """The state of a checkpoint as numpy arrays, on whatever devices it was."""
    folder = self._folder / str(step) / 'state'
    with ocp.PyTreeCheckpointer() as reader:
      tree = reader.metadata(folder).item_metadata.tree
      args = jax.tree.map(
        lambda leaf: ocp.RestoreArgs(restore_type=np.ndarray), tree
      )
      return reader.restore(folder, restore_args=args)

  def config(self, step: int) -> dict[str, Any]:
    """The config that a checkpoint was made with."""
    args = ocp.args.Composite(config=ocp.args.JsonRestore())
    return self._manager.restore(step, args=args)['config']

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
