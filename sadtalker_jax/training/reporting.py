"""Figures of a run over time: means, speeds, one line of progress.

Means over steps are those of `clu.metrics`.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import resource
import time
from typing import Any

import jax
import numpy as np


class Interval:
  """Figures of the steps since the last report, and how long they took.

  What else takes time (`phase`: compiling, validation, pictures, films,
  checkpoints) is counted apart, so that speeds are those of steps alone.
  """

  def __init__(self, batch_size: int, total_steps: int):
    """Counts from now.

    Args:
      batch_size: Examples of a step.
      total_steps: Steps of the run.
    """
    self._batch_size = batch_size
    self._total = total_steps
    self._pending: list[dict[str, Any]] = []
    self._start = time.perf_counter()
    self._phases: dict[str, float] = {}  # seconds by name

  def add(self, metrics: dict[str, Any]) -> None:
    """Keeps a step's metrics, still on the device."""
    self._pending.append(metrics)

  @contextlib.contextmanager
  def phase(self, name: str) -> Iterator[None]:
    """Counts the time within to `name`, once the steps before are done."""
    if self._pending:
      jax.block_until_ready(self._pending[-1])
    start = time.perf_counter()
    yield
    passed = time.perf_counter() - start
    self._phases[name] = self._phases.get(name, 0.0) + passed

  def report(self, step: int, waited: float) -> dict[str, float]:
    """Means and speeds since the last report; starts anew.

    Args:
      step: Number of the last step.
      waited: Seconds that steps have waited for data.
    """
    values = mean(_finite(jax.device_get(self._pending)))
    now = time.perf_counter()
    steps = max(now - self._start - sum(self._phases.values()), 1e-9)
    rate = len(self._pending) / steps
    phases = {f'seconds/{k}': v for k, v in self._phases.items()}
    self._pending, self._phases, self._start = [], {}, now
    return {
      **values,
      **phases,
      'seconds/steps': steps,
      'steps_per_second': rate,
      'examples_per_second': rate * self._batch_size,
      'seconds_left': (self._total - step) / rate,
      'share_waiting_for_data': waited / steps,
      'memory_gib': memory() / 2**30,
    }


def _finite(metrics: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
  """Those without a figure that is no number: the others were stepped over."""
  return [one for one in metrics if not not_finite(one)]


def mean(metrics: Sequence[Mapping[str, Any]]) -> dict[str, float]:
  """Means of figures over steps, by name."""
  from clu import metrics as clu_metrics

  names = sorted({name for one in metrics for name in one})
  # CLU divides float32 by int32.
  with jax.numpy_dtype_promotion('standard'):
    return {
      name: float(
        clu_metrics.Average.from_model_output(
          np.asarray([one[name] for one in metrics if name in one], np.float32)
        ).compute()
      )
      for name in names
    }


def line(step: int, total: int, report: Mapping[str, float]) -> str:
  """One line of progress: step, totals, speed, time left, waiting, memory."""
  losses = ' '.join(
    f'{name.removeprefix("total/")} {value:.4g}'
    for name, value in report.items()
    if name.startswith('total/')
  )
  left = int(report['seconds_left'])
  return (
    f'step {step}/{total} | {losses} | '
    f'{report["steps_per_second"]:.3g} steps/s, '
    f'{report["examples_per_second"]:.3g} examples/s, '
    f'{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left, '
    f'data {report["share_waiting_for_data"]:.0%}, '
    f'{report["memory_gib"]:.1f} GiB'
  )


def memory() -> int:
  """Most memory so far, bytes: of a device, or of the process on CPU."""
  stats = jax.local_devices()[0].memory_stats() or {}
  if 'peak_bytes_in_use' in stats:
    return int(stats['peak_bytes_in_use'])
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def not_finite(metrics: Mapping[str, Any]) -> list[str]:
  """Names of the figures that are no numbers, the terms before the totals."""
  bad = [n for n, value in metrics.items() if not np.all(np.isfinite(value))]
  return sorted(bad, key=lambda n: (n.startswith(('total/', 'gradient')), n))
