"""Files with the names and shapes of the released ones, filled with noise.

They stand in for weights where there are none: in tests of the conversion, of
the speed of a render, of a service under load. Pictures made with them show
noise.
"""

from collections.abc import Sequence
import os
import pathlib

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.conversion import (
  released,
  released_files,
  rules,
  torch_files,
)
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables

# Networks whose files make a bundle that animates, in every mode.
NETWORKS = (
  'expnet',
  'posevae',
  'pose_discriminator',
  'recon',
  'keypoint_detector',
  'generator',
  'mapping',
  'mapping_full',
)


def write(
  folder: str | os.PathLike[str],
  *,
  size: int = 256,
  seed: int = 0,
  only: Sequence[str] = (),
) -> list[pathlib.Path]:
  """Writes the files, as safetensors.

  Args:
    folder: New folder.
    size: Size in the file's name, 256 or 512.
    seed: Random seed for the noise.
    only: Names of the networks; those that animate if empty.

  Returns:
    Paths of the files.

  Raises:
    InputError: The folder exists or cannot be made; or no file holds a network.
  """
  target = pathlib.Path(folder)
  wanted = set(only or NETWORKS)
  whole = {
    part.network
    for file in released_files.FILES
    for part in file.parts
    if not part.piece
  }
  for name in sorted(wanted - whole):
    raise errors.InputError(
      f'only: expected some of {" ".join(sorted(whole))}, found {name!r}'
    )
  try:
    target.mkdir(parents=True)
  except OSError as error:
    raise errors.InputError(
      f'{target}: expected a folder to make, found: {error.strerror}'
    ) from error
  paths: list[pathlib.Path] = []
  written: set[str] = set()
  for file in released_files.FILES:
    names = [part.network for part in file.parts]
    if file.size not in (None, size) or not set(names) <= wanted:
      continue
    if written.intersection(names):
      continue  # an older file of the same networks
    state: dict[str, np.ndarray] = {}
    for part in file.parts:
      variables = _moderate(part.network, seed)
      table = released.TABLES[part.network]
      for key, value in rules.export(variables, table).items():
        state[part.prefixes[-1] + key] = value
    stem = file.name.split('.safetensors')[0].split('.pth')[0]
    path = target / f'{stem}.safetensors'
    torch_files.write_safetensors(path, state)
    written.update(names)
    paths.append(path)
  return paths


def _moderate(network: str, seed: int) -> Variables:
  """Noise under which coefficients have the size that real ones have."""
  variables = zoo.noise(network, seed)
  params = variables['params']
  if network == 'expnet':
    params['mapping']['kernel'] *= np.float32(0.02)
  if network == 'recon':
    for name, layer in params.items():
      if name != 'backbone':
        layer['kernel'] *= np.float32(0.02)
        layer['bias'] *= np.float32(0.1)
  return variables
