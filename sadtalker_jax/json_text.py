"""JSON that people write, read with every fault as one line."""

import json
from typing import Any

from sadtalker_jax import errors

_MOST_NESTED = 100  # far more than any file here; Python's limits vary
_TOO_DEEP = 'lists or objects nested too deep'


def parse(text: str, **choices: Any) -> Any:
  """The value of a text.

  Args:
    text: JSON; a byte-order mark before it does not matter.
    **choices: As of `json.loads`.

  Raises:
    InputError: it is no JSON, nested too deep, or has a number of thousands of
      digits.
  """
  try:
    value = json.loads(text.removeprefix('\ufeff'), **choices)
    if _nested(value) <= _MOST_NESTED:
      return value
    found = _TOO_DEEP
  except json.JSONDecodeError as error:
    found = f'{error.msg} at column {error.colno}'
    if '\n' in text.strip():
      found = f'{found} of line {error.lineno}'
  except RecursionError:
    found = _TOO_DEEP
  except errors.InputError:  # of a hook in `choices`
    raise
  except ValueError:
    found = 'a number of thousands of digits'
  raise errors.InputError(f'expected JSON, found: {found}')


def _nested(value: Any) -> int:
  """How many lists and objects are inside each other at the most."""
  depth, level = 0, [value]
  while level:
    level = [
      inner
      for outer in level
      if isinstance(outer, dict | list)
      for inner in (outer.values() if isinstance(outer, dict) else outer)
    ]
    depth += 1
  return depth - 1
