"""The one error that users can cause.

Everything that comes from outside (files, flags, boxes, indices) is checked
where it enters; a fault raises `InputError` with one line that says what was
expected and what was found. Command-line programs print that line and exit with
code 2; anything else is a defect of ours and keeps its traceback.
"""

import os
from typing import Any

_MOST_SHOWN = 200  # characters of a value in a message
_NEXT = '\n  '  # between the faults of a list


class InputError(ValueError):
  """Input from outside is not what it must be; the message is one line.

  Lists of faults have further lines, which begin with two spaces. Whatever else
  is no printable character, such as the end of a line in the name of a file, is
  escaped.
  """

  def __init__(self, message: str = ''):
    """Takes what was expected, and what was found."""
    lines = message.split(_NEXT)
    super().__init__(_NEXT.join(map(_printable, lines)))


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
  return _printable(str(path))


def _printable(text: str) -> str:
  if text.isprintable():
    return text
  return ''.join(c if c.isprintable() else repr(c)[1:-1] for c in text)
