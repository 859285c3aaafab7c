"""How many products a function takes, counted in its trace."""

from collections.abc import Callable, Iterator
import math
from typing import Any

import jax


def count(function: Callable[..., Any], *inputs: Any) -> int:
  """Multiply-adds of the matrix products and convolutions of a function.

  Loops count as often as they run, where that is known when traced; XLA's own
  cost analysis counts their body once. Products with zeros of padding count.

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
      times = params['length'] if name == 'scan' else 1
      total += times * sum(_of(inner) for inner in _inner(params))
  return total


def _inner(params: dict[str, Any]) -> Iterator[Any]:
  """Jaxprs among the parameters of an operation."""
  for value in params.values():
    for item in value if isinstance(value, (tuple, list)) else (value,):
      item = getattr(item, 'jaxpr', item)
      if hasattr(item, 'eqns'):
        yield item
