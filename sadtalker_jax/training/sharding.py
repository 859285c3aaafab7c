"""Where arrays lie on a mesh of devices.

The axes are 'data' (the batch is cut), 'fsdp' (the batch is cut, and
parameters, their averages and optimiser states too) and 'model' (only what an
override says). Everything is computed under one `jit` with a global view, so
statistics of batch norm are those of the global batch, and the losses of a
batch do not depend on the mesh.
"""

from collections.abc import Mapping, Sequence
import math
import re
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.typing import PyTree

AXES = ('data', 'fsdp', 'model')
# Smaller arrays are kept whole: to gather them costs more than it saves.
MIN_SIZE = 2**14
# Numbers of one array that convolutions on GPUs can address.
MOST_NUMBERS = 2**31 - 1

# (pattern of a parameter's path, mesh axis or None for each of its dimensions)
Override = tuple[str, Sequence[str | None]]


def make_mesh(
  shape: Mapping[str, int], devices: Sequence[Any] | None = None
) -> Mesh:
  """A mesh over all devices.

  Args:
    shape: Devices along each axis of `AXES`, 1 where not named; one may be -1
      for those that are left.
    devices: Devices to use; all there are, on all hosts, by default.

  Raises:
    InputError: An axis is unknown, or the numbers do not fit the devices.
  """
  unknown = sorted(set(shape) - set(AXES))
  if unknown:
    raise errors.InputError(
      f'mesh: expected axes out of {", ".join(AXES)}, found {unknown}'
    )
  count = len(devices) if devices is not None else jax.device_count()
  sizes = [shape.get(axis, 1) for axis in AXES]
  known = math.prod(s for s in sizes if s != -1)
  if sizes.count(-1) == 1 and known > 0 and count % known == 0:
    sizes = [count // known if s == -1 else s for s in sizes]
  if math.prod(sizes) != count or min(sizes) < 1:
    raise errors.InputError(
      f'mesh: expected axes that multiply to {count} devices, found '
      + ' x '.join(f'{axis} {s}' for axis, s in zip(AXES, sizes, strict=True))
    )
  return jax.make_mesh(
    tuple(sizes), AXES, devices=devices, axis_types=(AxisType.Auto,) * len(AXES)
  )


def of_batch(mesh: Mesh) -> NamedSharding:
  """Sharding of arrays [B, ...]: the batch is cut over 'data' and 'fsdp'."""
  return NamedSharding(mesh, PartitionSpec(('data', 'fsdp')))


def check_batch(size: int, accumulate: int, mesh: Mesh) -> None:
  """Raises if a batch cannot be cut.

  Args:
    size: B of the global batch.
    accumulate: Parts of a batch that are computed one after the other.
    mesh: Mesh that every part is laid over.

  Raises:
    InputError: It does not divide.
  """
  parts = mesh.shape['data'] * mesh.shape['fsdp'] * accumulate
  if size < 1 or size % parts:
    raise errors.InputError(
      f'batch_size: expected a multiple of data x fsdp x accumulate = {parts}, '
      f'found {size}'
    )


def check_maps(largest: int, batch: PyTree) -> None:
  """Raises if a device's part of a map is too large for cuDNN.

  Args:
    largest: Numbers of the largest map, of all devices.
    batch: Arrays or shapes with shardings.

  Raises:
    InputError: It is.
  """
  rows = jax.tree.leaves(batch)[0]
  own = rows.sharding.shard_shape(tuple(rows.shape))[0]
  devices = max(rows.shape[0] // max(own, 1), 1)
  if largest // devices > MOST_NUMBERS:
    raise errors.InputError(
      f'batch_size: expected maps of less than 2^31 numbers on a GPU, found '
      f'{largest // devices}; make accumulate or mesh.data '
      f'{math.ceil(largest / devices / MOST_NUMBERS)} times as large'
    )


def of_state(
  state: PyTree, mesh: Mesh, overrides: Sequence[Override] = ()
) -> PyTree:
  """Shardings of a training state, or of anything made like parameters.

  An array of `MIN_SIZE` or more numbers is cut over 'fsdp' along its largest
  dimension that divides; the last one of those, which is the output channels.

  Args:
    state: State of arrays or `jax.ShapeDtypeStruct`.
    mesh: Mesh to lay it over.
    overrides: The first whose pattern is found in the path of an array decides
      instead. The path is like `params/generator/generator/decoder/kernel`;
      optimiser states repeat the path of the parameter.

  Raises:
    InputError: An override does not fit an array that it names, or names none.
  """
  used = set()

  def one(path: Any, leaf: Any) -> NamedSharding:
    name = path_name(path)
    number = _override(name, overrides)
    if number is None:
      return NamedSharding(mesh, _default(leaf, mesh))
    used.add(number)
    pattern, axes = overrides[number]
    _check_override(name, leaf, pattern, axes, mesh)
    return NamedSharding(mesh, PartitionSpec(*axes))

  shardings = jax.tree_util.tree_map_with_path(one, state)
  idle = [p for i, (p, _) in enumerate(overrides) if i not in used]
  if idle:
    raise errors.InputError(
      f'overrides: expected patterns that name a parameter, found {idle}'
    )
  return shardings


def gathered(
  params: PyTree, mesh: Mesh, overrides: Sequence[Override] = ()
) -> PyTree:
  """Parameters as networks compute with them, under `jit`.

  What is cut over 'fsdp' is gathered. Left to itself XLA cuts the computation
  as the parameters are cut, and gathers activations, which are larger.

  Args:
    params: Parameters of a state, {group: {network: ...}}.
    mesh: Mesh, as for `of_state`.
    overrides: Changes, as for `of_state`.
  """
  if mesh.shape['fsdp'] == 1:
    return params

  def one(path: Any, leaf: jax.Array) -> jax.Array:
    number = _override(f'params/{path_name(path)}', overrides)
    axes = () if number is None else overrides[number][1]
    kept = PartitionSpec(*(None if axis == 'fsdp' else axis for axis in axes))
    return jax.lax.with_sharding_constraint(leaf, NamedSharding(mesh, kept))

  return jax.tree_util.tree_map_with_path(one, params)


def path_name(path: Sequence[Any]) -> str:
  """The path of a leaf, as `params/model/expnet/kernel`."""
  return jax.tree_util.keystr(tuple(path), simple=True, separator='/')


def bytes_per_device(shapes: PyTree, shardings: PyTree) -> int:
  """Memory that one device holds of a tree, bytes."""
  total = 0
  for leaf, sharding in zip(
    jax.tree.leaves(shapes), jax.tree.leaves(shardings), strict=True
  ):
    shard = sharding.shard_shape(tuple(leaf.shape))
    total += math.prod(shard) * np.dtype(leaf.dtype).itemsize
  return total


def _override(name: str, overrides: Sequence[Override]) -> int | None:
  """Place of the first whose pattern is found in the path of an array."""
  found = (i for i, (p, _) in enumerate(overrides) if re.search(p, name))
  return next(found, None)


def _default(leaf: Any, mesh: Mesh) -> PartitionSpec:
  parts = mesh.shape['fsdp']
  shape = tuple(leaf.shape)
  if parts == 1 or math.prod(shape) < MIN_SIZE:
    return PartitionSpec()
  fits = [i for i, size in enumerate(shape) if size % parts == 0]
  if not fits:
    return PartitionSpec()
  best = max(fits, key=lambda i: (shape[i], i))
  return PartitionSpec(
    *['fsdp' if i == best else None for i in range(len(shape))]
  )


def _check_override(
  name: str,
  leaf: Any,
  pattern: str,
  axes: Sequence[str | None],
  mesh: Mesh,
) -> None:
  wrong = len(axes) > len(leaf.shape) or any(
    axis is not None and (axis not in mesh.shape or size % mesh.shape[axis])
    for axis, size in zip(axes, leaf.shape, strict=False)
  )
  if wrong:
    raise errors.InputError(
      f'overrides {pattern!r}: {list(axes)} does not fit {name} of shape '
      f'{list(leaf.shape)} on {dict(mesh.shape)}'
    )


def abstract(state: PyTree, shardings: PyTree) -> PyTree:
  """Shapes with shardings, for `checkpoints.manager.Manager.restore`."""
  return jax.tree.map(
    lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
    state,
    shardings,
  )
