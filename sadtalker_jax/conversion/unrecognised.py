"""Files that look like weights and have no released name."""

import difflib
import os
import pathlib

from sadtalker_jax.conversion import released, released_files

# Ends of names of files that hold weights.
_WEIGHTS = (
  '.safetensors', '.pth', '.pt', '.tar', '.ckpt', '.bin', '.pkl', '.onnx',
  '.msgpack', '.npz', '.h5',
)  # fmt: skip


def line(path: pathlib.Path) -> str | None:
  """One line on a file of weights whose name is not a released one.

  Args:
    path: File that a plan does not use.

  Returns:
    The line, with the likeliest released name; None for other files.
  """
  is_known = released.find(path.name) is not None
  if is_known or not path.name.lower().endswith(_WEIGHTS):
    return None
  names = {file.name: file for file in released_files.FILES}
  like = max(names, key=lambda name: _likeness(path.name, name))
  networks = sorted({part.network for part in names[like].parts})
  return (
    f'not recognised: {path}: expected a released name such as {like}, found '
    f'{path.name} (to take it as it is: --as {networks[0]}={path})'
  )


def _likeness(found: str, name: str) -> tuple[int, float]:
  """How alike two names are: the same beginning counts first."""
  prefix = os.path.commonprefix([found, name])
  return len(prefix), difflib.SequenceMatcher(None, found, name).ratio()
