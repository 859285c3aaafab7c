"""The state that a run begins or goes on with, laid over a mesh."""

from collections.abc import Mapping, Sequence
import dataclasses
import time
from typing import Any

from absl import logging
import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors, jax_settings
from sadtalker_jax.checkpoints import manager as manager_lib
from sadtalker_jax.training import costs, sharding
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PyTree, Variables

# For what runs once, on CPU: a minute less for a program that takes no second.
_RUN_ONCE: dict[str, Any] = {
  'xla_backend_optimization_level': 0,
  'xla_llvm_disable_expensive_passes': True,
}


def begin(
  stage: stage_lib.StageFunctions,
  seed: int,
  manager: manager_lib.Manager,
  mesh: jax.sharding.Mesh,
  *,
  overrides: Sequence[sharding.Override] = (),
  warm: Mapping[str, Variables] | None = None,
) -> tuple[stage_lib.State, PyTree, dict[str, Any] | None]:
  """The newest whole checkpoint, or the state before the first step.

  Args:
    stage: Stage to train.
    seed: Random seed for a new state.
    manager: Manager of the checkpoints.
    mesh: Mesh to lay the state over.
    overrides: Changes of the default sharding.
    warm: Variables of networks that a new state starts from.

  Returns:
    The state, its shardings, and the place in the data (None: at the start).

  Raises:
    InputError: The checkpoint, or what to start from, is of other networks.
  """
  key = jax.random.key(seed)
  init = stage.init  # one object, or jax would trace the networks twice
  shapes = jax.eval_shape(init, key)
  shardings = sharding.of_state(shapes, mesh, overrides)
  logging.info(
    '%s: %.1f M parameters, %.2f GiB of state a device on %s',
    stage.name,
    sum(x.size for x in jax.tree.leaves(shapes.params)) / 1e6,
    sharding.bytes_per_device(shapes, shardings) / 2**30,
    dict(mesh.shape),
  )
  jax_settings.note_cudnn(mesh.devices.flat[0].platform)
  target = sharding.abstract(shapes, shardings)
  logging.info('parameters:\n%s', costs.overview(target.params))
  found = manager.restore_newest(target)
  if found is not None:
    state, place, step = found
    logging.info('goes on after step %d', step)
    return state, shardings, place
  start = time.perf_counter()
  state = jax.jit(init, out_shardings=shardings, compiler_options=once(mesh))(
    key
  )
  if warm:
    state = warmed(state, shardings, warm)
  logging.info('new parameters in %.0f s', time.perf_counter() - start)
  return state, shardings, None


def once(mesh: jax.sharding.Mesh) -> dict[str, Any] | None:
  """Options of the compiler for what runs once, if at all."""
  return _RUN_ONCE if mesh.devices.flat[0].platform == 'cpu' else None


def warmed(
  state: stage_lib.State, shardings: PyTree, warm: Mapping[str, Variables]
) -> stage_lib.State:
  """The state with given variables put in.

  Args:
    state: State of new parameters.
    shardings: Shardings of the state.
    warm: Variables of networks ('posevae') and of parts of networks
      ('posevae/audio_encoder').

  Raises:
    InputError: A network is not trained here, or has other shapes.
  """
  params = {group: dict(nets) for group, nets in state.params.items()}
  stats = dict(state.stats)
  for path, variables in warm.items():
    name, *part = path.split('/')
    group = next((g for g, nets in params.items() if name in nets), None)
    if group is None:
      raise errors.InputError(
        f'warm_start: expected networks that this stage trains '
        f'({sorted(n for nets in params.values() for n in nets)}), found {name}'
      )
    own = {'params': params[group][name], **stats.get(name, {})}
    now = of_part(own, part)
    if jax.tree.map(jnp.shape, now) != jax.tree.map(jnp.shape, variables):
      raise errors.InputError(
        f'warm_start: expected {path} of the shapes that the config gives, '
        'found others: the bundle is of another size or version'
      )
    moved = {k: _with_part(own[k], part, v) for k, v in variables.items()}
    params[group][name] = moved.pop('params')
    if moved:
      stats[name] = {**stats[name], **moved}
  ema = state.ema
  if ema is not None:
    ema = jax.tree.map(np.array, params)
  changed = dataclasses.replace(state, params=params, stats=stats, ema=ema)
  # Through numpy: arrays that share a buffer cannot be donated.
  return jax.tree.map(
    lambda x, s: jax.device_put(np.array(x), s),
    changed,
    shardings,
  )


def of_part(variables: Variables, part: Sequence[str]) -> Variables:
  """What is at a path of each collection; without those that have no such."""
  for key in part:
    variables = {k: tree[key] for k, tree in variables.items() if key in tree}
  return variables


def _with_part(tree: PyTree, part: Sequence[str], new: PyTree) -> PyTree:
  """Nested dicts with something else at a path."""
  if not part:
    return new
  key, *rest = part
  return {**tree, key: _with_part(tree[key], rest, new)}
