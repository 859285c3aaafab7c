"""What a CPU computed, to compare a card with: one .npz file of a few MB.

Weights and inputs are drawn by numpy from fixed seeds, so that the card's
machine has the same ones without a file. The arrays are named
`module.array`; each module lists its own in `golden(scale)`.
"""

import importlib
import pathlib

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.benchmarks.accelerator import plan

_MODULES = ('drawing', 'geometry', 'steps')
_SCALE = 'scale'


def write(path: pathlib.Path, scale: plan.Scale) -> None:
  """Computes the arrays of all modules on this machine, and writes them.

  Args:
    path: File to write, .npz.
    scale: Sizes.

  Raises:
    ModuleNotFoundError: A package is missing that the training steps need.
  """
  arrays: dict[str, np.ndarray] = {_SCALE: np.array(scale.name)}
  for name in _MODULES:
    package = 'sadtalker_jax.benchmarks.accelerator'
    module = importlib.import_module(f'{package}.{name}')
    for key, array in module.golden(scale).items():
      arrays[f'{name}.{key}'] = np.asarray(array)
  part = path.with_name(path.name + '.part')
  with part.open('wb') as file:
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
  part.replace(path)


def read(path: pathlib.Path, scale: plan.Scale) -> dict[str, np.ndarray]:
  """The arrays of a file.

  Args:
    path: File that `write` made.
    scale: Sizes at which they are used.

  Raises:
    InputError: The file is none of these, or of other sizes.
  """
  try:
    with np.load(path) as file:
      arrays = dict(file)
  except (OSError, ValueError, EOFError) as error:
    raise errors.InputError(
      f'--golden: expected a file of --write_golden, found {path}: {error}'
    ) from error
  found = str(arrays.get(_SCALE, 'none'))
  if found != scale.name:
    raise errors.InputError(
      f'--golden: expected arrays of the sizes {scale.name}, found {found} in '
      f'{path}'
    )
  return arrays
