"""The programs of the product, compiled for a device that need not be here.

`render` draws frames of one portrait; the others are training steps, named by
config and variant. Only shapes are traced; those of the renderer's weights are
taken from noise, since numpy folds them.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import time
from typing import Any

import jax
import jax.numpy as jnp

from sadtalker_jax import conventions, errors
from sadtalker_jax.benchmarks.accelerator import plan, record, steps
from sadtalker_jax.models import zoo
from sadtalker_jax.models.fused import fused_render
from sadtalker_jax.ops import products
from sadtalker_jax.typing import PyTree

CONFIGS = ('renderer', 'mapping', 'expnet', 'posevae', 'recon', 'syncnet')


@dataclasses.dataclass(frozen=True)
class Compiled:
  """A compiled program.

  Attributes:
    text: Its optimised HLO.
    flops: FLOP of its products and convolutions, of the trace.
    arguments: Bytes of what it is given.
    temporaries: Bytes of what it needs meanwhile.
    seconds: Seconds that the compiler took.
  """

  text: str
  flops: int
  arguments: int
  temporaries: int
  seconds: float


def build(
  name: str,
  devices: Sequence[Any],
  *,
  batch: int,
  dtype: str,
  size: int,
  options: Mapping[str, Any] | None = None,
) -> Compiled:
  """Compiles a program.

  Args:
    name: 'render', or a training step's config and variant.
    devices: Devices to compile for, described or not. Several cut the batch of
      a step, and its state (`mesh.fsdp`).
    batch: Frames, or examples of a step, of all devices.
    dtype: Type of computation.
    size: Side of the frames of 'render', pixels; a step's is its config's.
    options: Options of the compiler.

  Raises:
    InputError: There is no such program, or the numbers do not fit it.
  """
  if batch < 1:
    raise errors.InputError(f'--batch: expected 1 or more, found {batch}')
  if name != 'render':
    return _step(name, devices, batch, dtype, options)
  if len(devices) > 1:
    raise errors.InputError(
      f'--devices: expected 1 for render, found {len(devices)}'
    )
  return _render(devices[0], batch, dtype, size, options)


def _render(
  device: Any,
  batch: int,
  dtype: str,
  size: int,
  options: Mapping[str, Any] | None,
) -> Compiled:
  here = jax.sharding.SingleDeviceSharding(device)

  def placed(tree: PyTree) -> PyTree:
    return jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here), tree
    )

  weights = placed(_weights(device.platform, dtype))
  window = (conventions.WINDOW, conventions.ROW_SIZE)
  source = jax.eval_shape(
    fused_render.prepare_source,
    weights,
    jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32),
    jax.ShapeDtypeStruct((1, *window), jnp.float32),
  )
  inputs = (
    jax.ShapeDtypeStruct((batch, *window), jnp.float32),
    jax.ShapeDtypeStruct((batch, 3), jnp.float32),
  )
  trace = jax.jit(_frames).trace(weights, placed(source), *placed(inputs))
  flops = 2 * products.of_trace(trace.jaxpr, _counted(device))
  began = time.perf_counter()
  program = trace.lower().compile(
    compiler_options=dict(options) if options else None
  )
  return _compiled(program, flops, time.perf_counter() - began)


def _frames(
  weights: PyTree,
  source: fused_render.PortraitFeatures,
  windows: jax.Array,
  angles: jax.Array,
) -> jax.Array:
  """Frames [B, S, S, 3] uint8 of one portrait."""
  sources = jax.tree.map(
    lambda x: jnp.broadcast_to(x, (len(windows), *x.shape[1:])), source
  )
  return fused_render.render(weights, sources, windows, angles)


@functools.cache
def _weights(platform: str, dtype: str) -> PyTree:
  """Shapes of the renderer's weights in the forms of a platform."""
  networks = {n: zoo.noise(n, **f) for n, f in plan.FULL.networks.items()}
  mapping = fused_render.fold_mapping(networks.pop('mapping'))
  folded = fused_render.fold(networks, platform=platform, dtype=dtype)
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (folded, mapping)
  )


def _step(
  name: str,
  devices: Sequence[Any],
  batch: int,
  dtype: str,
  options: Mapping[str, Any] | None,
) -> Compiled:
  from sadtalker_jax.training import planning

  file, _, variant = name.partition(':')
  if file not in CONFIGS:
    raise errors.InputError(
      f'--program: expected render or a config ({", ".join(CONFIGS)}), perhaps '
      f'with a variant as in renderer:512, found {name}'
    )
  config = _checkout(f'configs.{file}').get_config(variant or None)
  config.batch_size, config.dtype = batch, dtype
  config.mesh.data, config.mesh.fsdp = 1, len(devices)
  began = time.perf_counter()
  found = planning.forecast(config, _examples, devices=devices, options=options)
  return _compiled(
    found.program, found.costs.flops, time.perf_counter() - began
  )


def _checkout(module: str) -> Any:
  try:
    return steps.checkout(module)
  except record.Skipped as error:
    raise errors.InputError(f'--program: a training step {error}') from error


def _examples(typed: Any) -> Mapping[str, jax.ShapeDtypeStruct]:
  """Shapes of one example."""
  entries = _checkout('input_pipeline.stages').make(
    typed.stage, **typed.data.options
  )
  return {
    key: jax.ShapeDtypeStruct(entry.shape, jnp.dtype(entry.dtype))
    for key, entry in entries.entries().items()
  }


def _counted(device: Any) -> str:
  """Platform whose form of the convolutions counts."""
  return 'gpu' if device.platform in ('cuda', 'rocm') else device.platform


def _compiled(program: Any, flops: int, seconds: float) -> Compiled:
  memory = program.memory_analysis()
  return Compiled(
    program.as_text(),
    flops,
    memory.argument_size_in_bytes,
    memory.temp_size_in_bytes,
    seconds,
  )
