"""What a training step costs: operations, memory, share of the peak.

Operations are those of matrix products and convolutions, a multiply-add counted
as two, as is usual for the utilisation of a model's FLOP (Chowdhery et al.
2022, PaLM, appendix B). They are counted in the trace, where the length of
loops is known, over all devices. Memory is what the compiler of the devices
plans for one of them; bytes.
"""

from collections.abc import Callable, Mapping
import dataclasses
import math
from typing import Any

import jax
import numpy as np

from sadtalker_jax.ops import products
from sadtalker_jax.training import sharding
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PyTree

GIB = 2**30

# FLOP/s of one device without sparsity, by what its `device_kind` begins with
# (the first that fits) and the type of computation. For float32 that of the
# units which XLA's default precision uses: TF32 on NVIDIA's, bfloat16 on
# Google's. Sources: NVIDIA's data sheets of A100 (2021), H100 and H200 (2024;
# theirs are with sparsity, twice as much), L4 and L40S (2023); Google's are
# those of jax/_src/pallas/mosaic/tpu_info.py.
_PEAKS: Mapping[str, tuple[float, float]] = {
  # bfloat16, float32
  'NVIDIA A100': (312e12, 156e12),
  'NVIDIA H100 PCIe': (756e12, 378e12),
  'NVIDIA H100': (989e12, 494e12),
  'NVIDIA H200': (989e12, 494e12),
  'NVIDIA L40S': (362e12, 183e12),
  'NVIDIA L4': (121e12, 60e12),
  'TPU v4 lite': (137e12, 137e12),
  'TPU v4': (275e12, 275e12),
  'TPU v5 lite': (197e12, 197e12),
  'TPU v5e': (197e12, 197e12),
  'TPU v5': (459e12, 459e12),
  'TPU v6': (918e12, 918e12),
}


@dataclasses.dataclass(frozen=True)
class Memory:
  """What a compiler plans for one device, bytes."""

  arguments: int  # state, batch and frozen networks
  outputs: int
  aliased: int  # outputs that take the place of arguments
  temporaries: int  # activations, gradients, what is gathered

  @property
  def total(self) -> int:
    """All that is held at once."""
    return self.arguments + self.outputs - self.aliased + self.temporaries


@dataclasses.dataclass(frozen=True, kw_only=True)
class Costs:
  """What one training step costs.

  Attributes:
    flops: FLOP of all devices, with what `remat` computes again.
    model_flops: FLOP of all devices, without it.
    devices: Number of devices.
    kind: Kind of the devices.
    state: Bytes that one device holds of weights, statistics, optimisers,
      averages.
    batch: Bytes that one device holds of a batch.
    frozen: Bytes that one device holds of what is not trained.
    memory: The compiler's plan; None where it has none.
    peak: FLOP/s of one device; None where not known.
  """

  flops: int
  model_flops: int
  devices: int
  kind: str
  state: int
  batch: int
  frozen: int
  memory: Memory | None
  peak: float | None

  def utilisation(self, steps_per_second: float) -> dict[str, float]:
    """`mfu`, the share of the devices' peak; nothing if that is not known."""
    if self.peak is None:
      return {}
    speed = self.model_flops * steps_per_second
    return {'mfu': speed / (self.devices * self.peak)}

  def scalars(self) -> dict[str, float]:
    """Figures for a run's metrics, once."""
    found = {
      'cost/flops_per_step': float(self.flops),
      'cost/model_flops_per_step': float(self.model_flops),
      'cost/state_gib': self.state / GIB,
      'cost/batch_gib': self.batch / GIB,
      'cost/frozen_gib': self.frozen / GIB,
    }
    if self.memory is not None:
      found['cost/temporary_gib'] = self.memory.temporaries / GIB
      found['cost/device_gib'] = self.memory.total / GIB
    return found

  def lines(self) -> list[str]:
    """A table to read."""
    again = self.flops - self.model_flops
    found = [
      f'a step: {self.flops / 1e12:.4g} TFLOP on {self.devices} x {self.kind}'
      + (f', of which {again / 1e12:.4g} computed again' if again else ''),
      f'peak of a device: {self.peak / 1e12:.4g} TFLOP/s'
      if self.peak
      else 'peak of a device: not known',
      'memory of a device, GiB: '
      f'state {self.state / GIB:.3f}, batch {self.batch / GIB:.3f}, '
      f'frozen {self.frozen / GIB:.3f}',
    ]
    if self.memory is not None:
      found[-1] += (
        f', temporaries {self.memory.temporaries / GIB:.3f}; '
        f'in all {self.memory.total / GIB:.3f}'
      )
    return found


def jitted(
  stage: stage_lib.StageFunctions,
  shardings: PyTree,
  whole: jax.sharding.Sharding,
) -> Any:
  """The training step of a stage, not yet compiled.

  Args:
    stage: Stage with the step.
    shardings: Shardings of its state, which is donated.
    whole: Sharding of the metrics.
  """
  return jax.jit(
    stage.train_step, donate_argnums=0, out_shardings=(shardings, whole)
  )


def compiled(
  step: Any,
  state: PyTree,
  batch: PyTree,
  frozen: PyTree,
  *,
  dtype: str,
  plain: Callable[..., Any] | None = None,
  options: Mapping[str, Any] | None = None,
) -> tuple[Any, Costs]:
  """A step, compiled, and what it costs.

  Args:
    step: Step, as `jitted` makes it.
    state: State of arrays, or of `jax.ShapeDtypeStruct` with shardings, as the
      rest.
    batch: Batch of the step.
    frozen: What is not trained.
    dtype: Type of computation.
    plain: The step without `remat`, if `step` has one.
    options: Options of the compiler.

  Raises:
    InputError: The batch is too large for the convolutions of a GPU.
  """
  device = jax.tree.leaves(state)[0].sharding.mesh.devices
  kind, platform = device.flat[0].device_kind, device.flat[0].platform
  platform = 'gpu' if platform in ('cuda', 'rocm') else platform
  trace = step.trace(state, batch, frozen)
  if platform == 'gpu':
    sharding.check_maps(products.largest_map(trace.jaxpr, platform), batch)
  flops = model = 2 * products.of_trace(trace.jaxpr, platform)
  if plain is not None:
    found = jax.make_jaxpr(plain)(state, batch, frozen)
    model = 2 * products.of_trace(found, platform)
  program = trace.lower().compile(
    compiler_options=dict(options) if options else None
  )
  return program, Costs(
    flops=flops,
    model_flops=model,
    devices=device.size,
    kind=kind,
    state=held(state),
    batch=held(batch),
    frozen=held(frozen),
    memory=_memory(program),
    peak=peak(kind, dtype),
  )


def overview(params: PyTree) -> str:
  """A table of parameters: name, shape, type, size and sharding."""
  from clu import parameter_overview  # planning alone needs it

  return parameter_overview.get_parameter_overview(
    params, include_stats='sharding', max_lines=None
  )


def held(tree: PyTree) -> int:
  """Bytes that one device holds of arrays, or of shapes with shardings."""
  total = 0
  for leaf in jax.tree.leaves(tree):
    shard = leaf.sharding.shard_shape(tuple(leaf.shape))
    total += math.prod(shard) * np.dtype(leaf.dtype).itemsize
  return total


def peak(kind: str, dtype: str) -> float | None:
  """FLOP/s of a kind of device without sparsity, None where not known."""
  for name, (half, single) in _PEAKS.items():
    if kind.startswith(name):
      return half if dtype == 'bfloat16' else single
  return None


def _memory(program: Any) -> Memory | None:
  """The compiler's plan; None from backends that give none."""
  found = program.memory_analysis()
  if found is None:
    return None
  return Memory(
    found.argument_size_in_bytes,
    found.output_size_in_bytes,
    found.alias_size_in_bytes,
    found.temp_size_in_bytes,
  )
