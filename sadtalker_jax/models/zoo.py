"""The registry of networks: modules, shapes and variables by name.

Every network that a bundle may contain has one entry in `network_table`.
"""

from collections.abc import Sequence
import math
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.models import network_table
from sadtalker_jax.typing import PRNGKey, Variables

Shape = network_table.Shape
Network = network_table.Network
NETWORKS = network_table.NETWORKS


def get(name: str) -> Network:
  """The entry with the given name.

  Raises:
    InputError: there is no such network.
  """
  if name not in NETWORKS:
    raise errors.InputError(
      f'network: expected one of {" ".join(NETWORKS)}, found {name!r}'
    )
  return NETWORKS[name]


def build(name: str, **config: Any) -> nn.Module:
  """The module of a network.

  Args:
    name: name of the network.
    **config: fields of the module that replace those of the released weights.

  Raises:
    InputError: there is no such network.
  """
  network = get(name)
  return network.module(**{**network.config, **config})


def shapes(name: str, **config: Any) -> Variables:
  """Shapes of a network's variables, without computing any.

  Args:
    name: name of the network.
    **config: fields of the module that replace those of the released weights.

  Returns:
    {'params': ..., 'batch_stats': ...} of `jax.ShapeDtypeStruct`.

  Raises:
    InputError: there is no such network.
  """
  return jax.eval_shape(
    lambda key: create(key, name, **config), jax.random.key(0)
  )


def create(
  key: PRNGKey,
  name: str,
  inputs: Sequence[Shape] | None = None,
  **config: Any,
) -> Variables:
  """Variables of a network, drawn by its initializers.

  Args:
    key: random key.
    name: name of the network.
    inputs: shapes of example inputs, as in `Network`; None for those of the
      released size.
    **config: fields of the module that replace those of the released weights.

  Raises:
    InputError: there is no such network.
  """
  network = get(name)
  module = build(name, **config)
  examples = [
    jnp.zeros(
      [getattr(module, n) if isinstance(n, str) else n for n in shape],
      jnp.int32 if i in network.integers else jnp.float32,
    )
    for i, shape in enumerate(inputs or network.inputs)
  ]
  return dict(
    module.init(key, *examples, method=network.method, **network.flags)
  )


def noise(name: str, seed: int = 0, **config: Any) -> Variables:
  """Random variables that keep activations in range; numpy float32.

  For benchmarks and tests: far quicker than `init`, which takes minutes to
  compile at full size. The variables have no meaning.

  Args:
    name: name of the network.
    seed: random seed of the variables.
    **config: fields of the module that replace those of the released weights.

  Raises:
    InputError: there is no such network.
  """
  rng = np.random.default_rng(seed)

  def draw(path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> np.ndarray:
    kind, shape = path[-1].key, leaf.shape
    if kind in ('scale', 'var'):
      values = rng.uniform(0.8, 1.2, shape)
    elif kind in ('bias', 'mean'):
      values = 0.1 * rng.standard_normal(shape)
    else:
      fan_in = math.prod(shape[:-1])
      values = rng.standard_normal(shape) * math.sqrt(1.6 / max(fan_in, 1))
    return values.astype(np.float32)

  return jax.tree_util.tree_map_with_path(draw, shapes(name, **config))
