"""Variables of one network in a folder, through Orbax.

The caller gives the expected names and shapes; a folder that holds others is
refused with all differences named. Arrays are numpy arrays of the types that
are expected, float32, of whatever type they are stored.
"""

import pathlib
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from sadtalker_jax import errors
from sadtalker_jax.typing import PyTree, Variables

# Size of files, bytes: an interrupted download loses no more than one file.
_FILE_SIZE = 32 << 20
_MAX_LISTED = 8  # names of one kind that are spelled out


def save(folder: pathlib.Path, variables: Variables) -> None:
  """Writes the variables of a network.

  Args:
    folder: New folder; it must not exist.
    variables: Nested dict of arrays.
  """
  with ocp.PyTreeCheckpointer() as checkpointer:
    checkpointer.save(
      folder.resolve(),
      jax.tree.map(np.asarray, variables),
      ocdbt_target_data_file_size=_FILE_SIZE,
    )


def load(folder: pathlib.Path, shapes: Variables) -> Variables:
  """The variables in a folder, as numpy arrays.

  Args:
    folder: Folder that `save` made.
    shapes: Expected arrays, as `jax.ShapeDtypeStruct`.

  Raises:
    InputError: The folder cannot be read, or holds other names or shapes.
  """
  folder = folder.resolve()
  with ocp.PyTreeCheckpointer() as checkpointer:
    metadata = checkpointer.metadata(folder).item_metadata
    if metadata is None:
      raise errors.InputError(
        f'{folder}: expected the variables of a network, found none'
      )
    _compare(metadata.tree, shapes, folder)
    args = jax.tree.map(
      lambda leaf: ocp.RestoreArgs(restore_type=np.ndarray, dtype=leaf.dtype),
      shapes,
    )
    return checkpointer.restore(folder, item=shapes, restore_args=args)


def named_shapes(tree: PyTree) -> dict[str, list[int]]:
  """Shapes of arrays by path, for dicts, dataclasses and lists alike."""
  leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
  return {
    jax.tree_util.keystr(path, simple=True, separator='/'): [
      int(n) for n in leaf.shape
    ]
    for path, leaf in leaves
  }


def _compare(stored: Any, shapes: Variables, folder: pathlib.Path) -> None:
  """Raises where a folder does not hold what is expected."""
  found, expected = named_shapes(stored), named_shapes(shapes)
  faults = []
  for what, names in (
    ('missing', expected.keys() - found.keys()),
    ('not expected', found.keys() - expected.keys()),
  ):
    if names:
      shown = ', '.join(sorted(names)[:_MAX_LISTED])
      more = len(names) - _MAX_LISTED
      tail = f' and {more} more' if more > 0 else ''
      faults.append(f'{len(names)} {what}: {shown}{tail}')
  faults += [
    f'{name}: expected shape {expected[name]}, found {found[name]}'
    for name in sorted(expected.keys() & found.keys())
    if expected[name] != found[name]
  ]
  if faults:
    raise errors.InputError(
      f'{folder}: not the variables of this network:\n  '
      + '\n  '.join(faults[:_MAX_LISTED])
    )
