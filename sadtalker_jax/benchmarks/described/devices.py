"""Devices by description, for a compiler that need not see them.

GPUs are described by the figures that XLA asks of a driver: those of NVIDIA's
data sheets and of the tuning guides of each generation. TPUs are known to
libtpu by name.
"""

from collections.abc import Mapping, MutableMapping
import dataclasses
import importlib.util
from typing import Any

from sadtalker_jax import errors


@dataclasses.dataclass(frozen=True)
class Device:
  """A kind of device.

  Attributes:
    kind: Its name, as jax would call it.
    platform: 'cuda' or 'tpu'.
    bandwidth: Bytes per second of its memory.
    topology: Name of an arrangement of such devices; of a GPU's any.
    target: What XLA asks of a GPU's driver, in its text format.
  """

  kind: str
  platform: str
  bandwidth: float
  topology: str
  target: str = ''


# Modules that compile for a platform, and the extra that installs them.
_PLUGINS = {
  'cuda': (('jax_cuda13_plugin', 'jax_cuda12_plugin'), 'cuda13'),
  'tpu': (('libtpu',), 'tpu'),
}
_TARGET = """gpu_device_info {{
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: {shared}
  threads_per_core_limit: 2048
  core_count: {cores}
  fpus_per_core: {units}
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: {bandwidth:.0f}
  l2_cache_size: {cache}
  clock_rate_ghz: {clock}
  device_memory_size: {memory}
  shared_memory_per_block_optin: {block}
  cuda_compute_capability {{ major: {major} feature_extension: {features} }}
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  thread_dim_limit_x: 1024
  thread_dim_limit_y: 1024
  thread_dim_limit_z: 64
  driver_version: "13.0.0"
  runtime_version: "13.0.0"
  compile_time_toolkit_version: "13.0.0"
  dnn_version: "9.10.0"
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 10 patch: 0 }}
device_description_str: "{kind}"
"""
_HOPPER = {
  'shared': 233472,
  'cores': 132,
  'units': 128,
  'cache': 52428800,
  'clock': 1.98,
  'block': 232448,
  'major': 9,
  'features': 'ACCELERATED_FEATURES',
}
_AMPERE = {
  'shared': 167936,
  'cores': 108,
  'units': 64,
  'cache': 41943040,
  'clock': 1.41,
  'block': 166912,
  'major': 8,
  'features': 'NONE',
}


def _gpu(
  kind: str, bandwidth: float, memory: int, generation: Mapping[str, Any]
) -> Device:
  target = _TARGET.format(
    kind=kind, bandwidth=bandwidth, memory=memory, **generation
  )
  return Device(kind, 'cuda', bandwidth, 'one', target)


DEVICES = {
  'h200': _gpu('NVIDIA H200', 4.8e12, 151397597184, _HOPPER),
  'h100': _gpu('NVIDIA H100 80GB HBM3', 3.35232e12, 84942979072, _HOPPER),
  'a100': _gpu('NVIDIA A100-SXM4-80GB', 2.03904e12, 85100068864, _AMPERE),
  # The smallest arrangement that libtpu describes has four chips.
  'v5e': Device('TPU v5 lite', 'tpu', 8.19e11, 'v5e:2x2'),
}


def look_away(environment: MutableMapping[str, str]) -> None:
  """Keeps jax and libtpu from looking for devices of this machine.

  Nor is anything taken from the cache of compiled programs, which keeps no
  text.

  Args:
    environment: Environment of this process, before jax is imported.
  """
  environment['JAX_ENABLE_COMPILATION_CACHE'] = 'false'
  for name, value in (
    ('JAX_PLATFORMS', 'cpu'),
    ('JAX_SKIP_CUDA_CONSTRAINTS_CHECK', '1'),  # the plugin wants a driver
    ('TPU_SKIP_MDS_QUERY', '1'),
    ('TPU_ACCELERATOR_TYPE', 'v5litepod-4'),
    ('TPU_WORKER_HOSTNAMES', 'localhost'),
    ('ALLOW_MULTIPLE_LIBTPU_LOAD', '1'),  # nothing here holds a TPU
  ):
    environment.setdefault(name, value)


def find(name: str, count: int = 1) -> list[Any]:
  """Devices to compile for.

  Args:
    name: Key of `DEVICES`.
    count: Number of devices, of one host.

  Raises:
    InputError: The compiler for it is not installed, or refuses it, or knows
      no so many.
  """
  device = DEVICES[name]
  modules, extra = _PLUGINS[device.platform]
  if all(importlib.util.find_spec(module) is None for module in modules):
    raise errors.InputError(
      f'--device {name}: expected the package {modules[0]}, which compiles for '
      f"it, found none: pip install 'sadtalker-jax[{extra}]'"
    )
  import jax  # here, for flags need the names of the devices only
  from jax.experimental import topologies

  options = {}
  if device.target:
    options = {'target_config': device.target, 'topology': f'1x1x{count}'}
  try:
    found = topologies.get_topology_desc(
      device.topology, platform=device.platform, **options
    )
  except (RuntimeError, NotImplementedError, ValueError) as error:
    reason = (str(error).splitlines() or ['no reason'])[0]
    raise errors.InputError(
      f'--device {name}: expected a compiler for it, found one that says: '
      f'{reason} (jax {jax.__version__})'
    ) from error
  if count > len(found.devices):
    raise errors.InputError(
      f'--devices: expected at most {len(found.devices)} of {name}, found '
      f'{count}'
    )
  return list(found.devices[:count])
