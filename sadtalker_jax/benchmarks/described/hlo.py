"""The kernels of a compiled program, read from its text (optimised HLO).

A kernel is an operation of the entry computation, or of a loop or call in it,
that does work: a fusion, a call of a library, a copy. Its bytes are its
operands and results; where a fusion reads but slices of an operand, those. A
cache may save some of them.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import math
import re

from sadtalker_jax.benchmarks.described import hlo_text

_LABELS = re.compile(r'dim_labels=(\w+)_(\w+)->(\w+)')
_FREE = {
  'after-all',
  'bitcast',
  'constant',
  'get-tuple-element',
  'opt-barrier',
  'parameter',
  'partition-id',
  'replica-id',
  'tuple',
}
_SLICES = {'slice', 'dynamic-slice', 'gather'}
_MOVES = {'copy', 'transpose'}
# Between devices; alone, or begun by '-start' and ended by '-done'.
_COLLECTIVES = (
  'all-gather',
  'all-reduce',
  'all-to-all',
  'collective-permute',
  'reduce-scatter',
)


@dataclasses.dataclass(frozen=True)
class Convolution:
  """Layout of a convolution.

  Attributes:
    rank: Number of axes of its input, with batch and channels.
    channels_last: Whether channels lie beside each other in memory.
  """

  rank: int
  channels_last: bool


@dataclasses.dataclass(frozen=True)
class Kernel:
  """Something that a device is told to do.

  Attributes:
    kind: 'convolution', 'product', 'move' (copies and transposes, alone or in
      a fusion), 'collective' (between devices), or 'other'.
    name: Name in the program.
    times: How often it runs.
    bytes: Operands and results of one run.
    flops: Of products and convolutions of one run; two a multiply-add.
    convolutions: Layouts of its convolutions.
    cycles: Of one run by the estimate of a TPU's compiler; 0 without one.
    hidden: Whether something is computed between its start and its end.
  """

  kind: str
  name: str
  times: int
  bytes: int
  flops: int
  convolutions: tuple[Convolution, ...]
  cycles: int
  hidden: bool = False


def kernels(text: str) -> list[Kernel]:
  """The kernels of a program.

  Args:
    text: Result of `as_text` of a compiled program.
  """
  bodies, entry = hlo_text.parsed(text)
  return list(_walk(bodies, entry, 1))


def _walk(
  bodies: Mapping[str, hlo_text.Body], name: str, times: int
) -> Iterator[Kernel]:
  """Kernels of a computation and of those that it runs."""
  body = bodies[name]
  for operation in body.values():
    code = operation.code
    if _is_free(code):
      continue
    if code in ('while', 'call', 'conditional'):
      turns = int(operation.word('n') or 1) if code == 'while' else 1
      for inner in _called(operation):
        yield from _walk(bodies, inner, times * turns)
    elif _is_collective(code):
      # The result of a start holds the operands, too.
      size = hlo_text.size(operation.shape)
      hidden = _is_hidden(operation, body)
      yield Kernel('collective', operation.name, times, size, 0, (), 0, hidden)
    else:
      yield _kernel(operation, body, bodies, times)


def _is_free(code: str) -> bool:
  return code in _FREE or code.endswith('-done')


def _is_collective(code: str) -> bool:
  return code.removesuffix('-start') in _COLLECTIVES


def _is_hidden(start: hlo_text.Operation, body: hlo_text.Body) -> bool:
  """Whether anything is computed between start and end of a collective."""
  if not start.code.endswith('-start'):
    return False
  names = list(body)
  for name in names[names.index(start.name) + 1 :]:
    operation = body[name]
    if operation.code.endswith('-done') and start.name in operation.operands:
      return False
    if not _is_free(operation.code) and not _is_collective(operation.code):
      return True
  return False


def _called(operation: hlo_text.Operation) -> list[str]:
  """Computations that run: the body of a loop, a call's, the first branch."""
  if operation.code == 'conditional':
    found = re.search(r'branch_computations=\{%?([\w.\-]+)', operation.rest)
    name = found[1] if found else operation.word('true_computation')
  else:
    name = operation.word('body' if operation.code == 'while' else 'to_apply')
  return [name] if name else []


def _inside(
  operation: hlo_text.Operation, bodies: Mapping[str, hlo_text.Body]
) -> Iterator[tuple[hlo_text.Operation, hlo_text.Body]]:
  """What a fusion does, and the fusions in it, each with what is around."""
  body = bodies.get(operation.word('calls') or '', {})
  for inner in body.values():
    yield inner, body
    yield from _inside(inner, bodies)


def _kernel(
  operation: hlo_text.Operation,
  body: hlo_text.Body,
  bodies: Mapping[str, hlo_text.Body],
  times: int,
) -> Kernel:
  """One operation as a kernel."""
  flops, layouts, moves = 0, [], operation.code in _MOVES
  for own, around in (
    (operation, body),
    *_inside(operation, bodies),
  ):
    moves = moves or own.code in _MOVES
    if _LABELS.search(own.rest):
      flops += _convolution_flops(own, around)
      layouts.append(_layout(own, around))
    elif own.code == 'dot' or 'gemm' in (own.word('custom_call_target') or ''):
      flops += _product_flops(own, around)
  kind = 'move' if moves else 'other'
  if flops:
    kind = 'convolution' if layouts else 'product'
  inside = bodies.get(operation.word('calls') or '', {})
  size = hlo_text.size(operation.shape) + _read(operation, body, inside)
  cycles = int(operation.word('estimated_cycles') or 0)
  return Kernel(
    kind, operation.name, times, size, flops, tuple(layouts), cycles
  )


def _read(
  operation: hlo_text.Operation, body: hlo_text.Body, inside: hlo_text.Body
) -> int:
  """Bytes of the operands of a kernel."""
  total = 0
  parameters = {
    int(inner.rest.partition(')')[0]): inner.name
    for inner in inside.values()
    if inner.code == 'parameter'
  }
  seen = set()
  for place, name in enumerate(operation.operands):
    if name in seen or name not in body:
      continue
    seen.add(name)
    whole = hlo_text.size(body[name].shape)
    users = [
      inner
      for inner in inside.values()
      if parameters.get(place) in inner.operands
    ]
    if users and all(user.code in _SLICES for user in users):
      whole = min(whole, sum(hlo_text.size(user.shape) for user in users))
    total += whole
  return total


def _convolution_flops(
  operation: hlo_text.Operation, body: hlo_text.Body
) -> int:
  """FLOP of a convolution, forward or a gradient, by its largest sum."""
  left, right, out = _sides(operation, body)
  labels = _LABELS.search(operation.rest)
  assert labels
  target = operation.word('custom_call_target') or ''
  holes = re.search(r'lhs_dilate=([\dx]+)', operation.rest)
  skipped = math.prod(map(int, holes[1].split('x'))) if holes else 1
  if 'BackwardInput' in target:
    big, kernel = math.prod(left), right
  elif 'BackwardFilter' in target:
    big, kernel = math.prod(right), out
  else:
    big, kernel = math.prod(out), right
  outputs = kernel[labels[2].index('o')]
  return 2 * big * math.prod(kernel) // (outputs * skipped)


def _product_flops(operation: hlo_text.Operation, body: hlo_text.Body) -> int:
  """FLOP of a matrix product."""
  left, _, out = _sides(operation, body)
  found = re.search(
    r'lhs_contracting_dim\w*"?[=:][{\[]([\d,"]*)', operation.rest
  )
  axes = [int(n) for n in re.findall(r'\d+', found[1])] if found else []
  return 2 * math.prod(out) * math.prod(left[axis] for axis in axes)


def _layout(operation: hlo_text.Operation, body: hlo_text.Body) -> Convolution:
  """How the input of a convolution lies in memory."""
  labels = _LABELS.search(operation.rest)
  assert labels
  fastest = hlo_text.fastest_axis(body[operation.operands[0]].shape)
  return Convolution(len(labels[1]), fastest == labels[1].index('f'))


def _sides(
  operation: hlo_text.Operation, body: hlo_text.Body
) -> list[tuple[int, ...]]:
  """Shapes of the first two operands, and of the first result."""
  texts = [body[name].shape for name in operation.operands[:2]]
  return [hlo_text.dimensions(text) for text in (*texts, operation.shape)]
