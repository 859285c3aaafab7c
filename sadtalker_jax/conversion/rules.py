"""The table engine: PyTorch state dicts to our variables, and back.

A table is written from our side: every parameter of a network has a module path
such as `audio_encoder/block_3/conv`, a rule names the module it has in the
state dict (`audio_encoder.3.conv_block.0`), and the leaf decides the rest:

| ours | theirs | arrays |
|---|---|---|
| params .../kernel [*K, I, O] | weight [O, I, *K] | axes moved |
| params .../kernel [I, O] | weight [O, I] | axes moved |
| params .../kernel with u, v | weight_orig | axes moved |
| params .../bias | bias | as it is |
| params .../scale, negative_slope | weight | as it is |
| batch_stats .../mean, var | running_mean, running_var | as it is |
| batch_stats .../u [O], v [*K I] | weight_u, weight_v [I *K] | v reordered |
| any other leaf | the rule's name itself | as it is, or by the rule's `axes` |

A conversion is complete or it fails: every target is filled, every tensor of
the file is used or ignored for a stated reason, and all faults come in one
error.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import math
import re
from typing import Any

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.conversion import layouts
from sadtalker_jax.typing import Variables

StateDict = Mapping[str, np.ndarray]

_COUNTER = '.num_batches_tracked'  # absent from old files, and not needed
_NAMES = {
  'bias': 'bias',
  'scale': 'weight',
  'negative_slope': 'weight',
  'mean': 'running_mean',
  'var': 'running_var',
  'u': 'weight_u',
  'v': 'weight_v',
}
_MAX_LISTED = 8  # names of one kind that are listed


@dataclasses.dataclass(frozen=True)
class Rule:
  """Where the parameters of some modules lie in a state dict.

  Attributes:
    path: Regular expression for the whole of one of our module paths, parts
      joined with '/'; for kind 'raw', of the path with its leaf.
    source: The module's name in the state dict, with groups as in `re.sub`.
    kind: Layout: 'conv_transpose' where kernels are [I, O, *K] and flipped,
      'raw' where `source` is the tensor's whole name.
    flatten: Shape (C, *N) if the inputs of this linear layer are a flattened
      map, which is C, *N there and *N, C here.
    axes: Our axis for each axis of the tensor, for kind 'raw'; None for an axis
      of length 1 that we drop. The axes are the same if empty.
  """

  path: str
  source: str
  kind: layouts.Kind = 'plain'
  flatten: tuple[int, ...] = ()
  axes: tuple[int | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class Ignored:
  """Tensors of a state dict that have no place here.

  Attributes:
    pattern: Regular expression for the whole of a tensor's name.
    reason: Reason why it has none.
  """

  pattern: str
  reason: str


@dataclasses.dataclass(frozen=True)
class Table:
  """How one network's state dict becomes our variables; first rule wins."""

  rules: Sequence[Rule]
  ignored: Sequence[Ignored] = ()


def convert(
  state: StateDict, table: Table, target: Variables, name: str
) -> Variables:
  """Variables of a network from its state dict.

  Args:
    state: Tensors by name; a prefix of the whole network is already off.
    table: Rules of the network.
    target: Variables, or their shapes (`jax.eval_shape`).
    name: Name of the network, for messages.

  Returns:
    Variables {'params': ..., 'batch_stats': ...} of numpy arrays, C-contiguous
    float32.

  Raises:
    InputError: Tensors are missing, left over, or of another shape or type;
      all of them are named.
  """
  faults: list[str] = []
  used: set[str] = set()
  result: Variables = {}
  missing: list[str] = []
  for place in _places(table, target):
    if place.source not in state:
      missing.append(place.source)
      continue
    used.add(place.source)
    tensor = np.asarray(state[place.source])
    if tensor.shape != place.source_shape:
      faults.append(
        f'{place.source}: expected shape {list(place.source_shape)}, found '
        f'{list(tensor.shape)}'
      )
      continue
    if not np.issubdtype(tensor.dtype, np.floating):
      faults.append(f'{place.source}: expected numbers, found {tensor.dtype}')
      continue
    tensor = tensor.astype(np.float32)
    if not np.isfinite(tensor).all():
      faults.append(f'{place.source}: expected finite numbers, found others')
      continue
    _put(result, place.path, np.ascontiguousarray(place.from_torch(tensor)))
  extra = [k for k in state if k not in used and not _ignored(k, table)]
  faults += _listed('missing', missing) + _listed('not expected', extra)
  if faults:
    raise errors.InputError(
      f'{name}: not the weights of this network:\n  ' + '\n  '.join(faults)
    )
  return result


def export(variables: Variables, table: Table) -> dict[str, np.ndarray]:
  """The state dict that `convert` would turn into these variables.

  Tensors that `convert` ignores are not made.
  """
  return {
    place.source: np.ascontiguousarray(
      place.to_torch(np.asarray(_get(variables, place.path)))
    )
    for place in _places(table, variables)
  }


def ignored(state: StateDict, table: Table) -> dict[str, str]:
  """Names of tensors that have no place here, with the reasons."""
  found = {key: _ignored(key, table) for key in state}
  return {key: reason for key, reason in found.items() if reason}


def _ignored(key: str, table: Table) -> str:
  if key.endswith(_COUNTER):
    return 'counts training steps'
  for row in table.ignored:
    if re.fullmatch(row.pattern, key):
      return row.reason
  return ''


def _places(table: Table, target: Variables) -> Iterator[layouts.Place]:
  """Every array of the target with its source."""
  for path, leaf in _leaves(target):
    shape = tuple(leaf.shape)
    rule, source = _match(path, table)
    if rule.kind == 'raw':
      yield layouts.Place(path, shape, source, 'raw', axes=rule.axes)
      continue
    name, kernel = _NAMES.get(path[-1], ''), ()
    if path[-1] == 'kernel':
      beside = _get(target.get('batch_stats', {}), path[1:-1]) or {}
      name = 'weight_orig' if 'u' in beside else 'weight'
    elif path[-1] == 'v':
      kernel = _get(target, ('params', *path[1:-1], 'kernel')).shape
    elif not name:
      raise ValueError(f'{"/".join(path)}: needs a rule of kind raw')
    yield layouts.Place(
      path,
      shape,
      f'{source}.{name}',
      rule.kind,
      rule.flatten,
      rule.axes,
      tuple(kernel),
    )


def _match(path: tuple[str, ...], table: Table) -> tuple[Rule, str]:
  """The rule of an array, and the source that it names."""
  module, whole = '/'.join(path[1:-1]), '/'.join(path[1:])
  for rule in table.rules:
    found = re.fullmatch(rule.path, whole if rule.kind == 'raw' else module)
    if found:
      return rule, found.expand(rule.source)
  raise ValueError(f'{whole}: no rule of the table names its source')


def _leaves(
  tree: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
  if not isinstance(tree, Mapping):
    yield path, tree
    return
  for key, value in tree.items():
    yield from _leaves(value, (*path, key))


def _get(tree: Any, path: Sequence[str]) -> Any:
  for part in path:
    if part not in tree:
      return None
    tree = tree[part]
  return tree


def _put(tree: Variables, path: tuple[str, ...], value: np.ndarray) -> None:
  for part in path[:-1]:
    tree = tree.setdefault(part, {})
  tree[path[-1]] = value


def _listed(what: str, names: Sequence[str]) -> list[str]:
  if not names:
    return []
  shown = ', '.join(names[:_MAX_LISTED])
  more = len(names) - _MAX_LISTED
  return [
    f'{len(names)} {what}: {shown}' + (f' and {more} more' if more > 0 else '')
  ]


def count(variables: Variables) -> int:
  """Numbers in a network, statistics included."""
  return sum(math.prod(leaf.shape) for _, leaf in _leaves(variables))
