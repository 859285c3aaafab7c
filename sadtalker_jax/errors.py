"""The one error that users can cause.

Everything that comes from outside (files, flags, boxes, indices) is checked
where it enters; a fault raises `InputError` with one line that says what was
expected and what was found. Command-line programs print that line and exit with
code 2; anything else is a defect of ours and keeps its traceback.
"""


class InputError(ValueError):
  """Input from outside is not what it must be; the message is one line."""
