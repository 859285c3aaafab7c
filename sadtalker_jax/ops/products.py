"""How many products a function takes, counted in its trace."""

from collections.abc import Callable, Iterator
import math
from typing import Any

import jax


def count(function: Callable[..., Any], *inputs: Any) -> int:
  """Multiply-adds of the matrix products and convolutions of a function.

  Loops count as often as they run, where that is known when traced; XLA's own
  cost analysis counts their body once. Products with zeros of padding count;
  of forms for several platforms, the one of this machine.

  Args:
    function: that jax can trace.
    *inputs: its arguments, or their shapes.
  """
  return _of(jax.make_jaxpr(function)(*inputs).jaxpr)


def _of(jaxpr: Any) -> int:
  total = 0
  for equation in jaxpr.eqns:
    name, params = equation.primitive.name, equation.params
    outputs = math.prod(equation.outvars[0].aval.shape)
    if name == 'dot_general':
      (contracted, _), _ = params['dimension_numbers']
      shape = equation.invars[0].aval.shape
      total += outputs * math.prod(shape[axis] for axis in contracted)
    elif name == 'conv_general_dilated':
      shape = equation.invars[1].aval.shape
      features = params['dimension_numbers'].rhs_spec[0]
      total += outputs * math.prod(shape) // shape[features]
    else:
      if params.get('branches_platforms'):
        params = {'branch': _branch(params)}
      times = params['length'] if name == 'scan' else 1
      total += times * sum(_of(inner) for inner in _inner(params))
  return total


def _branch(params: dict[str, Any]) -> Any:
  """What `lax.platform_dependent` runs on this machine."""
  # JAX lowers for 'cuda' or 'rocm' what it runs on the backend 'gpu'.
  backend = jax.default_backend()
  names = {'cuda', 'rocm'} if backend == 'gpu' else {backend}
  for platforms, branch in zip(
    params['branches_platforms'], params['branches'], strict=True
  ):
    if platforms is None or names & set(platforms):
      return branch
  raise AssertionError(f'no branch for {sorted(names)}')


def _inner(params: dict[str, Any]) -> Iterator[Any]:
  """Jaxprs among the parameters of an operation."""
  for value in params.values():
    for item in value if isinstance(value, (tuple, list)) else (value,):
      item = getattr(item, 'jaxpr', item)
      if hasattr(item, 'eqns'):
        yield item
