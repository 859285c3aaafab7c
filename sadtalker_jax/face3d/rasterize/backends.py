"""Forms of one computation by backend, and their batches.

All forms take arrays with a batch axis in front, and as their last argument the
triangles [3, T] without one. The form is chosen when XLA lowers the program for
a device, so one traced function is right on every device.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import jax
from jax import lax

from sadtalker_jax.ops import backends as folding

Backend: TypeAlias = Literal['auto', 'cpu', 'gpu', 'tpu']

BACKENDS = ('auto', 'cpu', 'gpu', 'tpu')


def choose(
  backend: Backend,
  *,
  cpu: Callable[..., Any],
  gpu: Callable[..., Any],
  tpu: Callable[..., Any],
) -> Callable[..., Any]:
  """A function with one form per backend.

  Args:
    backend: name of the form to use on every device; 'auto' for the form of the
      device that runs the program.
    cpu: form for CPU.
    gpu: form for GPU, and for devices of other kinds.
    tpu: form for TPU.

  Returns:
    A function of the forms' arguments; under `vmap` the new axis joins the
    batch axis.
  """

  def run(*arguments: jax.Array) -> Any:
    if backend != 'auto':
      return {'cpu': cpu, 'gpu': gpu, 'tpu': tpu}[backend](*arguments)
    return lax.platform_dependent(*arguments, cpu=cpu, tpu=tpu, default=gpu)

  return folding.folded(run, shared=1)


def one_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
  """A form that runs `function` on the pictures of a batch one at a time.

  On CPU, scatters into a batch are 13 to 40 times slower than into one picture.

  Args:
    function: function of one picture's arrays and the triangles.

  Returns:
    A function of the batch's arrays and the triangles.
  """

  def form(*arguments: jax.Array) -> Any:
    *arrays, triangles = arguments
    if arrays[0].shape[0] == 1:
      result = function(*(a[0] for a in arrays), triangles)
      return jax.tree.map(lambda a: a[None], result)
    return lax.map(lambda a: function(*a, triangles), tuple(arrays))

  return form
