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

  Args:
    cpu: form for CPU.
    others: form for everything else.

  Returns:
    Their `folded`.
  """
  return folded(
    lambda *arguments: lax.platform_dependent(
      *arguments, cpu=cpu, default=others
    )
  )


def folded(
  function: Callable[..., Any], *, shared: int = 0
) -> Callable[..., Any]:
  """`function`, but under `vmap` the new axis joins the batch axis.

  What is quick for one batch stays quick, where XLA's own batched scatters on
  CPU are many times slower; and a function decides itself how it goes through
  its batch. Only batched shared arrays are looped over.

  Args:
    function: of arrays with a batch axis in front, and of shared ones.
    shared: how many arrays at the end have no batch axis.
  """

  @jax.custom_batching.custom_vmap
  def run(*arguments: jax.Array) -> Any:
    return function(*arguments)

  @run.def_vmap
  def rule(
    axis_size: int, batched: list[bool], *arguments: jax.Array
  ) -> tuple[Any, Any]:
    own = len(arguments) - shared
    whole = [
      a if known else jnp.broadcast_to(a, (axis_size, *a.shape))
      for a, known in zip(arguments, batched, strict=True)
    ]
    if not any(batched[own:]):
      joined = [a.reshape(-1, *a.shape[2:]) for a in whole[:own]]
      result = jax.tree.map(
        lambda a: a.reshape(axis_size, -1, *a.shape[1:]),
        run(*joined, *arguments[own:]),
      )
    else:
      result = lax.map(lambda a: run(*a), tuple(whole))
    return result, jax.tree.map(lambda _: True, result)

  return run
