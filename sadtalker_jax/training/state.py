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
    step: [] int32, steps that have been taken.
    key: [2] uint32, data of the run's key; a step folds its number into it and
      leaves it alone.
    params: master weights in float32, by group and network.
    stats: statistics of norms, by network; moved by the step, not by gradients.
    opt_state: of the optimisers, by group.
    ema: moving average of `params`, or None where it is off.
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
      name: of the network.
      average: whether to take the moving average, where there is one.

    Raises:
      KeyError: no group holds such a network.
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
    key: of the run.
    groups: {group: {network: {'params': ..., 'batch_stats': ...}}}.
    opt_state: of the optimisers for these parameters, by group.
    ema: whether a moving average is kept.
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
