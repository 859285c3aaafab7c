"""How a stage's losses become a training step.

Everything that stages have in common: gradients of every group by one forward
pass, optimisers, averages, parts of a batch, random numbers of a step.
"""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from sadtalker_jax import errors
from sadtalker_jax.models import zoo
from sadtalker_jax.models.layers import basic
from sadtalker_jax.training import networks, optimizers, sharding
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training import state as state_lib
from sadtalker_jax.typing import PRNGKey, PyTree


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class BuiltStage:
  """A stage with modules and optimisers: the `StageFunctions` of a run.

  Attributes:
    stage: Stage that is trained.
    trained: Networks that it trains, by name.
    modules: Linen modules of all networks, by name.
    movers: Optimisers by group.
    mesh: Mesh over which the state is cut, or None.
    kept: What `jax.checkpoint` keeps for gradients; None: everything.
  """

  stage: stage_lib.Stage[Any]
  trained: Mapping[str, networks.Trained]
  modules: Mapping[str, Any]
  movers: Mapping[str, optax.GradientTransformation]
  mesh: jax.sharding.Mesh | None
  kept: Any

  @property
  def name(self) -> str:
    """Name of the stage."""
    return self.stage.config.stage

  @functools.cached_property
  def frozen(self) -> stage_lib.Frozen:
    """Variables of the frozen networks, and the stage's arrays."""
    variables = {n: f.variables for n, f in self.stage.frozen.items()}
    return {'networks': variables, 'data': dict(self.stage.data())}

  @property
  def clip(self) -> stage_lib.FilmMaker | None:
    """(state, clip, frozen) to a film, or None."""
    return None if self.stage.clip is None else self._clip

  def init(self, key: PRNGKey) -> stage_lib.State:
    """The state before the first step."""
    made = networks.groups(key, self.trained)
    opt_state = {
      group: self.movers[group].init({n: v['params'] for n, v in nets.items()})
      for group, nets in made.items()
    }
    ema = self.stage.config.ema_decay > 0
    return state_lib.create(key, made, opt_state, ema=ema)

  def train_step(
    self,
    state: stage_lib.State,
    batch: stage_lib.Batch,
    frozen: stage_lib.Frozen,
  ) -> tuple[stage_lib.State, stage_lib.Metrics]:
    """The next state; terms, totals, norms of gradients, learning rates."""
    config = self.stage.config
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)

    def gradients(
      stats: PyTree, part: stage_lib.Batch, number: jax.Array
    ) -> tuple[PyTree, PyTree]:
      def forward(params: PyTree) -> tuple[dict[str, jax.Array], PyTree]:
        nets = self._bound(params, stats, frozen, train=True)
        own = jax.random.fold_in(key, number)
        losses = self.stage.objective(nets, part, own, state.step)
        return losses.totals, (losses.terms, nets.stats)

      return optimizers.of_groups(forward, state.params)

    stats, (grads, terms) = optimizers.in_parts(
      gradients, state.stats, batch, config.accumulate
    )
    params, opt_state = {}, {}
    for group, mover in self.movers.items():
      updates, opt_state[group] = mover.update(
        grads[group], state.opt_state[group], state.params[group]
      )
      params[group] = optax.apply_updates(state.params[group], updates)
      terms[f'gradient_norm/{group}'] = optax.tree.norm(grads[group])
      terms[f'learning_rate/{group}'] = optimizers.learning_rate(
        config.optimizer[group], state.step
      )
    ema = state.ema
    if ema is not None:
      ema = optimizers.average(ema, params, config.ema_decay)
    moved = stage_lib.State(
      state.step + 1, state.key, params, stats, opt_state, ema
    )
    return moved, terms

  def eval_step(
    self,
    state: stage_lib.State,
    batch: stage_lib.Batch,
    frozen: stage_lib.Frozen,
  ) -> stage_lib.Metrics:
    """What the stage measures on a batch that is not learned from."""
    return self.stage.validate(
      self._evaluated(state, frozen), batch, state.step
    )

  def summaries(
    self,
    state: stage_lib.State,
    batch: stage_lib.Batch,
    frozen: stage_lib.Frozen,
  ) -> stage_lib.Pictures:
    """Pictures of a batch, by name."""
    return self.stage.summaries(self._evaluated(state, frozen), batch)

  def _clip(
    self,
    state: stage_lib.State,
    clip: stage_lib.Batch,
    frozen: stage_lib.Frozen,
  ) -> jax.Array:
    assert self.stage.clip is not None
    return self.stage.clip(self._evaluated(state, frozen), clip)

  def _bound(
    self,
    params: PyTree,
    stats: PyTree,
    frozen: stage_lib.Frozen,
    *,
    train: bool,
  ) -> networks.Bound:
    """The networks with their variables; the frozen ones as in evaluation."""
    still: set[str] = set()
    if train:
      params = dict(params)
      for group, nets in params.items():
        rates = self.stage.config.optimizer[group].rates
        params[group], whole = optimizers.stopped(nets, rates)
        still |= whole
    if self.mesh is not None:
      params = sharding.gathered(params, self.mesh, self.stage.config.overrides)
    remat = self.kept if train else None
    return networks.Bound(
      self.modules,
      params,
      stats,
      frozen,
      train=train,
      still=still,
      remat=remat,
    )

  def _evaluated(
    self, state: stage_lib.State, frozen: stage_lib.Frozen
  ) -> networks.Bound:
    """The networks of a state, or of its moving average, in evaluation."""
    params = state.params if state.ema is None else state.ema
    return self._bound(params, state.stats, frozen, train=False)


def build(
  stage: stage_lib.Stage[Any],
  mesh: jax.sharding.Mesh | None = None,
  *,
  remat: str | None = None,
) -> BuiltStage:
  """The functions of a stage.

  Args:
    stage: Stage to train.
    mesh: Mesh over which the state is cut, see `sharding.gathered`.
    remat: What is computed again for gradients; None: what the config says.

  Raises:
    InputError: The config has no optimiser for a group of networks, or one with
      impossible numbers.
  """
  config, trained = stage.config, stage.trained()
  dtype = jnp.dtype(config.dtype)
  modules = {n: zoo.build(n, **t.config) for n, t in trained.items()}
  for name, network in stage.frozen.items():
    modules[name] = zoo.build(name, **{**network.config, 'dtype': dtype})
  groups = sorted({t.group for t in trained.values()})
  for group in groups:
    if group not in config.optimizer:
      raise errors.InputError(
        f'optimizer.{group}: expected an optimiser for '
        f'{", ".join(n for n, t in trained.items() if t.group == group)}, '
        'found none'
      )
  return BuiltStage(
    stage=stage,
    trained=trained,
    modules=modules,
    movers={g: optimizers.adam(config.optimizer[g]) for g in groups},
    mesh=mesh,
    kept=_kept(config.remat if remat is None else remat),
  )


def _kept(remat: str) -> Any:
  """What `jax.checkpoint` keeps for gradients; None: everything."""
  policies = {
    'none': None,
    # The outputs of hourglass and SPADE blocks, see
    # `models.layers.basic.block`.
    'blocks': jax.checkpoint_policies.save_only_these_names(basic.BLOCK),
    'full': jax.checkpoint_policies.nothing_saveable,
  }
  return policies[remat]
