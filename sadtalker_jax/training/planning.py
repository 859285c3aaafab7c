"""What a run would cost, before anything is allocated or written.

Shapes alone are traced and compiled, for the devices at hand or for a
description of others (`jax.experimental.topologies`). Neither records nor
weights are needed.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import json
import math
import pathlib
from typing import Any

import jax
import ml_collections

from sadtalker_jax.checkpoints import cards
from sadtalker_jax.checkpoints import manager as manager_lib
from sadtalker_jax.models import zoo
from sadtalker_jax.training import (
  costs,
  initial_state,
  networks,
  runs,
  sharding,
  stages,
)
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PyTree

Shapes = Mapping[str, jax.ShapeDtypeStruct]


@dataclasses.dataclass(frozen=True)
class Forecast:
  """Of a run.

  Attributes:
    name: of the stage.
    mesh: devices along each axis.
    state: shapes with shardings.
    costs: of a step.
  """

  name: str
  mesh: Mapping[str, int]
  state: stage_lib.State
  costs: costs.Costs

  def text(self) -> str:
    """All of it, to read."""
    leaves = jax.tree.leaves(self.state.params)
    cut = [x for x in leaves if not x.sharding.is_fully_replicated]
    lines = [
      costs.overview(self.state.params),
      f'{self.name} on a mesh of '
      + ' x '.join(f'{axis} {size}' for axis, size in self.mesh.items()),
      f'cut: {len(cut)} of {len(leaves)} arrays of parameters, '
      f'{_size(cut) / max(_size(leaves), 1):.1%} of their numbers',
      *self.costs.lines(),
    ]
    if self.costs.kind == 'cpu':
      lines.append(
        "temporaries are those of XLA's compiler for CPU, which computes "
        'bfloat16 in float32; other devices need more or less'
      )
    return '\n'.join(lines)


def forecast(
  config: ml_collections.ConfigDict,
  examples: Shapes,
  *,
  devices: Sequence[Any] | None = None,
  options: Mapping[str, Any] | None = None,
) -> Forecast:
  """Compiles the training step of a config for shapes.

  Args:
    config: see `configs/common.py`. Its bundle is looked at for the sizes of
      networks, if there is one; a Basel face model that is not named has zeros
      of the released size.
    examples: shape and type of one example of each array of a batch.
    devices: to plan for; all of this run's by default.
    options: of the compiler.

  Raises:
    InputError: the config does not fit the mesh, or has unknown words.
  """
  plain: dict[str, Any] = json.loads(config.to_json_best_effort())
  plain = runs.scheduled(plain, 1)
  mesh = sharding.make_mesh(plain['mesh'], devices)
  sharding.check_batch(plain['batch_size'], plain['accumulate'], mesh)
  module = stages.get(plain['stage'])
  face = plain.get('morphable')
  if face is not None and face['kind'] == 'bfm' and not face['path']:
    face['kind'] = 'zeros'
  frozen = _experts(plain, module.needs(plain))
  recipe = module.recipe(plain, frozen, runs.NO_STATISTICS)
  stage = stage_lib.build(recipe, plain, mesh)
  shapes = jax.eval_shape(stage.init, jax.random.key(0))
  shardings = sharding.of_state(shapes, mesh, plain['overrides'])
  state = manager_lib.abstract(shapes, shardings)
  rows = sharding.of_batch(mesh)
  batch = {
    name: jax.ShapeDtypeStruct(
      (plain['batch_size'], *x.shape), x.dtype, sharding=rows
    )
    for name, x in examples.items()
  }
  whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  _, found = costs.compiled(
    costs.jitted(stage, shardings, whole),
    state,
    batch,
    _placed(dict(stage.frozen), whole),
    dtype=plain['dtype'],
    plain=runs.without_remat(recipe, plain),
    options=options or initial_state.once(mesh),
  )
  return Forecast(stage.name, dict(mesh.shape), state, found)


def _experts(
  config: Mapping[str, Any], names: Sequence[str]
) -> dict[str, networks.Frozen]:
  """Shapes of frozen networks, as the bundle or else the config has them."""
  held: Mapping[str, Any] = {}
  if config['bundle']:
    held = cards.read(pathlib.Path(config['bundle'])).networks
  found = {}
  for name in names:
    fields = config['model'].get(name, {})
    if name in held:
      fields = held[name].config
    found[name] = networks.Frozen(zoo.shapes(name, **fields), fields)
  return found


def _placed(tree: PyTree, where: jax.sharding.Sharding) -> PyTree:
  """Shapes of arrays, with a sharding."""
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where), tree
  )


def _size(leaves: Sequence[Any]) -> int:
  return sum(math.prod(x.shape) for x in leaves)
