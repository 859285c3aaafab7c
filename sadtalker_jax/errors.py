"""The one error that users can cause.

Everything that comes from outside (files, flags, boxes, indices) is checked
where it enters; a fault raises `InputError` with one line that says what was
expected and what was found. Command-line programs print that line and exit with
code 2; anything else is a defect of ours and keeps its traceback.
"""

import os
from typing import Any

_MOST_SHOWN = 200  # characters of a value in a message


class InputError(ValueError):
  """Input from outside is not what it must be; the message is one line."""


def shown(value: Any) -> str:
  """A value as a message shows it: in one line, long ones in part."""
  try:
    text = repr(value)
  except ValueError:  # a whole number of thousands of digits
    return 'a number of thousands of digits'
  if len(text) > _MOST_SHOWN:
    return f'{text[:_MOST_SHOWN]}... ({len(text)} characters)'
  return ' '.join(text.split())


def named(path: str | os.PathLike[str]) -> str:
  """A file's name as a message shows it: in one line."""
  text = str(path)
  return text if text.isprintable() else repr(text)[1:-1]
