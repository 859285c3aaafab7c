"""Plain values become frozen dataclasses; every fault is one line.

The dataclass is the schema. A field's annotation is what is accepted; an
`Annotated` one has a description (a string) and a range (`AtLeast`) beside the
type:

    batch_size: Annotated[int, AtLeast(1), 'Examples of a batch.']

Types may be bool, int, float, str, `Literal`, `X | None`, tuples, mappings and
nested dataclasses; what is of any other type is taken as it is. A whole number
is a number, and a list is a tuple, for JSON has no other. Numbers have at most
31 bits before the point. Keys are written with dots: `loss.read`.
"""

import collections.abc
from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import difflib
import types
import typing
from typing import Any, TypeVar

from sadtalker_jax import errors

T = TypeVar('T')

_WORDS: Mapping[Any, str] = {
  bool: 'True or False',
  int: 'whole number',
  float: 'number',
  str: 'text',
}
_LARGEST = 2**31 - 1  # of numbers
_MOST_SHOWN = 200  # characters of a value in a message
_MAX_NAMED = 12  # known keys that a message lists where none is similar


@dataclasses.dataclass(frozen=True)
class AtLeast:
  """The least value of a number, for `Annotated`."""

  least: float


def read(given: Mapping[str, Any], kind: type[T], key: str = '') -> T:
  """A dataclass of plain values.

  Args:
    given: Values by the name of their field.
    kind: Dataclass to make.
    key: Key that the whole mapping has, for messages.

  Raises:
    InputError: A key is unknown or missing, or a value is of a wrong type; the
      message names key, expected and found.
  """
  hints = hints_of(kind)
  for name in given:
    if name not in hints:
      raise unknown(_joined(key, name), [_joined(key, n) for n in hints])
  values = {}
  for field in dataclasses.fields(typing.cast(Any, kind)):
    own = _joined(key, field.name)
    if field.name in given:
      values[field.name] = _value(given[field.name], hints[field.name], own)
    elif _is_required(field):
      raise errors.InputError(
        f'{own}: expected {_a(hints[field.name])}, found nothing'
      )
  return kind(**values)


def check_fields(given: Mapping[str, Any], module: type, key: str) -> None:
  """Raises unless names, and values of simple types, are fields of a class.

  Args:
    given: Values by the name of their field.
    module: Class with annotated fields, such as a Linen module.
    key: Key that the whole mapping has, for messages.

  Raises:
    InputError: A key is unknown, or a value is of a wrong type.
  """
  hints = hints_of(module)
  for name, value in given.items():
    own = _joined(key, name)
    if name not in hints:
      raise unknown(own, [_joined(key, n) for n in hints])
    simple = bare(hints[name])[0] in _WORDS
    if simple and not _fits(value, *bare(hints[name])):
      raise _wrong(value, hints[name], own)


def unknown(key: str, known: Iterable[str]) -> errors.InputError:
  """The error of a key that there is not; it names similar ones."""
  known = sorted(known)
  near = difflib.get_close_matches(key, known, n=3) or known[:_MAX_NAMED]
  more = ', ...' if len(near) == _MAX_NAMED < len(known) else ''
  return errors.InputError(
    f'{key}: expected a known key ({", ".join(near)}{more}), found an unknown '
    'one'
  )


def plain(config: Any) -> dict[str, Any]:
  """A dataclass as JSON has it; what is None by default and left so is not."""
  found = {}
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    if value is not None or _is_required(field):
      found[field.name] = _plain_value(value)
  return found


def hints_of(kind: type) -> dict[str, Any]:
  """Annotations of a dataclass's fields, by name."""
  hints = typing.get_type_hints(kind, include_extras=True)
  fields = dataclasses.fields(typing.cast(Any, kind))
  return {field.name: hints[field.name] for field in fields}


def bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
  """The type of an annotation, and what `Annotated` puts beside it."""
  if typing.get_origin(hint) is typing.Annotated:
    return hint.__origin__, hint.__metadata__
  return hint, ()


def description(hint: Any) -> str:
  """The description in an annotation, '' if there is none."""
  return next((x for x in bare(hint)[1] if isinstance(x, str)), '')


def words(hint: Any) -> str:
  """What an annotation accepts, in plain English."""
  hint, notes = bare(hint)
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  if origin is typing.Literal:
    return ' or '.join(map(str, args))
  if _is_union(hint):
    return ' or '.join(
      'None' if a is types.NoneType else words(a) for a in args
    )
  if origin is tuple:
    if args[-1] is Ellipsis:
      return f'({words(args[0])}, ...)'
    return f'({", ".join(map(words, args))})'
  if origin is not None or dataclasses.is_dataclass(hint):
    return 'keys with values'
  least = [f' from {n.least:g}' for n in notes if isinstance(n, AtLeast)]
  return _WORDS.get(hint, 'value') + ''.join(least)


def _value(value: Any, hint: Any, key: str, shown: Any = None) -> Any:
  """A value, checked against its annotation; messages have `shown`, if any."""
  kind, notes = bare(hint)
  origin, args = typing.get_origin(kind), typing.get_args(kind)
  if _is_union(kind):
    if value is None:
      return None
    (inner,) = [a for a in args if a is not types.NoneType]
    return _value(value, inner, key, hint)
  if dataclasses.is_dataclass(kind) or origin is collections.abc.Mapping:
    if not isinstance(value, Mapping):
      raise _wrong(value, hint, key)
    if origin is None:
      return read(value, typing.cast(type, kind), key)
    return {k: _value(v, args[1], _joined(key, k)) for k, v in value.items()}
  if origin is tuple:
    count = len(value) if isinstance(value, (tuple, list)) else -1
    kinds = count * args[:1] if args[-1] is Ellipsis else args
    if len(kinds) != count:
      raise _wrong(value, hint, key)
    return tuple(
      _value(v, k, f'{key}[{i}]')
      for i, (v, k) in enumerate(zip(value, kinds, strict=True))
    )
  if not _fits(value, kind, notes):
    raise _wrong(value, hint if shown is None else shown, key)
  return _without_lists(value) if kind is Any else value


def _without_lists(value: Any) -> Any:
  """A value with tuples for lists, at any depth."""
  if isinstance(value, Mapping):
    return {k: _without_lists(v) for k, v in value.items()}
  if isinstance(value, (tuple, list)):
    return tuple(map(_without_lists, value))
  return value


def _fits(value: Any, kind: Any, notes: Sequence[Any]) -> bool:
  """Whether a value is of a simple type, and in the range that goes with it."""
  if typing.get_origin(kind) is typing.Literal:
    return any(
      value == a and type(value) is type(a) for a in typing.get_args(kind)
    )
  if kind not in _WORDS:
    return True
  number = (int, float) if kind is float else kind
  is_flag = isinstance(value, bool)
  if not isinstance(value, number) or (is_flag and kind is not bool):
    return False
  if kind is not str and not abs(value) <= _LARGEST:  # nor is it NaN
    return False
  return all(value >= n.least for n in notes if isinstance(n, AtLeast))


def _wrong(value: Any, hint: Any, key: str) -> errors.InputError:
  number = isinstance(value, (int, float))
  limit = f' up to {_LARGEST}' if number and not abs(value) <= _LARGEST else ''
  try:
    found = repr(value)
  except ValueError:
    found = 'one of thousands of digits'
  found = found[:_MOST_SHOWN]
  return errors.InputError(f'{key}: expected {_a(hint)}{limit}, found {found}')


def _a(hint: Any) -> str:
  """`words` with an article where they want one."""
  numbers = (int, float, int | None, float | None)
  return f'{"a " if bare(hint)[0] in numbers else ""}{words(hint)}'


def _plain_value(value: Any) -> Any:
  """As `plain`, of anything that a field may hold."""
  if dataclasses.is_dataclass(value):
    return plain(value)
  if isinstance(value, Mapping):
    return {k: _plain_value(v) for k, v in value.items()}
  if isinstance(value, (tuple, list)):
    return [_plain_value(v) for v in value]
  return value


def _is_union(hint: Any) -> bool:
  return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _is_required(field: dataclasses.Field[Any]) -> bool:
  return (
    field.default is dataclasses.MISSING
    and field.default_factory is dataclasses.MISSING
  )


def _joined(key: str, name: str) -> str:
  return f'{key}.{name}' if key else name
