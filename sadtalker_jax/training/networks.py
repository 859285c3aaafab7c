"""Networks of a stage: modules by name, made, bound to a state, and frozen.

Modules are configured once, when a stage is built. `Bound` is what a stage's
losses are given: it applies networks by name, and keeps the statistics that
norms move on the way.
"""

from collections.abc import Collection, Mapping, Sequence
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from sadtalker_jax.models import zoo
from sadtalker_jax.training import config_reading
from sadtalker_jax.typing import PRNGKey, PyTree, Variables


@dataclasses.dataclass(frozen=True)
class Trained:
  """A network that a stage trains.

  Attributes:
    group: Group whose optimiser moves it.
    config: Fields of the module that differ from `models.zoo`.
    inputs: Shapes of example inputs, if not those of `models.zoo`.
  """

  group: str
  config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  inputs: Sequence[zoo.Shape] | None = None


@dataclasses.dataclass(frozen=True)
class Frozen:
  """A network that a stage only uses.

  Attributes:
    variables: Its variables.
    config: Fields of the module that differ from `models.zoo`.
  """

  variables: Variables
  config: Mapping[str, Any]


def trained(
  name: str,
  fields: Mapping[str, Any],
  dtype: str,
  *,
  group: str = 'model',
  inputs: Sequence[zoo.Shape] | None = None,
  key: str = 'model',
) -> Trained:
  """A network to train, of fields that a config gives.

  Args:
    name: Name of the network in `models.zoo`.
    fields: Fields of its module that differ from `models.zoo`.
    dtype: Type of its computation.
    group: Group whose optimiser moves it.
    inputs: Shapes of example inputs, if not those of `models.zoo`.
    key: Key of the fields in the config, for messages.

  Raises:
    InputError: The module has no such field, or one of another type.
  """
  config_reading.check_fields(fields, zoo.get(name).module, key)
  return Trained(group, {**fields, 'dtype': jnp.dtype(dtype)}, inputs)


def groups(
  key: PRNGKey, trained: Mapping[str, Trained]
) -> dict[str, dict[str, Variables]]:
  """Variables of all networks of a stage, {group: {network: variables}}."""
  made: dict[str, dict[str, Variables]] = {}
  for number, (name, network) in enumerate(sorted(trained.items())):
    made.setdefault(network.group, {})[name] = zoo.create(
      jax.random.fold_in(key, number), name, network.inputs, **network.config
    )
  return made


class Bound:
  """Networks with their variables, for the length of one step.

  Attributes:
    stats: Statistics of norms after all calls so far, by network.
    train: Whether norms use the batch, for calls of methods.
    data: Arrays that are no network's, by name.
  """

  def __init__(
    self,
    modules: Mapping[str, Any],
    params: Mapping[str, Mapping[str, PyTree]],
    stats: Mapping[str, Variables],
    frozen: Mapping[str, Any],
    *,
    train: bool,
    still: Collection[str] = (),
    remat: Any = None,
  ):
    """Networks of a state.

    Args:
      modules: Linen modules by name.
      params: Parameters by group and network.
      stats: Statistics of norms by network.
      frozen: 'networks': variables that nothing moves, by name; 'data': arrays.
      train: Whether norms use the batch.
      still: Networks in `params` whose norms never do.
      remat: What `jax.checkpoint` keeps of trained networks; None: all.
    """
    self._modules = modules
    self._params = {
      name: value for group in params.values() for name, value in group.items()
    }
    self._frozen: Mapping[str, Variables] = frozen['networks']
    self.data: Mapping[str, Any] = frozen['data']
    self.train = train
    self._still = still
    self._remat = remat
    self.stats: dict[str, Variables] = dict(stats)

  def __call__(
    self, name: str, *inputs: Any, method: Any = None, **flags: Any
  ) -> Any:
    """What a network makes of inputs.

    Trained networks get `train` if they take it, frozen ones the flags of
    `models.zoo` (evaluation); a method gets the flags that it is called with.
    Statistics are moved by trained networks alone.
    """
    return self._apply(name, inputs, method, flags, self.train)

  def steady(self, name: str, *inputs: Any) -> Any:
    """As a call in evaluation, which moves no statistics.

    An objective may take its gradients by the inputs.
    """
    return self._apply(name, inputs, None, {}, False)

  def _apply(
    self,
    name: str,
    inputs: tuple[Any, ...],
    method: Any,
    flags: Mapping[str, Any],
    train: bool,
  ) -> Any:
    module = self._modules[name]
    network = zoo.get(name)
    flags = {**(network.flags if method is None else {}), **flags}
    if name not in self._params:
      return module.apply(self._frozen[name], *inputs, method=method, **flags)
    train = train and name not in self._still
    if 'train' in network.flags and method is None:
      flags['train'] = train
    stats = self.stats.get(name, {})
    variables = {'params': self._params[name], **stats}
    mutable = list(stats) if train else []

    def apply(variables: Variables, *inputs: Any) -> Any:
      return module.apply(
        variables, *inputs, method=method, mutable=mutable, **flags
      )

    if self.train and self._remat is not None:
      apply = jax.checkpoint(apply, policy=self._remat)
    result, moved = apply(variables, *inputs)
    if mutable:
      self.stats[name] = {**stats, **moved}
    return result
