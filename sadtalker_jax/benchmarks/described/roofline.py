"""One line about a compiled program: kernels, bytes, layouts, a bound on speed.

The bound adds up, over the kernels, the longer of the time for their arithmetic
at the device's peak (data sheet, without sparsity) and that for their bytes at
the bandwidth of its memory. No run is quicker, unless a cache saves bytes.
"""

from collections.abc import Iterator, Sequence
import pathlib
from typing import Any

import jax

from sadtalker_jax.benchmarks import folders
from sadtalker_jax.benchmarks.described import devices, hlo, programs

GIB = 2**30


def run(
  device: str,
  names: Sequence[str],
  *,
  batches: Sequence[int],
  dtypes: Sequence[str],
  size: int,
  count: int = 1,
  keep: pathlib.Path | None = None,
) -> Iterator[dict[str, Any]]:
  """Lines of all programs, types and batches.

  Args:
    device: Key of `devices.DEVICES`.
    names: Programs, see `programs.build`.
    batches: Frames, or examples of a step.
    dtypes: Types of computation.
    size: Side of frames, pixels.
    count: Number of devices that a training step is cut for.
    keep: Folder for the texts of the compiled programs; None to keep none.

  Raises:
    InputError: Nothing here compiles for the device, there is no such program,
      or the folder cannot be made.
  """
  target = devices.find(device, count)
  if keep is not None:
    folders.make(keep, '--keep')
  for name in names:
    for dtype in dtypes:
      for batch in batches:
        built = programs.build(
          name, target, batch=batch, dtype=dtype, size=size
        )
        if keep is not None:
          file = f'{device}_{name}_{dtype}_{batch}.txt'.replace(':', '-')
          (keep / file).write_text(built.text)
        yield {
          'what': 'compile',
          'device': devices.DEVICES[device].kind,
          'jax': jax.__version__,
          'program': name,
          'dtype': dtype,
          'batch': batch,
          'devices': count,
          'run': False,
          **figures(built, devices.DEVICES[device], dtype, batch, count),
        }


def figures(
  built: programs.Compiled,
  device: devices.Device,
  dtype: str,
  batch: int,
  count: int = 1,
) -> dict[str, Any]:
  """What a compiled program shows.

  Args:
    built: The program.
    device: What it was compiled for.
    dtype: Type of computation, for the peak.
    batch: Frames or examples of all devices.
    count: Number of devices; kernels, memory and times are those of one.
  """
  from sadtalker_jax.training import costs

  peak = costs.peak(device.kind, dtype)
  assert peak  # of every described device
  found = hlo.kernels(built.text)
  arithmetic = memory = bound = 0.0
  for kernel in found:
    compute = kernel.times * kernel.flops / peak
    move = kernel.times * kernel.bytes / device.bandwidth
    arithmetic, memory = arithmetic + compute, memory + move
    bound += max(compute, move)
  convolutions = [c for k in found for c in k.convolutions]
  moves = [k for k in found if k.kind == 'move']
  sent = [k for k in found if k.kind == 'collective']
  total = count * sum(k.times * k.bytes for k in found)
  cycles = sum(k.times * k.cycles for k in found)
  return {
    'compile_seconds': round(built.seconds, 1),
    'kernels': sum(k.times for k in found),
    'gflop_each': built.flops / batch / 1e9,
    'gb_each': total / batch / 1e9,
    'arguments_gib': built.arguments / GIB,
    'temporaries_gib': built.temporaries / GIB,
    'convolutions': len(convolutions),
    'convolutions_of_rank_5': sum(c.rank == 5 for c in convolutions),
    'convolutions_channels_first': sum(
      not c.channels_last for c in convolutions
    ),
    'transposes_and_copies': sum(k.times for k in moves),
    'transposes_and_copies_gb_each': sum(k.times * k.bytes for k in moves)
    * count
    / batch
    / 1e9,
    **(_collectives(sent) if count > 1 else {}),
    'arithmetic_ms_each': 1e3 * arithmetic / batch,
    'memory_ms_each': 1e3 * memory / batch,
    'bound_ms_each': 1e3 * bound / batch,
    'bound_per_second': batch / bound,
    **({'cycles_each': cycles / batch} if cycles else {}),
  }


def _collectives(sent: Sequence[hlo.Kernel]) -> dict[str, Any]:
  """What goes between devices."""
  return {
    'collectives': sum(k.times for k in sent),
    'collectives_hidden': sum(k.times for k in sent if k.hidden),
    'collectives_gb': sum(k.times * k.bytes for k in sent) / 1e9,
  }
