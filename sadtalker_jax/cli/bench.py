"""Times the heavy parts on this machine and prints one JSON object a line.

    python -m sadtalker_jax.cli.bench render --size 256 --batch 1 4 8
    python -m sadtalker_jax.cli.bench motion
    python -m sadtalker_jax.cli.bench rasterize
    python -m sadtalker_jax.cli.bench grid_sample

A line says what ran where (device, dtype, batch, versions), the median and the
spread of the seconds over repeats, the arithmetic by XLA's own count (or that
of the traced products, where loops hide some from XLA), and what share that is
of the speed of a large matrix product measured in the same run.
Without --bundle the weights are noise: speed does not depend on them.
"""

import argparse
from collections.abc import Callable, Iterator
import json
import platform
import statistics
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.ops import products

_MATRIX = {'cpu': 2048, 'gpu': 8192, 'tpu': 8192}  # side of the peak's product


def main(argv: list[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = _parser().parse_args(argv)
  try:
    for line in flags.run(flags):
      print(json.dumps(line), flush=True)
  except errors.InputError as error:
    print(f'bench: {error}', file=sys.stderr)
    return 2
  return 0


def _parser() -> argparse.ArgumentParser:
  result = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  kinds = result.add_subparsers(required=True, metavar='WHAT')

  def add(
    name: str,
    run: Callable[[argparse.Namespace], Iterator[dict[str, Any]]],
    text: str,
    batch: list[int],
  ) -> argparse.ArgumentParser:
    parser = kinds.add_parser(
      name, help=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.set_defaults(run=run)
    parser.add_argument(
      '--batch', type=int, nargs='+', default=batch, help='sizes, one line each'
    )
    parser.add_argument('--repeats', type=int, default=10, help='timed calls')
    return parser

  render = add('render', _render, 'frames of the neural renderer', [1])
  render.add_argument('--size', type=int, default=256, choices=[256, 512])
  render.add_argument('--bundle', help='its weights instead of noise')
  render.add_argument(
    '--dtype', default='float32', choices=['float32', 'bfloat16']
  )
  add('motion', _motion, 'ExpNet and PoseVAE, frames of sound', [32])
  add('rasterize', _rasterize, 'triangles, pictures and gradients at 224', [1])
  add('grid_sample', _grid_sample, 'three uses of sampling', [2])
  return result


def _render(flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
  import sadtalker_jax
  from sadtalker_jax.models import zoo
  from sadtalker_jax.models.fused import fused_render

  names = ('keypoint_detector', 'generator', 'mapping')
  if flags.bundle is None:
    networks = {name: zoo.noise(name) for name in names}
  else:
    bundle = sadtalker_jax.load(flags.bundle)
    networks = {name: bundle.variables(name) for name in names}
  mapping = fused_render.fold_mapping(networks.pop('mapping'))
  params = jax.device_put(
    (fused_render.fold(networks, dtype=flags.dtype), mapping)
  )
  rng = np.random.default_rng(0)
  for batch in flags.batch:
    image, windows, angles = (
      jnp.asarray(x, jnp.float32)
      for x in (
        rng.uniform(0, 1, (batch, flags.size, flags.size, 3)),
        0.3 * rng.standard_normal((batch, 27, 70)),
        np.full((batch, 3), np.nan),
      )
    )
    source = jax.jit(fused_render.prepare_source)(params, image, windows)
    yield _measure(
      'render',
      fused_render.render,
      (params, source, windows, angles),
      flags,
      batch=batch,
      dtype=flags.dtype,
      size=flags.size,
    )


def _motion(flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
  from sadtalker_jax.models import zoo

  expnet, posevae = zoo.build('expnet'), zoo.build('posevae')
  weights = jax.device_put((zoo.noise('expnet'), zoo.noise('posevae')))
  rng = np.random.default_rng(0)

  def run(
    weights: Any, mel: jax.Array, reference: jax.Array, blink: jax.Array
  ) -> tuple[Any, Any]:
    expression = expnet.apply(weights[0], mel, reference, blink, train=False)
    sound = posevae.apply(weights[1], mel[None], method='encode_audio')
    return expression, sound

  for batch in flags.batch:
    inputs = [
      jnp.asarray(rng.standard_normal(shape), jnp.float32)
      for shape in ((batch, 80, 16, 1), (batch, 64), (batch, 1))
    ]
    yield _measure(
      'motion', run, (weights, *inputs), flags, batch=batch, dtype='float32'
    )


def _rasterize(flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
  from sadtalker_jax.benchmarks import rasterize_speed

  return rasterize_speed.run(flags)


def _grid_sample(flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
  from sadtalker_jax.benchmarks import grid_sample_speed

  return grid_sample_speed.run(flags)


def _measure(
  what: str,
  function: Callable[..., Any],
  inputs: tuple[Any, ...],
  flags: argparse.Namespace,
  *,
  batch: int,
  dtype: str,
  **more: Any,
) -> dict[str, Any]:
  """The line of one measurement."""
  if flags.repeats < 1 or batch < 1:
    raise errors.InputError(
      f'expected at least one repeat and a batch of one, found '
      f'{flags.repeats} and {batch}'
    )
  started = time.perf_counter()
  compiled = jax.jit(function).lower(*inputs).compile()
  compile_seconds = time.perf_counter() - started
  seconds = _times(compiled, inputs, flags.repeats)
  cost = compiled.cost_analysis() or {}
  # XLA counts the body of a loop once.
  traced = 2 * products.count(function, *inputs)
  gflop = max(float(cost.get('flops', 0)), traced) / 1e9
  median = statistics.median(seconds)
  peak = _peak(dtype)
  device = jax.devices()[0]
  return {
    'what': what,
    'device': device.device_kind,
    'platform': device.platform,
    'machine': platform.processor() or platform.machine(),
    'jax': jax.__version__,
    'dtype': dtype,
    'batch': batch,
    **more,
    'repeats': flags.repeats,
    'seconds': median,
    'seconds_min': min(seconds),
    'seconds_max': max(seconds),
    'per_second': batch / median,
    'compile_seconds': compile_seconds,
    'gflop': gflop,
    'gflop_per_second': gflop / median,
    'matmul_gflop_per_second': peak,
    'share_of_matmul': gflop / median / peak,
  }


def _times(
  compiled: Callable[..., Any], inputs: tuple[Any, ...], repeats: int
) -> list[float]:
  jax.block_until_ready(compiled(*inputs))
  seconds = []
  for _ in range(repeats):
    started = time.perf_counter()
    jax.block_until_ready(compiled(*inputs))
    seconds.append(time.perf_counter() - started)
  return seconds


def _peak(dtype: str) -> float:
  """GFLOP per second of a large matrix product, the best of a few."""
  side = _MATRIX.get(jax.default_backend(), 4096)
  matrix = jnp.ones((side, side), dtype)
  product = jax.jit(jnp.matmul).lower(matrix, matrix).compile()
  return 2 * side**3 / min(_times(product, (matrix, matrix), 5)) / 1e9


if __name__ == '__main__':
  sys.exit(main())
