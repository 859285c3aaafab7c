"""Counts of multiplications and sizes, from the trace of a function.

What no result depends on is left out: a compiler removes it, so it is never
computed. A trace of gradients holds much of that, see `optimizers.of_groups`.
"""

from collections.abc import Callable, Iterator
import math
from typing import Any

import jax
from jax.interpreters import partial_eval


def count(function: Callable[..., Any], *inputs: Any, platform: str) -> int:
  """Multiply-adds of the matrix products and convolutions of a function.

  Args:
    function: function that jax can trace.
    *inputs: arguments of the function, or their shapes.
    platform: as in `of_trace`.
  """
  return of_trace(jax.make_jaxpr(function)(*inputs), platform)


def of_trace(trace: Any, platform: str) -> int:
  """Multiply-adds of the matrix products and convolutions of a trace.

  A loop's body counts as often as it runs, where that is known when traced;
  XLA's own cost analysis counts it once. Products with zeros of padding count,
  those with zeros between the inputs of a transposed convolution do not.

  Args:
    trace: the result of `jax.make_jaxpr`.
    platform: platform whose form counts, where a function has several: 'cpu',
      'gpu' or 'tpu'.
  """
  return _of(needed(trace.jaxpr), platform)


def largest_map(trace: Any, platform: str) -> int:
  """Numbers of the largest input or output of a convolution; 0 without one.

  Args:
    trace: as in `of_trace`.
    platform: as in `of_trace`.
  """

  def of(jaxpr: Any) -> int:
    most = 0
    for equation in jaxpr.eqns:
      if equation.primitive.name == 'conv_general_dilated':
        arrays = (*equation.invars, *equation.outvars)
        sizes = [math.prod(v.aval.shape) for v in arrays]
      else:
        sizes = [of(inner) for inner in _chosen(equation.params, platform)]
      most = max([most, *sizes])
    return most

  return of(needed(trace.jaxpr))


def needed(jaxpr: Any) -> Any:
  """A jaxpr without the operations that no output depends on."""
  outputs = [True] * len(jaxpr.outvars)
  return partial_eval.dce_jaxpr(jaxpr, outputs, instantiate=True)[0]


def _of(jaxpr: Any, platform: str) -> int:
  total = 0
  for equation in jaxpr.eqns:
    name, params = equation.primitive.name, equation.params
    # Some operations have no output: checks, and those with unused results.
    outputs = sum(math.prod(v.aval.shape) for v in equation.outvars[:1])
    if name == 'dot_general':
      (contracted, _), _ = params['dimension_numbers']
      shape = equation.invars[0].aval.shape
      total += outputs * math.prod(shape[axis] for axis in contracted)
    elif name == 'conv_general_dilated':
      shape = equation.invars[1].aval.shape
      features = params['dimension_numbers'].rhs_spec[0]
      holes = math.prod(params['lhs_dilation'])
      total += outputs * math.prod(shape) // (shape[features] * holes)
    else:
      times = params['length'] if name == 'scan' else 1
      inner = _chosen(params, platform)
      total += times * sum(_of(jaxpr, platform) for jaxpr in inner)
  return total


def _chosen(params: dict[str, Any], platform: str) -> Iterator[Any]:
  """Jaxprs of an operation, of a platform's form where there are several."""
  if params.get('branches_platforms'):
    params = {'branch': _branch(params, platform)}
  return _inner(params)


def _branch(params: dict[str, Any], platform: str) -> Any:
  """The branch that `lax.platform_dependent` runs on a platform."""
  # What runs on the backend 'gpu' is lowered for 'cuda' or 'rocm'.
  names = {'cuda', 'rocm'} if platform == 'gpu' else {platform}
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
