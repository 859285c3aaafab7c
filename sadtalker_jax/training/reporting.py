"""Figures of a run over its steps: means, speeds, one line of progress.

Means over steps are those of `clu.metrics`.
"""

from collections.abc import Mapping, Sequence
import resource
import time
from typing import Any

import jax
import numpy as np


class Interval:
  """Figures of the steps since the last report, and how long they took."""

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

  def add(self, metrics: dict[str, Any]) -> None:
    """Keeps a step's metrics, still on the device."""
    self._pending.append(metrics)

  def report(self, step: int, wait_share: float) -> dict[str, float]:
    """Means and speeds since the last report; starts anew.

    Args:
      step: Number of the last step.
      wait_share: Share of the time that was spent waiting for data.
    """
    values = mean(jax.device_get(self._pending))
    passed = max(time.perf_counter() - self._start, 1e-9)
    rate = len(self._pending) / passed
    self._pending, self._start = [], time.perf_counter()
    return {
      **values,
      'steps_per_second': rate,
      'examples_per_second': rate * self._batch_size,
      'seconds_left': (self._total - step) / rate,
      'share_waiting_for_data': wait_share,
      'memory_gib': memory() / 2**30,
    }


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
