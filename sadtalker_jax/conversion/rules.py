"""The table engine: PyTorch state dicts to our variables, and back.

A table goes from our side: every parameter of a network has a module path such
as `audio_encoder/block_3/conv`, a rule names the module it has in the state
dict (`audio_encoder.3.conv_block.0`), and the leaf decides the rest:

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
from typing import Any, Literal

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.typing import Variables

StateDict = Mapping[str, np.ndarray]
Kind = Literal['plain', 'conv_transpose', 'raw']

_COUNTER = '.num_batches_tracked'  # absent from old files, means nothing here
_NAMES = {
  'bias': 'bias',
  'scale': 'weight',
  'negative_slope': 'weight',
  'mean': 'running_mean',
  'var': 'running_var',
  'u': 'weight_u',
  'v': 'weight_v',
}
_MAX_LISTED = 8  # faults of one kind that are spelled out


@dataclasses.dataclass(frozen=True)
class Rule:
  """Where the parameters of some modules lie in a state dict.

  Attributes:
    path: regular expression for the whole of one of our module paths, parts
      joined with '/'; for kind 'raw', of the path with its leaf.
    source: the module's name in the state dict, with groups as in `re.sub`.
    kind: 'conv_transpose' where kernels are [I, O, *K] and flipped, 'raw' where
      `source` is the tensor's whole name.
    flatten: (C, *N) if the inputs of this linear layer are a flattened map,
      which is C, *N there and *N, C here.
    axes: for kind 'raw', where each axis of the tensor is here, None for one of
      length 1 that is not; the axes are the same if empty.
  """

  path: str
  source: str
  kind: Kind = 'plain'
  flatten: tuple[int, ...] = ()
  axes: tuple[int | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class Ignored:
  """Tensors of a state dict that have no place here.

  Attributes:
    pattern: regular expression for the whole of a tensor's name.
    reason: why.
  """

  pattern: str
  reason: str


@dataclasses.dataclass(frozen=True)
class Table:
  """How one network's state dict becomes our variables; first rule wins."""

  rules: Sequence[Rule]
  ignored: Sequence[Ignored] = ()


@dataclasses.dataclass(frozen=True)
class _Place:
  """One of our arrays, and the tensor that it comes from."""

  path: tuple[str, ...]  # collection, modules, leaf
  shape: tuple[int, ...]
  source: str  # name of the tensor
  rule: Rule
  kernel: tuple[int, ...] = ()  # shape of the kernel beside a `v`

  @property
  def source_shape(self) -> tuple[int, ...]:
    leaf, shape = self.path[-1], self.shape
    if self.rule.axes:
      return tuple(1 if a is None else shape[a] for a in self.rule.axes)
    if self.rule.kind == 'raw' or leaf != 'kernel':
      return shape
    if self.rule.kind == 'conv_transpose':
      return (*shape[-2:], *shape[:-2])
    return (shape[-1], shape[-2], *shape[:-2])

  def from_torch(self, tensor: np.ndarray) -> np.ndarray:
    """The tensor in our layout."""
    leaf, rank = self.path[-1], tensor.ndim
    if self.rule.axes:
      here = [a for a in self.rule.axes if a is not None]
      kept = tensor.reshape([self.shape[a] for a in here])
      return kept.transpose(np.argsort(here))
    if self.rule.kind == 'raw':
      return tensor
    if leaf == 'v':
      *size, inputs, _ = self.kernel
      return np.moveaxis(tensor.reshape(inputs, *size), 0, -1).reshape(-1)
    if leaf != 'kernel':
      return tensor
    if self.rule.kind == 'conv_transpose':
      kernel = np.moveaxis(tensor, (0, 1), (-2, -1))  # [*K, I, O]
      return np.flip(kernel, tuple(range(rank - 2)))
    if self.rule.flatten:
      tensor = tensor.reshape(-1, *self.rule.flatten)  # [O, C, *N]
      return np.moveaxis(tensor, (0, 1), (-1, -2)).reshape(self.shape)
    return np.moveaxis(tensor, (0, 1), (-1, -2))

  def to_torch(self, array: np.ndarray) -> np.ndarray:
    """Undoes `from_torch`."""
    leaf, rank = self.path[-1], array.ndim
    if self.rule.axes:
      here = [a for a in self.rule.axes if a is not None]
      return array.transpose(here).reshape(self.source_shape)
    if self.rule.kind == 'raw':
      return array
    if leaf == 'v':
      *size, inputs, _ = self.kernel
      return np.moveaxis(array.reshape(*size, inputs), -1, 0).reshape(-1)
    if leaf != 'kernel':
      return array
    if self.rule.kind == 'conv_transpose':
      kernel = np.flip(array, tuple(range(rank - 2)))
      return np.moveaxis(kernel, (-2, -1), (0, 1))
    if self.rule.flatten:
      channels, *size = self.rule.flatten
      array = array.reshape(*size, channels, -1)
      return np.moveaxis(array, (-1, -2), (0, 1)).reshape(array.shape[-1], -1)
    return np.moveaxis(array, (-1, -2), (0, 1))


def convert(
  state: StateDict, table: Table, target: Variables, name: str
) -> Variables:
  """Variables of a network from its state dict.

  Args:
    state: tensors by name; a prefix of the whole network is already off.
    table: the network's rules.
    target: variables, or their shapes (`jax.eval_shape`).
    name: of the network, for messages.

  Returns:
    {'params': ..., 'batch_stats': ...} of numpy arrays, C-contiguous float32.

  Raises:
    InputError: tensors are missing, left over, or of another shape or type;
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
  """Names of the tensors that have no place here, with the reasons."""
  found = {key: _ignored(key, table) for key in state}
  return {key: reason for key, reason in found.items() if reason}


def _ignored(key: str, table: Table) -> str:
  if key.endswith(_COUNTER):
    return 'counts training steps'
  for row in table.ignored:
    if re.fullmatch(row.pattern, key):
      return row.reason
  return ''


def _places(table: Table, target: Variables) -> Iterator[_Place]:
  """Every array of the target with its source."""
  for path, leaf in _leaves(target):
    shape = tuple(leaf.shape)
    rule, source = _match(path, table)
    if rule.kind == 'raw':
      yield _Place(path, shape, source, rule)
      continue
    name, kernel = _NAMES.get(path[-1], ''), ()
    if path[-1] == 'kernel':
      beside = _get(target.get('batch_stats', {}), path[1:-1]) or {}
      name = 'weight_orig' if 'u' in beside else 'weight'
    elif path[-1] == 'v':
      kernel = _get(target, ('params', *path[1:-1], 'kernel')).shape
    elif not name:
      raise ValueError(f'{"/".join(path)}: needs a rule of kind raw')
    yield _Place(path, shape, f'{source}.{name}', rule, tuple(kernel))


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
