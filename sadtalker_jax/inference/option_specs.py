"""What one option is, and whether a value fits it.

A `Spec` has all that flags, manifests and documentation want to know.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import math
import numbers
import os
import pathlib
import re
from typing import Any, Literal, NamedTuple

from sadtalker_jax import errors

# What values of an option are; `angles`, `pair` and `box` are tuples of
# numbers, `graded` is one of the choices and how much of it, `speakers` are
# pairs of a face's number and a recording.
Kind = Literal[
  'flag',
  'integer',
  'number',
  'name',
  'path',
  'paths',
  'angles',
  'pair',
  'box',
  'word',
  'graded',
  'speakers',
]

OF_FILES = frozenset({'path', 'paths', 'speakers'})  # kinds that name files


class Spec(NamedTuple):
  """One option, as its field of `Options` describes it."""

  name: str
  kind: Kind
  default: Any
  help: str
  choices: tuple[str, ...] = ()
  least: float = -math.inf
  most: float = math.inf
  flag: str = ''  # of the command line, if it is not the name
  optional: bool = False  # None means that it is not asked for
  metavar: str = ''

  def checked(self, value: Any) -> Any:
    """A value of the option's type, in its range.

    Raises:
      InputError: it is not; the message names the option.
    """
    if value is None and self.optional:
      return None
    return _CHECKS[self.kind](self, value)

  def fail(self, expected: str, found: Any) -> errors.InputError:
    """The error of a value."""
    return errors.InputError(
      f'{self.name}: expected {expected}, found {errors.shown(found)}'
    )

  @property
  def range(self) -> str:
    """The range in words; empty where there is none."""
    if math.isfinite(self.most):
      return f'{_exact(self.least)} to {_exact(self.most)}'
    if math.isfinite(self.least):
      return f'at least {_exact(self.least)}'
    return ''


def option(default: Any, kind: Kind, help: str, **rest: Any) -> Any:
  """A field of a class of options, and its description.

  Args:
    default: Value that is taken where none is given.
    kind: What values are.
    help: What the option does, one sentence.
    **rest: Other fields of `Spec`.
  """
  return dataclasses.field(
    default=default, metadata={'kind': kind, 'help': help, **rest}
  )


def _exact(limit: float) -> str:
  """A limit, whole ones with all their digits."""
  return f'{int(limit)}' if limit == int(limit) else f'{limit:g}'


def _flag(spec: Spec, value: Any) -> bool:
  if not isinstance(value, bool):
    raise spec.fail('true or false', value)
  return value


def _number(spec: Spec, value: Any) -> Any:
  whole = spec.kind == 'integer'
  kind: Any = numbers.Integral if whole else numbers.Real
  if isinstance(value, bool) or not isinstance(value, kind):
    wanted = 'a whole number' if whole else 'a number'
    raise spec.fail(' '.join(filter(None, [wanted, spec.range])), value)
  if not (value >= spec.least and value <= spec.most):  # NaN, too
    raise spec.fail(spec.range, value)
  return value


def _name(spec: Spec, value: Any) -> str:
  if not isinstance(value, str) or value not in spec.choices:
    raise spec.fail(f'one of {" ".join(spec.choices)}', value)
  return value


def _word(spec: Spec, value: Any) -> str:
  """A name that others may register; who knows them checks it."""
  if not isinstance(value, str) or not value:
    raise spec.fail('a name', value)
  return value


def _path(spec: Spec, value: Any) -> pathlib.Path:
  if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
    raise spec.fail('a path', value)
  return pathlib.Path(value)


def _paths(spec: Spec, value: Any) -> tuple[pathlib.Path, ...]:
  if not isinstance(value, (tuple, list)):
    raise spec.fail('a list of paths', value)
  return tuple(_path(spec, part) for part in value)


def _numbers(spec: Spec, value: Any, wanted: str) -> tuple[float, ...]:
  if not isinstance(value, (tuple, list)):
    raise spec.fail(wanted, value)
  for number in value:
    if isinstance(number, bool) or not isinstance(number, numbers.Real):
      raise spec.fail(wanted, value)
  return tuple(value)


def _angles(spec: Spec, value: Any) -> tuple[float, ...]:
  wanted = f'one or more angles from {spec.least:g} to {spec.most:g}'
  degrees = _numbers(spec, value, wanted)
  if not degrees or not all(spec.least <= d <= spec.most for d in degrees):
    raise spec.fail(wanted, value)
  return degrees


def _pair(spec: Spec, value: Any) -> tuple[float, ...]:
  wanted = f'two numbers {spec.metavar}, {spec.range}'
  numbers_ = _numbers(spec, value, wanted)
  inside = all(spec.least <= number <= spec.most for number in numbers_)
  if len(numbers_) != 2 or not inside:
    raise spec.fail(wanted, value)
  return numbers_


def _graded(spec: Spec, value: Any) -> tuple[str, float]:
  """A choice, which may come with a number; as a list, or as texts."""
  name, *rest = value if isinstance(value, (tuple, list)) and value else [value]
  if len(rest) > 1 or not isinstance(name, str) or name not in spec.choices:
    wanted = f'one of {" ".join(spec.choices)}, and a number if need be'
    raise spec.fail(wanted, value)
  try:
    amount = float(rest[0]) if rest else 1.0
  except (TypeError, ValueError):
    amount = math.nan
  if not spec.least <= amount <= spec.most:
    raise spec.fail(f'{name} and a number, {spec.range}', value)
  return name, amount


def _speakers(spec: Spec, value: Any) -> tuple[tuple[int, pathlib.Path], ...]:
  """Faces and recordings: an object, pairs, or texts such as 0=speech.wav."""
  wanted = 'faces and recordings, such as 0=speech.wav'
  pairs = value.items() if isinstance(value, Mapping) else value
  if isinstance(value, str) or not isinstance(pairs, Iterable):
    raise spec.fail(wanted, value)
  found: dict[int, pathlib.Path] = {}
  for pair in pairs:
    face, path = _speaker(pair)
    if not path or not spec.least <= face <= spec.most:
      raise spec.fail(wanted, value)
    if face in found:
      raise spec.fail(f'one recording for face {face}', value)
    found[face] = pathlib.Path(path)
  if not found:
    raise spec.fail(wanted, value)
  return tuple(sorted(found.items()))


def _speaker(pair: Any) -> tuple[int, Any]:
  """A face and a recording; no recording where it is no such pair."""
  if isinstance(pair, str):
    face, _, path = pair.partition('=')
  elif isinstance(pair, (tuple, list)) and len(pair) == 2:
    face, path = pair
  else:
    return -1, ''
  is_path = isinstance(path, (str, os.PathLike)) and os.fspath(path)
  is_face = re.fullmatch('[0-9]{1,3}', str(face)) is not None
  return (int(face), path) if is_face and is_path else (-1, '')


def _box(spec: Spec, value: Any) -> tuple[float, ...]:
  corners = _numbers(spec, value, 'four numbers x0 y0 x1 y1')
  inside = all(spec.least <= corner <= spec.most for corner in corners)
  if len(corners) != 4 or not inside:
    raise spec.fail(f'four numbers x0 y0 x1 y1, {spec.range}', value)
  return corners


_CHECKS: Mapping[Kind, Any] = {
  'flag': _flag,
  'integer': _number,
  'number': _number,
  'name': _name,
  'word': _word,
  'path': _path,
  'paths': _paths,
  'angles': _angles,
  'pair': _pair,
  'graded': _graded,
  'box': _box,
  'speakers': _speakers,
}
