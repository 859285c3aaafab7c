"""One function, with a form for CPU and one for other devices.

Which form runs is decided when XLA lowers the program for a device, so that a
traced or exported function serves all.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp


def by_device(
  cpu: Callable[..., Any], others: Callable[..., Any]
) -> Callable[..., Any]:
  """A function of arrays, all with a batch axis in front.

  Under `vmap` the new axis joins the batch axis: what is quick for one batch
  stays quick, where XLA's own batched scatters on CPU are many times slower.

  Args:
    cpu: form for CPU.
    others: form for everything else.
  """

  @jax.custom_batching.custom_vmap
  def run(*arguments: jax.Array) -> Any:
    return lax.platform_dependent(*arguments, cpu=cpu, default=others)

  @run.def_vmap
  def rule(
    axis_size: int, batched: list[bool], *arguments: jax.Array
  ) -> tuple[Any, Any]:
    folded = [
      (a if known else jnp.broadcast_to(a, (axis_size, *a.shape))).reshape(
        -1, *a.shape[1 + known :]
      )
      for a, known in zip(arguments, batched, strict=True)
    ]
    result = jax.tree.map(
      lambda a: a.reshape(axis_size, -1, *a.shape[1:]), run(*folded)
    )
    return result, jax.tree.map(lambda _: True, result)

  return run
