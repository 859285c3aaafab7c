"""Frames of the neural renderer: first one, errors, speed, memory.

Weights are noise of a fixed seed and inputs numbers of a fixed seed, all by
numpy. One portrait, coefficients [B, 27, 70], no free angles.
"""

import statistics
import time
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.benchmarks import timing
from sadtalker_jax.benchmarks.accelerator import card, plan, record
from sadtalker_jax.models import zoo
from sadtalker_jax.models.fused import fused_render
from sadtalker_jax.ops import products
from sadtalker_jax.typing import PyTree

_COMPARED = 4  # frames that a CPU has drawn, too, if a batch has as many
_COARSE = 16  # cells along a side of the portrait
_STEPS = 65535  # of a frame in the file

# Mean difference of frames from a CPU's in float32, in grey levels of 255: see
# docs/results/accelerator.md for what a CPU finds between its own types.
_GREY = {'bfloat16': 1.0, 'float32': 0.5}
# Mean difference in [0, 1] with the highest precision.
_HIGHEST = 1e-4


def params(scale: plan.Scale, dtype: str) -> PyTree:
  """Folded weights, on the host.

  Args:
    scale: Sizes.
    dtype: Type of the convolutions.
  """
  networks = {n: zoo.noise(n, **f) for n, f in scale.networks.items()}
  mapping = fused_render.fold_mapping(networks.pop('mapping'))
  platform = jax.devices()[0].platform
  return fused_render.fold(networks, platform=platform, dtype=dtype), mapping


def inputs(size: int, count: int) -> tuple[np.ndarray, ...]:
  """Portrait [1, S, S, 3], windows [1 and B, 27, 70], angles [B, 3].

  Args:
    size: S, pixels, a multiple of 16.
    count: B; the first frames are the same for every B.
  """
  rng = np.random.default_rng(0)
  coarse = rng.uniform(0, 1, (1, _COARSE, _COARSE, 3)).astype(np.float32)
  side = size // _COARSE
  picture = coarse.repeat(side, 1).repeat(side, 2)
  shape = (count + 1, conventions.WINDOW, conventions.ROW_SIZE)
  windows = (0.3 * rng.standard_normal(shape)).astype(np.float32)
  angles = np.full((count, 3), np.nan, np.float32)
  return picture, windows[:1], windows[1:], angles


def frames(
  weights: PyTree,
  source: fused_render.PortraitFeatures,
  windows: jax.Array,
  angles: jax.Array,
  *,
  precision: lax.PrecisionLike = lax.Precision.DEFAULT,
) -> jax.Array:
  """Frames [B, S, S, 3] in [0, 1] of one portrait; as `fused_render.draw`."""
  count = len(windows)
  sources = jax.tree.map(
    lambda x: jnp.broadcast_to(x, (count, *x.shape[1:])), source
  )
  return fused_render.draw(
    weights, sources, windows, angles, precision=precision
  )


def highest(weights: PyTree, *arrays: Any) -> jax.Array:
  """`frames` with the highest precision."""
  return frames(weights, *arrays, precision=lax.Precision.HIGHEST)


def golden(scale: plan.Scale) -> dict[str, np.ndarray]:
  """Frames of a CPU: float32, highest precision."""
  count = min(_COMPARED, scale.batch)
  picture, window, windows, angles = inputs(scale.size, count)
  weights = params(scale, 'float32')
  source = jax.jit(fused_render.prepare_source)(weights, picture, window)
  drawn = np.asarray(jax.jit(highest)(weights, source, windows, angles))
  return {
    'frames': np.round(_STEPS * drawn).astype(np.uint16),
    'first': drawn[0].astype(np.float32),
  }


def bfloat16(kept: record.Record, scale: plan.Scale) -> None:
  """Full batches in bfloat16: the first frame, errors, speed."""
  measure(kept, scale, 'bfloat16', scale.size, scale.batch)


def float32(kept: record.Record, scale: plan.Scale) -> None:
  """Full batches in float32, and one frame with the highest precision."""
  weights = measure(kept, scale, 'float32', scale.size, scale.batch)
  picture, window, windows, angles = inputs(scale.size, 1)
  source = jax.jit(fused_render.prepare_source)(weights, picture, window)
  call = jax.jit(highest)
  found = np.asarray(call(weights, source, windows, angles))[0]
  times = timing.seconds(
    call, (weights, source, windows, angles), scale.repeats
  )
  kept.put(highest_seconds=statistics.median(times))
  expected = kept.golden('drawing.first')
  if expected is not None:
    gap = np.abs(found - expected)
    kept.put(highest_largest_error=float(gap.max()))
    kept.check('frame, highest, mean error', float(gap.mean()), _HIGHEST)


def latency(kept: record.Record, scale: plan.Scale) -> None:
  """Frames one at a time, bfloat16."""
  measure(kept, scale, 'bfloat16', scale.size, 1)


def middle(kept: record.Record, scale: plan.Scale) -> None:
  """A smaller batch, bfloat16."""
  measure(kept, scale, 'bfloat16', scale.size, scale.middle)


def large(kept: record.Record, scale: plan.Scale) -> None:
  """Larger pictures, bfloat16."""
  measure(kept, scale, 'bfloat16', scale.large, scale.middle)


def measure(
  kept: record.Record, scale: plan.Scale, dtype: str, size: int, batch: int
) -> PyTree:
  """Everything about frames of one kind; returns the weights on the device.

  Args:
    kept: Record to fill.
    scale: Sizes.
    dtype: Type of the convolutions.
    size: Side of the frames, pixels.
    batch: Frames drawn together.
  """
  began = time.perf_counter()
  weights = jax.device_put(params(scale, dtype))
  kept.put(dtype=dtype, size=size, batch=batch)
  kept.put(weights_seconds=time.perf_counter() - began)
  picture, window, windows, angles = inputs(size, batch)
  prepare = jax.jit(fused_render.prepare_source)
  began = time.perf_counter()
  source = jax.block_until_ready(prepare(weights, picture, window))
  arrays = (weights, source, jnp.asarray(windows), jnp.asarray(angles))
  program = jax.jit(frames).lower(*arrays).compile()
  drawn = np.asarray(program(*arrays))
  kept.put(first_frame_cold_seconds=time.perf_counter() - began)
  began = time.perf_counter()
  np.asarray(program(weights, prepare(weights, picture, window), *arrays[2:]))
  kept.put(first_frames_warm_seconds=time.perf_counter() - began)
  _compare(kept, scale, drawn, dtype, size)
  _speed(kept, scale, program, arrays, dtype)
  return weights


def _compare(
  kept: record.Record,
  scale: plan.Scale,
  drawn: np.ndarray,
  dtype: str,
  size: int,
) -> None:
  """Checks frames against a CPU's, and that there is a picture at all."""
  kept.check('frames with other than finite numbers', _bad(drawn), 0)
  kept.put(spread_of_pixels=float(drawn.std()))
  if size != scale.size:
    return
  expected = kept.golden('drawing.frames')
  if expected is None:
    return
  count = min(len(drawn), len(expected))
  gap = 255 * np.abs(drawn[:count] - expected[:count] / _STEPS)
  kept.put(
    grey_error_largest=float(gap.max()),
    grey_error_of_999_in_1000=float(np.quantile(gap, 0.999)),
  )
  if jax.devices()[0].platform == 'tpu':
    dtype = 'bfloat16'  # to which its default precision rounds
  kept.check('frames, mean error in grey levels', gap.mean(), _GREY[dtype])


def _bad(drawn: np.ndarray) -> int:
  return int((~np.isfinite(drawn)).any((1, 2, 3)).sum())


def _speed(
  kept: record.Record,
  scale: plan.Scale,
  program: Any,
  arrays: tuple[Any, ...],
  dtype: str,
) -> None:
  """Frames per second, FLOP and share of a large product's speed; memory."""
  batch = len(arrays[2])
  times = timing.seconds(program, arrays, scale.repeats)
  median = statistics.median(times)
  platform = jax.devices()[0].platform
  flops = 2 * products.count(frames, *arrays, platform=platform)
  kept.put(
    batch_seconds=median,
    batch_seconds_least=min(times),
    batch_seconds_most=max(times),
    frames_per_second=batch / median,
    gflop_a_frame=flops / batch / 1e9,
    share_of_matmul=flops / median / card.peak(scale, dtype),
  )
  plan_of_memory = program.memory_analysis()
  memory = jax.devices()[0].memory_stats() or {}
  kept.put(
    temporary_bytes=getattr(plan_of_memory, 'temp_size_in_bytes', None),
    peak_bytes=memory.get('peak_bytes_in_use'),
  )
