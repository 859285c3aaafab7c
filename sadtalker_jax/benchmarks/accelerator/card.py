"""Versions, the card, its speed in matrix products and in copies.

Matrices hold random numbers: with ones a card draws less power and is 13 %
quicker than in any use.
"""

import importlib.metadata
import platform
import statistics
import time
from typing import Any

import jax
from jax import lax
from jax.extend import backend as backend_lib
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import jax_settings
from sadtalker_jax.benchmarks import timing
from sadtalker_jax.benchmarks.accelerator import plan, record

_PACKAGES = ('jax', 'jaxlib', 'flax', 'numpy', 'nvidia-cudnn-cu12')
_MORE = (
  'nvidia-cudnn-cu13',
  'jax-cuda12-plugin',
  'jax-cuda13-plugin',
  'libtpu',
)
_ROWS = 4  # of a product that are computed in float64, too
# Largest error by kind of product; that of the units which each kind may use.
_KINDS: dict[str, tuple[str, Any, float]] = {
  'bfloat16': ('bfloat16', lax.Precision.DEFAULT, 1e-2),
  'default': ('float32', lax.Precision.DEFAULT, 1e-3),
  'highest': ('float32', lax.Precision.HIGHEST, 1e-4),
}


def measure(kept: record.Record, scale: plan.Scale) -> None:
  """Puts all of it into the record."""
  kept.put(device=about(), versions=versions())
  for name, (dtype, precision, limit) in _KINDS.items():
    seconds, error = _product(scale, dtype, precision)
    gflops = 2 * scale.matrix**3 / seconds / 1e9
    kept.put(**{f'matmul_{name}_gflop_per_second': gflops})
    if name == 'default':
      limit = default_limit()
    kept.check(f'matmul {name}', error, limit)
  kept.put(**_copies(scale))


def default_limit() -> float:
  """Largest error of default precision in float32, over the largest value.

  GPUs round to TF32, TPUs to bfloat16, CPUs not at all.
  """
  return 1e-2 if jax.devices()[0].platform == 'tpu' else 1e-3


def about() -> dict[str, Any]:
  """The device: kind, number, memory, compute capability."""
  first = jax.devices()[0]
  memory = first.memory_stats() or {}
  return {
    **timing.device(),
    'count': len(jax.devices()),
    'memory_bytes': memory.get('bytes_limit'),
    'compute_capability': getattr(first, 'compute_capability', None),
  }


def versions() -> dict[str, str]:
  """Versions of what is installed, and of cuDNN as the plugin loaded it."""
  found = {'python': platform.python_version()}
  for name in (*_PACKAGES, *_MORE):
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  found['backend'] = backend_lib.get_backend().platform_version
  if cudnn := jax_settings.cudnn_version():
    found['cudnn'] = cudnn
  return {name: ' '.join(text.split()) for name, text in found.items()}


def peak(scale: plan.Scale, dtype: str) -> float:
  """FLOP per second of a large product of random numbers.

  Args:
    scale: Sizes.
    dtype: Type of the matrices; float32 with the default precision.
  """
  seconds, _ = _product(scale, dtype, lax.Precision.DEFAULT)
  return 2 * scale.matrix**3 / seconds


def _product(
  scale: plan.Scale, dtype: str, precision: Any
) -> tuple[float, float]:
  """Least seconds of a square product, and its relative error."""
  side = scale.matrix
  keys = jax.random.split(jax.random.key(0))
  a, b = (jax.random.normal(k, (side, side), dtype) for k in keys)
  product = jax.jit(lambda a, b: jnp.matmul(a, b, precision=precision))
  result = jax.block_until_ready(product(a, b))
  seconds = min(timing.seconds(product, (a, b), scale.repeats))
  exact = np.asarray(a[:_ROWS], np.float64) @ np.asarray(b, np.float64)
  return seconds, record.relative_error(
    np.asarray(result[:_ROWS], np.float64), exact
  )


def _copies(scale: plan.Scale) -> dict[str, float]:
  """GB per second: on the device (read and write), to it, and from it."""
  host = np.random.default_rng(0).random(scale.numbers, np.float32)
  began = time.perf_counter()
  array = jax.block_until_ready(jax.device_put(host))
  to_device = time.perf_counter() - began
  step = jax.jit(lambda x: x + 1)
  changed = jax.block_until_ready(step(array))
  within = statistics.median(timing.seconds(step, (array,), scale.repeats))
  began = time.perf_counter()
  np.asarray(changed)
  from_device = time.perf_counter() - began
  size = host.nbytes / 1e9
  return {
    'copy_gb_per_second': 2 * size / within,
    'to_device_gb_per_second': size / to_device,
    'from_device_gb_per_second': size / from_device,
  }
