"""Training steps: right at the size of the trials, quick at full size.

States are noise by numpy, batches random numbers by numpy, so nothing is
initialised or read. Configs and examples are those of a checkout: without one,
or without the packages of the extra `train`, items say so.
"""

import dataclasses
import importlib
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.benchmarks.accelerator import plan, record
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import PyTree

# Relative errors with the highest precision: sums in another order; those of
# gradients cancel more.
_LOSS, _NORM = 2e-3, 2e-2
_STATISTICS = {
  'mean': [0.0] * 70,
  'std': [1.0] * 70,
  'pose_delta_mean': [0.0] * 6,
  'pose_delta_std': [0.1] * 6,
}


@dataclasses.dataclass(frozen=True)
class _Ready:
  """A stage with all that a step takes."""

  stage: Any
  config: Any
  mesh: jax.sharding.Mesh
  state: PyTree
  batch: dict[str, np.ndarray]
  shardings: PyTree


def golden(scale: plan.Scale) -> dict[str, np.ndarray]:
  """Terms and norms of gradients of one step on a CPU, by stage."""
  found = {}
  for name, config in scale.stages.items():
    for key, value in _terms(config, quick=True).items():
      found[f'{name}.{key}'] = np.asarray(value, np.float64)
  return found


def once(kept: record.Record, scale: plan.Scale) -> None:
  """Terms and norms of one step of every stage, against a CPU's."""
  for name, config in scale.stages.items():
    began = time.perf_counter()
    terms = _terms(config, quick=jax.devices()[0].platform == 'cpu')
    kept.put(**{f'{name}_seconds': time.perf_counter() - began})
    bad = sum(not np.isfinite(v) for v in terms.values())
    kept.check(f'{name}: terms that are no numbers', bad, 0)
    for key, value in terms.items():
      if not key.startswith(('total/', 'gradient_norm/')):
        continue  # figures that may jump, such as shares of right answers
      expected = kept.golden(f'steps.{name}.{key}')
      if expected is None:
        continue
      limit = _NORM if key.startswith('gradient_norm/') else _LOSS
      error = abs(value - float(expected)) / max(abs(float(expected)), 1e-3)
      kept.check(f'{name}: {key}', error, limit)


def renderer(kept: record.Record, scale: plan.Scale) -> None:
  """Speed and memory of the renderer's step."""
  _speed(kept, scale, scale.trained['renderer'])


def mapping(kept: record.Record, scale: plan.Scale) -> None:
  """Speed and memory of the mapping network's step."""
  _speed(kept, scale, scale.trained['mapping'])


def _terms(config: str, *, quick: bool) -> dict[str, float]:
  """Terms of the first step of a config, with the highest precision."""
  from sadtalker_jax.training import initial_state

  ready = _ready(config, batch=8)
  with jax.default_matmul_precision('highest'):
    step = jax.jit(
      ready.stage.train_step,
      compiler_options=initial_state.once(ready.mesh) if quick else None,
    )
    _, terms = step(ready.state, ready.batch, ready.stage.frozen)
  return {name: float(value) for name, value in terms.items()}


def _speed(kept: record.Record, scale: plan.Scale, config: str) -> None:
  """Steps per second, share of the peak, memory."""
  from sadtalker_jax.training import costs

  ready = _ready(config, batch=scale.train_batch)
  kept.put(config=config, batch=ready.config.batch_size)
  whole = jax.sharding.NamedSharding(ready.mesh, jax.sharding.PartitionSpec())
  rows = jax.device_put(ready.batch, whole)
  frozen = jax.device_put(dict(ready.stage.frozen), whole)
  began = time.perf_counter()
  program, found = costs.compiled(
    costs.jitted(ready.stage, ready.shardings, whole),
    ready.state,
    rows,
    frozen,
    dtype=ready.config.dtype,
  )
  kept.put(compile_seconds=time.perf_counter() - began)
  kept.put(tflop_a_step=found.model_flops / 1e12)
  if found.memory is not None:
    kept.put(temporary_bytes=found.memory.temporaries)
  state, terms, times = ready.state, {}, []
  for _ in range(scale.repeats + 1):
    began = time.perf_counter()
    state, terms = jax.block_until_ready(program(state, rows, frozen))
    times.append(time.perf_counter() - began)
  rate = 1 / statistics.median(times[1:])
  memory = jax.devices()[0].memory_stats() or {}
  kept.put(
    steps_per_second=rate,
    examples_per_second=rate * ready.config.batch_size,
    peak_bytes=memory.get('peak_bytes_in_use'),
    **found.utilisation(rate),
  )
  bad = sum(not np.isfinite(v) for v in terms.values())
  kept.check('terms that are no numbers', bad, 0)


def _ready(name: str, *, batch: int) -> _Ready:
  """The stage of a config, its state and a batch.

  Args:
    name: Config file and variant, as `renderer:test`.
    batch: Examples of a batch; 0 for the config's.
  """
  from sadtalker_jax.training import built_stage, sharding, stages

  file, variant = name.split(':')
  plain = checkout(f'configs.{file}').get_config(variant)
  if batch:
    plain.batch_size = batch
  typed = stages.read(plain).scheduled(1000)
  kind = stages.get(typed.stage)
  frozen = _experts(typed, kind.needs(typed))
  mesh = sharding.make_mesh({'data': 1, 'fsdp': 1}, jax.devices()[:1])
  stage = built_stage.build(kind(typed, frozen, _STATISTICS), mesh)
  shapes = jax.eval_shape(stage.init, jax.random.key(0))
  shardings = sharding.of_state(shapes, mesh)
  entries = checkout('input_pipeline.stages').make(
    typed.stage, **typed.data.options
  )
  rng = np.random.default_rng(0)
  rows = {
    key: _drawn(entry, typed.batch_size, rng)
    for key, entry in sorted(entries.entries().items())
  }
  state = _noise(stage, shapes, shardings)
  return _Ready(stage, typed, mesh, state, rows, shardings)


def checkout(module: str) -> Any:
  """A module of the checkout; it is beside the package, or the folder.

  Args:
    module: Name of the module, `configs.` or `input_pipeline.` something.

  Raises:
    Skipped: There is no checkout.
  """
  try:
    return importlib.import_module(module)
  except ModuleNotFoundError as error:
    if (error.name or '').split('.')[0] not in ('configs', 'input_pipeline'):
      raise
    raise record.Skipped(
      'needs a checkout: run it in the folder of configs and input_pipeline'
    ) from error


def _experts(typed: Any, names: Any) -> dict[str, Any]:
  """Frozen networks of noise."""
  from sadtalker_jax.training import networks

  found = {}
  for name in names:
    fields = typed.frozen_fields(name)
    found[name] = networks.Frozen(zoo.noise(name, **fields), fields)
  return found


def _drawn(entry: Any, batch: int, rng: np.random.Generator) -> np.ndarray:
  """Uniform numbers of an entry's shape, type and range."""
  shape = (batch, *entry.shape)
  if np.issubdtype(entry.dtype, np.integer):
    whole = rng.integers(int(entry.low), int(entry.high) + 1, shape)
    return whole.astype(entry.dtype)
  return rng.uniform(entry.low, entry.high, shape).astype(entry.dtype)


def _noise(stage: Any, shapes: PyTree, shardings: PyTree) -> PyTree:
  """A state before the first step whose networks are noise."""
  from sadtalker_jax.training import initial_state

  zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
  warm = {n: zoo.noise(n, **t.config) for n, t in stage.trained.items()}
  return initial_state.warmed(zeros, shardings, warm)
