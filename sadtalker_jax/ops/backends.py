"""Functions with one form for CPU and another for all other devices.

The form is chosen when XLA lowers the program for a device, so that a traced or
exported function is right on every device.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp


def by_device(
  cpu: Callable[..., Any], others: Callable[..., Any]
) -> Callable[..., Any]:
  """A function that has one form on CPU and another elsewhere.

  Args:
    cpu: form for CPU; its arguments are arrays with a batch axis in front.
    others: form for every other device, of the same arguments.

  Returns:
    The function of both forms, with the rule of `folded` for `vmap`.
  """
  return folded(
    lambda *arguments: lax.platform_dependent(
      *arguments, cpu=cpu, default=others
    )
  )


def folded(
  function: Callable[..., Any], *, shared: int = 0
) -> Callable[..., Any]:
  """`function` with another rule for `vmap`: the new axis joins the batch axis.

  A form that is quick for one batch stays quick (XLA's own batched scatters are
  many times slower on CPU), and the function itself decides how it goes through
  its batch. Calls are looped over only where shared arrays are batched.

  Args:
    function: function of arrays with a batch axis in front, followed by arrays
      without one.
    shared: number of arrays, at the end of the arguments, without a batch axis.

  Returns:
    A function of the same arguments and with the same results.
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
