"""Flags of XLA for training, by name; none is set unless asked for.

XLA reads them once, when the first device is looked for. A later flag wins, so
what the user has in `XLA_FLAGS` stands over a preset.
"""

from collections.abc import MutableMapping

from sadtalker_jax import errors

_VARIABLE = 'XLA_FLAGS'

# docs/guides/scaling.md says what each flag is for.
PRESETS: dict[str, tuple[str, ...]] = {
  'none': (),
  'gpu': (
    '--xla_gpu_enable_latency_hiding_scheduler=true',
    '--xla_gpu_enable_pipelined_all_gather=true',
    '--xla_gpu_enable_pipelined_all_reduce=true',
    '--xla_gpu_enable_pipelined_reduce_scatter=true',
    '--xla_gpu_all_gather_combine_threshold_bytes=134217728',
    '--xla_gpu_all_reduce_combine_threshold_bytes=134217728',
    '--xla_gpu_reduce_scatter_combine_threshold_bytes=134217728',
  ),
}


def apply(name: str, environment: MutableMapping[str, str]) -> None:
  """Puts the flags of a preset before those that are set already.

  Args:
    name: Name of the preset.
    environment: Environment of this process, before jax looks for devices.

  Raises:
    InputError: There is no such preset.
  """
  if name not in PRESETS:
    raise errors.InputError(
      f'--xla_preset: expected one of {" ".join(PRESETS)}, found {name!r}'
    )
  flags = [*PRESETS[name], environment.get(_VARIABLE, '')]
  if joined := ' '.join(flag for flag in flags if flag):
    environment[_VARIABLE] = joined
