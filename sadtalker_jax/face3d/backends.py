"""Programs by backend, and batches that fold into them.

The forms of one computation take arrays with a batch axis in front, and the
triangles [3, T] without one as their last argument. Which form runs is decided
when XLA lowers the program for a device, so one traced function serves all.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import jax
from jax import lax
import jax.numpy as jnp

Backend: TypeAlias = Literal['auto', 'cpu', 'gpu', 'tpu']

BACKENDS = ('auto', 'cpu', 'gpu', 'tpu')


def choose(
  backend: Backend,
  *,
  cpu: Callable[..., Any],
  gpu: Callable[..., Any],
  tpu: Callable[..., Any],
) -> Callable[..., Any]:
  """The form of this backend; of the device that runs it for 'auto'.

  Under `vmap` the new axis joins the batch axis, so that a form decides itself
  how it goes through its batch; only batched triangles are looped over.

  Args:
    backend: 'auto', or whose form to take wherever it runs.
    cpu: form for CPU.
    gpu: form for GPU, and for devices of other kinds.
    tpu: form for TPU.

  Returns:
    A function of the forms' arguments.
  """

  @jax.custom_batching.custom_vmap
  def run(*arguments: jax.Array) -> Any:
    if backend != 'auto':
      return {'cpu': cpu, 'gpu': gpu, 'tpu': tpu}[backend](*arguments)
    return lax.platform_dependent(*arguments, cpu=cpu, tpu=tpu, default=gpu)

  @run.def_vmap
  def rule(
    axis_size: int, batched: list[bool], *arguments: jax.Array
  ) -> tuple[Any, Any]:
    whole = [
      a if is_batched else jnp.broadcast_to(a, (axis_size, *a.shape))
      for a, is_batched in zip(arguments[:-1], batched[:-1], strict=True)
    ]
    if batched[-1]:
      result = lax.map(lambda a: run(*a), (*whole, arguments[-1]))
    else:
      folded = [a.reshape(-1, *a.shape[2:]) for a in whole]
      result = jax.tree.map(
        lambda a: a.reshape(axis_size, -1, *a.shape[1:]),
        run(*folded, arguments[-1]),
      )
    return result, jax.tree.map(lambda _: True, result)

  return run


def one_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
  """A form that gives `function` the pictures of the batch one at a time.

  Scatters into a batch are 13 to 40 times slower on CPU than into one picture.

  Args:
    function: of one picture's arrays and the triangles.

  Returns:
    A form.
  """

  def form(*arguments: jax.Array) -> Any:
    *arrays, triangles = arguments
    if arrays[0].shape[0] == 1:
      result = function(*(a[0] for a in arrays), triangles)
      return jax.tree.map(lambda a: a[None], result)
    return lax.map(lambda a: function(*a, triangles), tuple(arrays))

  return form
