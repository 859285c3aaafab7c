"""Steps whose losses are no numbers leave the state as it was."""

from typing import Any, cast

import jax
import jax.numpy as jnp

from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training import state as state_lib


def wrapped(stage: stage_lib.StageFunctions) -> stage_lib.StageFunctions:
  """A stage whose step leaves the state where a figure is no number."""
  return cast(stage_lib.StageFunctions, _SkippingStage(stage))


class _SkippingStage:
  """A stage whose bad steps change nothing but their number."""

  def __init__(self, stage: stage_lib.StageFunctions):
    """Wraps a stage; all else is its own."""
    self._stage = stage

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stage, name)

  def train_step(
    self,
    state: stage_lib.State,
    batch: stage_lib.Batch,
    frozen: stage_lib.Frozen,
  ) -> tuple[stage_lib.State, stage_lib.Metrics]:
    """The stage's next state, or the same one a step later."""
    moved, metrics = self._stage.train_step(state, batch, frozen)
    finite = [jnp.isfinite(value).all() for value in metrics.values()]
    good = jnp.stack(finite).all()
    # The next number: of the same one the random numbers would be the same.
    same = state_lib.TrainState(
      moved.step,
      state.key,
      state.params,
      state.stats,
      state.opt_state,
      state.ema,
    )
    kept = jax.tree.map(lambda a, b: jnp.where(good, a, b), moved, same)
    return kept, metrics
