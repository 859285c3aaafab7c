"""Checkpoints that cannot be read or written, or are of something else."""

from collections.abc import Iterator
import contextlib
import errno
import itertools
import pathlib

from absl import logging
import jax
from jax.experimental import multihost_utils
import numpy as np
import orbax.checkpoint as ocp

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import params
from sadtalker_jax.typing import PyTree

_MAX_LISTED = 8  # differences that are spelled out
# Raised while a checkpoint is read, and no sign of damage: the first says what
# is wrong, and of the others the checkpoint before would not be free.
NOT_DAMAGE = (errors.InputError, MemoryError, jax.errors.JaxRuntimeError)


def put_aside(checkpoint: pathlib.Path, reason: Exception) -> None:
  """Renames a damaged checkpoint; all processes call it.

  It becomes `damaged_checkpoint_STEP` beside the checkpoints' folder, or the
  like with a number where that is taken.

  Args:
    checkpoint: Folder of the checkpoint, its name the step.
    reason: What was raised when it was read.
  """
  run = checkpoint.parent.parent
  name = f'damaged_checkpoint_{checkpoint.name}'
  taken = {p.name for p in run.glob(f'{name}*')}
  free = (f'{name}_{i}' if i else name for i in itertools.count())
  target = run / next(n for n in free if n not in taken)
  logging.warning(
    'the checkpoint of step %s is damaged (%s); it is now %s',
    checkpoint.name,
    line(reason),
    target,
  )
  if jax.process_index() == 0:
    checkpoint.rename(target)
  in_all_processes(True)


def compare(checkpoint: pathlib.Path, shapes: PyTree) -> None:
  """Checks that a checkpoint holds what is expected.

  Args:
    checkpoint: Folder of the checkpoint.
    shapes: Arrays that are expected, as `jax.ShapeDtypeStruct`.

  Raises:
    InputError: It holds other arrays.
  """
  with ocp.StandardCheckpointer() as reader:
    metadata = reader.metadata(checkpoint / 'state')
  stored = params.named_shapes(metadata.item_metadata.tree)
  expected = params.named_shapes(shapes)
  faults = [f'missing {n}' for n in sorted(expected.keys() - stored.keys())]
  faults += [
    f'not expected {n}' for n in sorted(stored.keys() - expected.keys())
  ]
  faults += [
    f'{n}: expected {expected[n]}, found {stored[n]}'
    for n in sorted(expected.keys() & stored.keys())
    if expected[n] != stored[n]
  ]
  if faults:
    more = len(faults) - _MAX_LISTED
    raise errors.InputError(
      f'{checkpoint}: not a checkpoint of this stage and architecture: '
      + '; '.join(faults[:_MAX_LISTED])
      + (f'; and {more} more' if more > 0 else '')
    )


@contextlib.contextmanager
def told_if_full(folder: pathlib.Path) -> Iterator[None]:
  """Turns what is raised where the disk is full into one line.

  Args:
    folder: Folder of the checkpoints.

  Raises:
    InputError: The disk is full.
  """
  try:
    yield
  except (OSError, ValueError, RuntimeError) as error:
    if not is_full_disk(error):
      raise
    raise errors.InputError(
      f'{folder}: expected room for a checkpoint, found the disk full; make '
      'room and call again, which goes on from the newest whole checkpoint'
    ) from error


def is_full_disk(error: BaseException | None) -> bool:
  """Whether an error, of Orbax or of Python, says that the disk is full."""
  if isinstance(error, OSError):
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
  text = str(error)
  return 'RESOURCE_EXHAUSTED' in text and 'riting' in text


def in_all_processes(good: bool) -> bool:
  """Whether something holds in every process."""
  if jax.process_count() == 1:
    return good
  return bool(np.all(multihost_utils.process_allgather(np.asarray(good))))


def line(error: Exception) -> str:
  """The name of an error, and the start of its first line."""
  text = str(error).strip().partition('\n')[0]
  return f'{type(error).__name__}: {text[:100]}'
