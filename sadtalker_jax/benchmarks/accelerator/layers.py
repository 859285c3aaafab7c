"""Convolutions of the renderer: 3-D ones in three forms, errors of single ones.

The 3-D convolutions are all those of the dense motion network at its sizes
(method 5.5), each with an input of its own in one program. Forms: `native`, the
operation itself; `nhwc`, the same with XLA told to use channels last in cuDNN
(GPUs only); `slices`, 2-D convolutions over slices in depth.
"""

import functools
import statistics
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.benchmarks import timing
from sadtalker_jax.benchmarks.accelerator import card, plan, record
from sadtalker_jax.models import zoo
from sadtalker_jax.ops.convolution import conv as conv_ops
from sadtalker_jax.ops.convolution import phases

_NHWC = {'xla_gpu_force_conv_nhwc': True}
_REDUCTION = 4  # of a frame's side to the volume's
# Largest error of one layer over its largest output.
_LIMITS: dict[str, tuple[str, Any, float]] = {
  'highest': ('float32', lax.Precision.HIGHEST, 1e-4),
  'default': ('float32', lax.Precision.DEFAULT, 1e-3),
  'bfloat16': ('bfloat16', lax.Precision.DEFAULT, 1e-2),
}
_PLACES = 64  # of the output that are computed in float64


def shapes(scale: plan.Scale) -> list[tuple[int, tuple[int, ...]]]:
  """Reduction of the side and kernel [K, K, K, I, O] of the 3-D convolutions.

  Args:
    scale: Sizes.
  """
  network = zoo.shapes('generator', **scale.networks['generator'])
  motion = network['params']['dense_motion']
  glass = motion['hourglass']
  steps = sum(name.startswith('down_') for name in glass)
  found = [(1, motion['mask']['kernel'])]
  found.append((1, glass['last']['conv']['kernel']))
  for step in range(steps):
    found.append((2**step, glass[f'down_{step}']['conv']['kernel']))
    up = 2 ** (steps - 1 - step)
    found.append((up, glass[f'up_{step}']['conv']['kernel']))
  return [(reduction, tuple(kernel.shape)) for reduction, kernel in found]


def forms(kept: record.Record, scale: plan.Scale) -> None:
  """Times of the three forms, and their differences, in bfloat16."""
  depth = 2 if scale.name == 'small' else 16
  side = scale.size // _REDUCTION
  rng = np.random.default_rng(0)
  inputs: list[jax.Array] = []
  kernels: list[jax.Array] = []
  for reduction, shape in shapes(scale):
    size = (scale.batch, depth, *[side // reduction] * 2, shape[-2])
    fan_in = np.prod(shape[:-1])
    key = jax.random.key(len(inputs))
    inputs.append(jax.random.normal(key, size, jnp.bfloat16))
    kernel = rng.standard_normal(shape) / np.sqrt(fan_in)
    kernels.append(jnp.asarray(kernel, jnp.bfloat16))
  kept.put(convolutions=len(kernels), batch=scale.batch)
  flops = sum(
    2 * x.size * int(np.prod(k.shape)) // k.shape[-2]
    for x, k in zip(inputs, kernels, strict=True)
  )
  first = None
  ways: dict[str, tuple[Any, dict[str, Any] | None]] = {
    'slices': (_slices, None),
    'native': (_native, None),
    'nhwc': (_native, _NHWC),
  }
  for name, (form, options) in ways.items():
    if options and jax.devices()[0].platform != 'gpu':
      kept.put(nhwc='a flag of XLA for GPUs')
      continue
    run = jax.jit(functools.partial(_all, form)).lower(inputs, kernels)
    try:
      program = run.compile(compiler_options=options)
    except Exception as fault:
      if not options:
        raise
      # The compiler of another version may not know the flag.
      kept.put(nhwc=f'not compiled: {" ".join(str(fault).split())[:200]}')
      continue
    sums = [np.asarray(y, np.float32) for y in program(inputs, kernels)[1]]
    times = timing.seconds(program, (inputs, kernels), scale.repeats)
    median = statistics.median(times)
    kept.put(
      **{
        f'{name}_milliseconds_a_frame': 1e3 * median / scale.batch,
        f'{name}_gflop_per_second': flops / median / 1e9,
      }
    )
    first = sums if first is None else first
    error = max(
      record.relative_error(a, b) for a, b in zip(sums, first, strict=True)
    )
    # Slices round the sums of up to seven parts to bfloat16, one by one.
    kept.check(f'{name} against slices', error, 2e-2)


def _all(form: Any, inputs: Any, kernels: Any) -> tuple[Any, Any]:
  """Outputs of all layers, and the corner of each that is compared."""
  outputs = [form(x, k) for x, k in zip(inputs, kernels, strict=True)]
  return outputs, [y[:1, :, :8, :8] for y in outputs]


def _padding(kernel: jax.Array) -> list[tuple[int, int]]:
  return [(k // 2, k // 2) for k in kernel.shape[:-2]]


def _native(
  x: jax.Array, kernel: jax.Array, precision: lax.PrecisionLike = None
) -> jax.Array:
  rank = x.ndim - 2
  return lax.conv_general_dilated(
    x,
    kernel,
    (1,) * rank,
    _padding(kernel),
    dimension_numbers=conv_ops.channels_last(rank),
    precision=precision,
  )


def _slices(
  x: jax.Array, kernel: jax.Array, precision: lax.PrecisionLike = None
) -> jax.Array:
  return conv_ops.conv3d_by_slices(
    x, kernel, (1, 1), _padding(kernel), precision
  )


def errors(kept: record.Record, scale: plan.Scale) -> None:
  """Errors of single layers against float64 at some places of the output."""
  side = 16 if scale.name == 'small' else 64
  wide = 8 if scale.name == 'small' else 256
  cases = {
    '2-D 3x3': ((2, side, side, wide), (3, 3, wide, wide), _native),
    '3-D 3x3x3': (
      (1, 4, side, side, wide // 4),
      (3, 3, 3, wide // 4, wide // 4),
      _slices,
    ),
    '3-D 7x7x7, native': (
      (1, 8, side, side, wide // 4),
      (7, 7, 7, wide // 4, 16),
      _native,
    ),
    'repeated 2 x 2': ((2, side, side, wide), (3, 3, wide, wide), None),
  }
  for name, (size, shape, form) in cases.items():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(size)
    kernel = rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))
    for kind, (dtype, precision, limit) in _LIMITS.items():
      # Inputs as the type has them: the error is that of the layer alone.
      a, b = (jnp.asarray(v, dtype) for v in (x, kernel))
      if form is None:
        found = _repeated(a, kernel, precision)
      else:
        run = jax.jit(functools.partial(form, precision=precision))
        found = np.asarray(run(a, b), np.float64)
      given = [np.asarray(v, np.float64) for v in (a, b)]
      places, expected = _exact(*given, factor=1 if form else 2)
      error = record.relative_error(found[places], expected)
      if kind == 'default':
        limit = card.default_limit()
      kept.check(f'{name}, {kind}', error, limit)


def _repeated(
  x: jax.Array, kernel: np.ndarray, precision: lax.PrecisionLike
) -> np.ndarray:
  """The layer that repeats every pixel 2 x 2 before; [B, 2 H, 2 W, O]."""
  split = phases.split(kernel, 2)
  cast = jax.tree.map(lambda k: jnp.asarray(k, x.dtype), split)
  run = jax.jit(lambda x, k: phases.conv(x, k, 2, precision=precision))
  return np.asarray(run(x, cast), np.float64)


def _exact(
  x: np.ndarray, kernel: np.ndarray, *, factor: int
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
  """Some places of a layer's output, and the outputs [P, O] there, float64."""
  for axis in (-3, -2) if factor > 1 else ():
    x = x.repeat(factor, axis)
  rng = np.random.default_rng(1)
  places = tuple(rng.integers(0, n, _PLACES) for n in x.shape[:-1])
  size = kernel.shape[:-2]
  pads = [(k // 2, k // 2) for k in size]
  padded = np.pad(x, [(0, 0), *pads, (0, 0)])
  rows = []
  for batch, *corner in zip(*places, strict=True):
    window = padded[
      (batch, *(slice(c, c + k) for c, k in zip(corner, size, strict=True)))
    ]
    rows.append(np.tensordot(window, kernel, kernel.ndim - 1))
  return places, np.stack(rows)
