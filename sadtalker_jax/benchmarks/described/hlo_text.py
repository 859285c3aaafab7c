"""Optimised HLO as text: its computations, operations and shapes."""

from collections.abc import Mapping
import dataclasses
import math
import re
from typing import TypeAlias

_SHAPE = re.compile(r'\b([a-z]\w*)\[([\d,]*)\](?:\{([\d,]*)([^}]*)\})?')
_HEAD = re.compile(r'^(ENTRY )?%?([\w.\-]+) \(.*\{\s*$')
_LINE = re.compile(
  r'^\s+(?:ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*)$'
)
_NAME = re.compile(r'%([\w.\-]+)')


@dataclasses.dataclass(frozen=True)
class Operation:
  """A line of HLO.

  Attributes:
    name: What others call its result.
    shape: Type of the result, perhaps a tuple.
    code: What it does.
    rest: What follows the opening bracket.
  """

  name: str
  shape: str
  code: str
  rest: str

  @property
  def operands(self) -> list[str]:
    """Names of the operands."""
    return _NAME.findall(re.split(r'\)(?:, |\s*$)', self.rest, maxsplit=1)[0])

  def word(self, key: str) -> str | None:
    """The value of `key=` or `"key":`, without quotes; None without one.

    Args:
      key: Name of an attribute.
    """
    found = re.search(rf'\b{key}"?[=:]"?%?([\w.$\-]+)', self.rest)
    return found[1] if found else None


Body: TypeAlias = Mapping[str, Operation]  # of a computation, by name


def parsed(text: str) -> tuple[dict[str, Body], str]:
  """Computations by name, and the name of the first to run.

  Args:
    text: Optimised HLO.
  """
  bodies: dict[str, dict[str, Operation]] = {}
  entry = current = ''
  for line in text.splitlines():
    head = None if line.startswith(' ') else _HEAD.match(line)
    if head:
      current = head[2]
      bodies[current] = {}
      entry = current if head[1] else entry
    elif current and (found := _LINE.match(line)):
      operation = Operation(*found.groups())
      bodies[current][operation.name] = operation
  return dict(bodies), entry


def dimensions(shape: str) -> tuple[int, ...]:
  """Sizes of a shape, of the first one of a tuple.

  Args:
    shape: As of an `Operation`.
  """
  found = _SHAPE.search(shape)
  return tuple(int(n) for n in found[2].split(',') if n) if found else ()


def fastest_axis(shape: str) -> int:
  """The axis whose numbers lie beside each other in memory.

  Args:
    shape: As of an `Operation`.
  """
  found = _SHAPE.search(shape)
  order = found[3] if found else None
  return int(order.split(',')[0]) if order else len(dimensions(shape)) - 1


def size(shape: str) -> int:
  """Bytes of a shape, or of all of a tuple.

  Args:
    shape: As of an `Operation`.
  """
  total = 0
  for match in _SHAPE.finditer(shape):
    if 'S(1)' in (match[4] or ''):
      continue  # in the memory of a TPU's core
    numbers = math.prod(int(n) for n in match[2].split(',') if n)
    width = re.search(r'\d+', match[1])  # pred and token have none in the name
    bits = int(width[0]) if width else 8 * (match[1] == 'pred')
    total += -(-numbers * bits // 8)
  return total
