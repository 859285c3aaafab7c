"""Seconds of compiled functions, and what they are to be compared with.

A line is what `cli.bench` prints of one measurement: plain values by name.
"""

from collections.abc import Callable, Mapping, Sequence
import platform
import statistics
import time
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from sadtalker_jax import errors
from sadtalker_jax.ops import products

Line: TypeAlias = dict[str, Any]
Call: TypeAlias = Callable[[], Any]

_MATRIX = {'cpu': 2048, 'gpu': 8192, 'tpu': 8192}  # side of the peak's product


def check(batches: Sequence[int], repeats: int) -> None:
  """Refuses measurements of nothing.

  Args:
    batches: Batch sizes.
    repeats: Number of timed calls.

  Raises:
    InputError: A number is below 1.
  """
  if repeats < 1 or min(batches) < 1:
    raise errors.InputError(
      f'expected at least one repeat and a batch of one, found '
      f'{repeats} and {min(batches)}'
    )


def device() -> Line:
  """The part of a line about the device and its machine."""
  first = jax.devices()[0]
  return {
    'device': first.device_kind,
    'platform': first.platform,
    'machine': platform.processor() or platform.machine(),
    'jax': jax.__version__,
  }


def measure(
  what: str,
  function: Callable[..., Any],
  inputs: tuple[Any, ...],
  *,
  batch: int,
  repeats: int,
  dtype: str = 'float32',
  choices: Mapping[str, Any] | None = None,
) -> Line:
  """The line of one function, compiled and called again and again.

  Args:
    what: Name of the benchmark.
    function: Function to compile.
    inputs: Arguments of the function, arrays or trees of arrays.
    batch: Number of results of one call, for the rate.
    repeats: Number of timed calls.
    dtype: Type of the matrix product that gives the peak.
    choices: Further entries of the line.
  """
  started = time.perf_counter()
  compiled = jax.jit(function).lower(*inputs).compile()
  compile_seconds = time.perf_counter() - started
  times = seconds(compiled, inputs, repeats)
  cost = compiled.cost_analysis() or {}
  # XLA counts the body of a loop once.
  traced = 2 * products.count(
    function, *inputs, platform=jax.devices()[0].platform
  )
  gflop = max(float(cost.get('flops', 0)), traced) / 1e9
  median = statistics.median(times)
  peak = _peak(dtype)
  return {
    'what': what,
    **device(),
    'dtype': dtype,
    'batch': batch,
    **(choices or {}),
    'repeats': repeats,
    'seconds': median,
    'seconds_min': min(times),
    'seconds_max': max(times),
    'per_second': batch / median,
    'compile_seconds': compile_seconds,
    'gflop': gflop,
    'gflop_per_second': gflop / median,
    'matmul_gflop_per_second': peak,
    'share_of_matmul': gflop / median / peak,
  }


def take_turns(
  calls: Mapping[str, Call], repeats: int
) -> dict[str, list[tuple[float, float]]]:
  """Seconds of calls that take turns, so that a load of the machine hits all.

  One call of each comes before, to warm up.

  Args:
    calls: Calls by name, which return when their work is done.
    repeats: Number of timed rounds.

  Returns:
    For every name the seconds of wall clock and of the processor, by round.
  """
  for call in calls.values():
    call()
  times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
  for _ in range(repeats):
    for name, call in calls.items():
      cpu, wall = time.process_time(), time.perf_counter()
      call()
      wall = time.perf_counter() - wall
      times[name].append((wall, time.process_time() - cpu))
  return times


def seconds(
  compiled: Callable[..., Any], inputs: tuple[Any, ...], repeats: int
) -> list[float]:
  """Seconds of every call after a first one.

  Args:
    compiled: Function that is called.
    inputs: Arguments of the function.
    repeats: Number of timed calls.
  """
  jax.block_until_ready(compiled(*inputs))
  times = []
  for _ in range(repeats):
    started = time.perf_counter()
    jax.block_until_ready(compiled(*inputs))
    times.append(time.perf_counter() - started)
  return times


def _peak(dtype: str) -> float:
  """GFLOP per second of a large matrix product, the best of a few.

  Of random numbers: with ones a GPU draws less power, and is too quick.
  """
  side = _MATRIX.get(jax.devices()[0].platform, 4096)
  matrix = jax.random.normal(jax.random.key(0), (side, side), dtype)
  product = jax.jit(jnp.matmul).lower(matrix, matrix).compile()
  return 2 * side**3 / min(seconds(product, (matrix, matrix), 5)) / 1e9
