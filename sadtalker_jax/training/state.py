"""What changes from one training step to the next.

A *group* is a set of networks that one optimiser moves: a model, or the
'generator' and the 'discriminator' of a GAN. Parameters are
{group: {network: {...}}}, statistics of norms {network: {collection: {...}}},
where network is a name of `models.zoo`.
"""

import dataclasses

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import PRNGKey, PyTree, Variables


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
  """All that a step reads and writes; a checkpoint holds it whole.

  Attributes:
    step: Steps that have been taken, [] int32.
    key: Data of the run's key, [2] uint32; a step folds its number into it and
      leaves it as it is.
    params: Master weights in float32, by group and network.
    stats: Statistics of norms, by network; changed by the step, not by
      gradients.
    opt_state: State of the optimisers, by group.
    ema: Moving average of `params`, or None where it is off.
  """

  step: jax.Array
  key: jax.Array
  params: dict[str, dict[str, PyTree]]
  stats: dict[str, Variables]
  opt_state: dict[str, PyTree]
  ema: dict[str, dict[str, PyTree]] | None

  def variables(self, name: str, *, average: bool = False) -> Variables:
    """Variables of a network, ready for `apply`.

    Args:
      name: Name of the network.
      average: Whether to take the moving average, where there is one.

    Raises:
      KeyError: No group has such a network.
    """
    groups = self.ema if average and self.ema is not None else self.params
    for group in groups.values():
      if name in group:
        return {'params': group[name], **self.stats.get(name, {})}
    raise KeyError(name)


def create(
  key: PRNGKey,
  groups: dict[str, dict[str, Variables]],
  opt_state: dict[str, PyTree],
  *,
  ema: bool,
) -> TrainState:
  """The state before the first step.

  Args:
    key: Key of the run's random numbers.
    groups: Variables, {group: {network: {'params': ..., 'batch_stats': ...}}}.
    opt_state: State of the optimisers for these parameters, by group.
    ema: Whether a moving average is kept.
  """
  params = {
    group: {name: v['params'] for name, v in networks.items()}
    for group, networks in groups.items()
  }
  stats = {
    name: {k: v for k, v in variables.items() if k != 'params'}
    for networks in groups.values()
    for name, variables in networks.items()
  }
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    key=jax.random.key_data(key),
    params=params,
    stats={name: v for name, v in stats.items() if v},
    opt_state=opt_state,
    # A copy: the step donates its state, and one buffer cannot go twice.
    ema=jax.tree.map(jnp.copy, params) if ema else None,
  )
