"""What a stage is to the loop, and how its losses become a training step.

A stage is four pure functions. Frozen networks come as an argument beside the
state: an expert's variables are data of the program, no constants in it, and no
checkpoint needs them.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from sadtalker_jax import errors
from sadtalker_jax.models import zoo
from sadtalker_jax.models.layers import basic
from sadtalker_jax.training import networks, optimizers, sharding
from sadtalker_jax.training import state as state_lib
from sadtalker_jax.typing import PRNGKey, PyTree

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
# {'networks': variables by name, 'data': arrays by name}
Frozen = Mapping[str, Any]
State = state_lib.TrainState


class Losses(NamedTuple):
  """What an objective makes of a batch."""

  totals: dict[str, jax.Array]  # what each group minimises, []
  terms: dict[str, jax.Array]  # named terms before their weights, and figures


# (networks, batch, key, step) -> losses; called while the step is traced.
Objective = Callable[[networks.Bound, Batch, PRNGKey, jax.Array], Losses]


@dataclasses.dataclass(frozen=True)
class Stage:
  """A stage of training.

  Attributes:
    name: as in `stages.build`.
    init: key to the state before the first step.
    train_step: (state, batch, frozen) to the next state and metrics.
    eval_step: (state, batch, frozen) to metrics.
    summaries: (state, batch, frozen) to pictures [H, W, 3] in [0, 1] by name.
    clip: (state, clip, frozen) to a video [T, H, W, 3] in [0, 1], or None: this
      stage has nothing that moves. A clip is one `TalkingClips` of
      `input_pipeline`.
    frozen: what the functions get as their last argument.
  """

  name: str
  init: Callable[[PRNGKey], State]
  train_step: Callable[[State, Batch, Frozen], tuple[State, Metrics]]
  eval_step: Callable[[State, Batch, Frozen], Metrics]
  summaries: Callable[[State, Batch, Frozen], dict[str, jax.Array]]
  frozen: Frozen
  clip: Callable[[State, Batch, Frozen], jax.Array] | None = None


@dataclasses.dataclass(frozen=True)
class Recipe:
  """All that differs between stages; `build` makes a stage of it.

  Attributes:
    name: of the stage.
    trained: networks that it trains.
    objective: what it minimises.
    validate: what it measures on batches it does not learn from; the
      objective's terms by default.
    summaries: (networks, batch) to pictures by name.
    clip: (networks, clip) to a video, see `Stage`.
    frozen: networks that it uses, by name.
    data: arrays that are no network's, such as a face model; frozen, too.
  """

  name: str
  trained: Mapping[str, networks.Trained]
  objective: Objective
  summaries: Callable[[networks.Bound, Batch], dict[str, jax.Array]]
  validate: Callable[[networks.Bound, Batch], Metrics] | None = None
  clip: Callable[[networks.Bound, Batch], jax.Array] | None = None
  frozen: Mapping[str, networks.Frozen] = dataclasses.field(
    default_factory=dict
  )
  data: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def build(
  recipe: Recipe,
  config: Mapping[str, Any],
  mesh: jax.sharding.Mesh | None = None,
) -> Stage:
  """A stage out of a recipe.

  Args:
    recipe: of the stage.
    config: `dtype`; `optimizer` by group (see `optimizers.adam`), `accumulate`,
      `ema_decay` (0: no moving average), `overrides` if there is a mesh.
    mesh: over which the state is cut, see `sharding.gathered`.
  """
  modules = {
    **{n: zoo.build(n, **t.config) for n, t in recipe.trained.items()},
    **{
      n: zoo.build(n, **{**f.config, 'dtype': jnp.dtype(config['dtype'])})
      for n, f in recipe.frozen.items()
    },
  }
  movers = {
    group: optimizers.adam(config['optimizer'][group])
    for group in sorted({t.group for t in recipe.trained.values()})
  }
  decay = config['ema_decay']
  kept = _kept(config['remat'])

  def gathered(params: PyTree) -> PyTree:
    if mesh is None:
      return params
    return sharding.gathered(params, mesh, config['overrides'])

  def init(key: PRNGKey) -> State:
    made = networks.groups(key, recipe.trained)
    opt_state = {
      group: movers[group].init({n: v['params'] for n, v in nets.items()})
      for group, nets in made.items()
    }
    return state_lib.create(key, made, opt_state, ema=decay > 0)

  def train_step(
    state: State, batch: Batch, frozen: Frozen
  ) -> tuple[State, Metrics]:
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)

    def gradients(
      stats: PyTree, part: Batch, number: jax.Array
    ) -> tuple[PyTree, PyTree]:
      def forward(params: PyTree) -> tuple[dict[str, jax.Array], PyTree]:
        bound = networks.Bound(
          modules, gathered(params), stats, frozen, train=True, remat=kept
        )
        own = jax.random.fold_in(key, number)
        losses = recipe.objective(bound, part, own, state.step)
        return losses.totals, (losses.terms, bound.stats)

      return _of_groups(forward, state.params)

    stats, (grads, terms) = optimizers.in_parts(
      gradients, state.stats, batch, config['accumulate']
    )
    params, opt_state = {}, {}
    for group, mover in movers.items():
      updates, opt_state[group] = mover.update(
        grads[group], state.opt_state[group], state.params[group]
      )
      params[group] = optax.apply_updates(state.params[group], updates)
      terms[f'gradient_norm/{group}'] = optax.tree.norm(grads[group])
      terms[f'learning_rate/{group}'] = optimizers.learning_rate(
        config['optimizer'][group], state.step
      )
    ema = state.ema
    if ema is not None:
      ema = optimizers.average(ema, params, decay)
    moved = State(state.step + 1, state.key, params, stats, opt_state, ema)
    return moved, terms

  def evaluated(state: State, frozen: Frozen) -> networks.Bound:
    params = state.params if state.ema is None else state.ema
    return networks.Bound(
      modules, gathered(params), state.stats, frozen, train=False
    )

  def eval_step(state: State, batch: Batch, frozen: Frozen) -> Metrics:
    bound = evaluated(state, frozen)
    if recipe.validate is not None:
      return recipe.validate(bound, batch)
    # One key for all of validation: figures of two steps can be compared.
    return recipe.objective(bound, batch, jax.random.key(0), state.step).terms

  def summaries(
    state: State, batch: Batch, frozen: Frozen
  ) -> dict[str, jax.Array]:
    return recipe.summaries(evaluated(state, frozen), batch)

  def clip(state: State, batch: Batch, frozen: Frozen) -> jax.Array:
    assert recipe.clip is not None
    return recipe.clip(evaluated(state, frozen), batch)

  return Stage(
    name=recipe.name,
    init=init,
    train_step=train_step,
    eval_step=eval_step,
    summaries=summaries,
    frozen={
      'networks': {n: f.variables for n, f in recipe.frozen.items()},
      'data': dict(recipe.data),
    },
    clip=None if recipe.clip is None else clip,
  )


def _kept(remat: str) -> Any:
  """What `jax.checkpoint` keeps for gradients: None means everything.

  Raises:
    InputError: the word is unknown.
  """
  policies = {
    'none': None,
    # The outputs of hourglass and SPADE blocks, see
    # `models.layers.basic.block`.
    'blocks': jax.checkpoint_policies.save_only_these_names(basic.BLOCK),
    'full': jax.checkpoint_policies.nothing_saveable,
  }
  if remat not in policies:
    raise errors.InputError(
      f'remat: expected one of {sorted(policies)}, found {remat!r}'
    )
  return policies[remat]


def _of_groups(
  forward: Callable[[PyTree], tuple[dict[str, jax.Array], PyTree]],
  params: Mapping[str, PyTree],
) -> tuple[PyTree, tuple[PyTree, Metrics]]:
  """Gradients of every group's total by that group's parameters.

  One forward pass serves all groups: a discriminator sees the generator's
  picture once, and both learn from it.

  Returns:
    Statistics, and the gradients by group with the terms.
  """
  totals, pull, (terms, stats) = jax.vjp(forward, params, has_aux=True)
  grads = {}
  for group in params:
    seeds = {
      name: jnp.ones_like(total) if name == group else jnp.zeros_like(total)
      for name, total in totals.items()
    }
    grads[group] = pull(seeds)[0][group]
  for group, total in totals.items():
    terms = {**terms, f'total/{group}': total}
  return stats, (grads, terms)
