"""JSON that people write, read with every fault as one line."""

import json
from typing import Any

from sadtalker_jax import errors


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
    return json.loads(text.removeprefix('\ufeff'), **choices)
  except json.JSONDecodeError as error:
    found = f'{error.msg} at column {error.colno}'
    if '\n' in text.strip():
      found = f'{found} of line {error.lineno}'
  except RecursionError:
    found = 'lists or objects nested too deep'
  except errors.InputError:  # of a hook in `choices`
    raise
  except ValueError:
    found = 'a number of thousands of digits'
  raise errors.InputError(f'expected JSON, found: {found}')
