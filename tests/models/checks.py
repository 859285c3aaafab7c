"""Checks that the tests of several networks share."""

import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables

# For programs that run once or twice: little of their time is not the
# compiler's. Others are compiled as conftest.py says.
QUICK = {
  'xla_backend_optimization_level': 0,
  'xla_llvm_disable_expensive_passes': True,
}
jit = functools.partial(jax.jit, compiler_options=QUICK)


def parameters(network: str) -> int:
  """Numbers that training changes, in a network of published size."""
  leaves = jax.tree.leaves(zoo.shapes(network)['params'])
  return sum(leaf.size for leaf in leaves)


def weights(module: nn.Module, *inputs: jax.Array, **flags: Any) -> Variables:
  """Random variables of a small module, all of them positive."""
  rng = np.random.default_rng(0)
  shapes = jax.eval_shape(
    lambda key, *args: module.init(key, *args, **flags),
    jax.random.key(0),
    *inputs,
  )
  return jax.tree.map(
    lambda x: rng.uniform(0.02, 0.2, x.shape).astype(np.float32), shapes
  )


def jit_changes_nothing(
  module: nn.Module, *inputs: np.ndarray, **flags: Any
) -> None:
  """Fails unless jit and no jit answer alike (XLA:CPU can miscompile)."""
  variables = weights(module, *inputs, **flags)
  plain = module.apply(variables, *inputs, **flags)
  jitted = jax.jit(lambda v, *args: module.apply(v, *args, **flags))(
    variables, *inputs
  )
  for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(jitted), strict=True):
    scale = max(1.0, float(np.abs(a).max()))
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * scale)


def gradients_are_finite(
  module: nn.Module, *inputs: np.ndarray, **flags: Any
) -> None:
  """Fails unless they are, for zero weights and random ones."""
  random = weights(module, *inputs, **flags)
  zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), random)

  @jax.jit
  def gradients(variables: Variables, *inputs: jax.Array) -> Any:
    def loss(params: Any, *inputs: jax.Array) -> jax.Array:
      answer = module.apply({**variables, 'params': params}, *inputs, **flags)
      return sum(
        (jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(answer)),
        jnp.zeros(()),
      )

    places = tuple(range(len(inputs) + 1))
    return jax.grad(loss, places)(variables['params'], *inputs)

  for variables in (zero, random):
    for leaf in jax.tree.leaves(gradients(variables, *inputs)):
      assert np.isfinite(leaf).all()


def picture(*shape: int, seed: int = 0) -> np.ndarray:
  """Random pixels in [0, 1]."""
  return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)
