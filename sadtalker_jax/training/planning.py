"""What a run would cost, before anything is allocated or written.

Shapes alone are traced and compiled, for the devices at hand or for a
description of others (`jax.experimental.topologies`). Neither records nor
weights are needed.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import math
from typing import Any

import jax
import ml_collections

from sadtalker_jax.checkpoints import cards, download
from sadtalker_jax.models import zoo
from sadtalker_jax.training import (
  built_stage,
  costs,
  initial_state,
  networks,
  runs,
  sharding,
  stages,
)
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PyTree

Shapes = Mapping[str, jax.ShapeDtypeStruct]


@dataclasses.dataclass(frozen=True)
class Forecast:
  """What a run would cost.

  Attributes:
    name: Name of the stage.
    mesh: Devices along each axis.
    state: Shapes of the state, with shardings.
    costs: Costs of a step.
    program: The compiled step.
  """

  name: str
  mesh: Mapping[str, int]
  state: stage_lib.State
  costs: costs.Costs
  program: Any

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
  examples: Callable[[config_lib.TrainConfig], Shapes],
  *,
  devices: Sequence[Any] | None = None,
  options: Mapping[str, Any] | None = None,
) -> Forecast:
  """Compiles the training step of a config for shapes.

  Args:
    config: Config of `configs/`. The sizes of networks are those of its
      bundle, if there is one; a Basel face model without a path has zeros of
      the released size.
    examples: Config to shape and type of one example of each array of a batch.
    devices: Devices to plan for; all of this run's by default.
    options: Options of the compiler.

  Raises:
    InputError: The config does not fit the mesh, or has unknown words.
  """
  typed = _without_files(stages.read(config).scheduled(1))
  mesh = sharding.make_mesh(dataclasses.asdict(typed.mesh), devices)
  sharding.check_batch(typed.batch_size, typed.accumulate, mesh)
  kind = stages.get(typed.stage)
  frozen = _experts(typed, kind.needs(typed))
  stage = kind(typed, frozen, runs.NO_STATISTICS)
  built = built_stage.build(stage, mesh)
  shapes = jax.eval_shape(built.init, jax.random.key(0))
  shardings = sharding.of_state(shapes, mesh, typed.overrides)
  state = sharding.abstract(shapes, shardings)
  rows = sharding.of_batch(mesh)
  batch = {
    name: jax.ShapeDtypeStruct(
      (typed.batch_size, *x.shape), x.dtype, sharding=rows
    )
    for name, x in examples(typed).items()
  }
  whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  program, found = costs.compiled(
    costs.jitted(built, shardings, whole),
    state,
    batch,
    _placed(dict(built.frozen), whole),
    dtype=typed.dtype,
    plain=runs.without_remat(stage),
    options=options or initial_state.once(mesh),
  )
  return Forecast(built.name, dict(mesh.shape), state, found, program)


def _without_files(config: config_lib.TrainConfig) -> config_lib.TrainConfig:
  """The config with zeros for a face model that is not at hand."""
  face = config.morphable
  if face is None or face.kind != 'bfm' or face.path:
    return config
  zeros = dataclasses.replace(face, kind='zeros')
  return dataclasses.replace(config, morphable=zeros)


def _experts(
  config: config_lib.TrainConfig, names: Sequence[str]
) -> dict[str, networks.Frozen]:
  """Shapes of frozen networks, as the bundle or else the config has them."""
  held: Mapping[str, cards.NetworkEntry] = {}
  if config.bundle:
    held = cards.read(download.folder(config.bundle)).networks
  found = {}
  for name in names:
    fields = config.frozen_fields(name)
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
