"""The face model that a stage's coefficients belong to."""

from collections.abc import Mapping
import pathlib
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.face3d import bfm, canonical, ict, morphable


def load(config: Mapping[str, Any]) -> morphable.MorphableModel:
  """The model that a config names.

  Args:
    config: `kind`: 'makehuman', which comes with the package, 'bfm' or 'ict';
      `path`: of the file or folder of the latter two.

  Raises:
    InputError: there is no such model.
  """
  kind, path = config['kind'], pathlib.Path(config['path'])
  if kind == 'makehuman':
    return canonical.load()
  if kind == 'bfm':
    return bfm.load(path)
  if kind == 'ict':
    return ict.load(path)
  raise errors.InputError(
    f'morphable.kind: expected makehuman, bfm or ict, found {kind!r}'
  )
