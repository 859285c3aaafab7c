"""Validation: figures of batches that are not learned from."""

from typing import Any

import jax

from sadtalker_jax.checkpoints import keeping
from sadtalker_jax.training import data as data_lib
from sadtalker_jax.training import reporting


def measure(
  eval_step: Any, data: data_lib.Data, batches: int, state: Any, frozen: Any
) -> dict[str, float]:
  """Means over the next batches, by name; the data stays where it is.

  Args:
    eval_step: Compiled function of (state, batch, frozen) to figures.
    data: Batches to measure on.
    batches: How many.
    state: State of the run.
    frozen: What is not trained.
  """
  start = data.state()
  found = [
    jax.device_get(eval_step(state, next(data), frozen)) for _ in range(batches)
  ]
  data.restore(start)
  return {f'eval/{k}': v for k, v in reporting.mean(found).items()}


def require(
  metric: str,
  eval_step: Any,
  data: data_lib.Data | None,
  state: Any,
  frozen: Any,
) -> None:
  """Raises where validation does not measure what the best is chosen by.

  Only shapes are traced; the arguments are those of `measure`.

  Args:
    metric: The best metric, see `checkpoints.keeping`; empty: none is wanted.
    eval_step: Function of (state, batch, frozen) to figures, by `jax.jit`.
    data: Batches to measure on; None: nothing is measured.
    state: State of the run.
    frozen: What is not trained.

  Raises:
    InputError: None of its names is measured.
  """
  if data is None or not metric:
    return
  start = data.state()
  found = eval_step.eval_shape(state, next(data), frozen)
  data.restore(start)
  keeping.check(metric, [f'eval/{name}' for name in found])
