"""Loaders of the Basel Face Model 2009 with the expression basis of Guo et al.

Conventions: indices in the files start at 1, ours at 0. Loaded geometry is in
decimetre, bases are multiplied by their standard deviations, textures are
divided by 255, and the mean shape is centred at the mean of its vertices
(method 6.2). Both models are licence-gated downloads; no part of them is
packaged here.

`load` takes either the finished `BFM_model_front.mat` or the folder of raw
files from which the published pipeline builds it:

    01_MorphableModel.mat   shapeMU shapePC shapeEV texMU texPC texEV (BFM 2009)
    Exp_Pca.bin             int32 dimension, float32 mean, float32 components
    std_exp.txt             standard deviations of the components
    BFM_front_idx.mat       idx: front vertices, into those of the expressions
    BFM_exp_idx.mat         trimIndex: expression vertices, into those of BFM
    facemodel_info.mat      tri point_buf keypoints frontmask2_idx tri_mask2
                            skinmask

Half of this file checks its input: the files come from many sources.
"""

from collections.abc import Mapping
import pathlib
from typing import Any

import numpy as np
from scipy import io

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d.bases import morphable

FRONT_FILE = 'BFM_model_front.mat'
RAW_FILES = (
  '01_MorphableModel.mat',
  'Exp_Pca.bin',
  'std_exp.txt',
  'BFM_front_idx.mat',
  'BFM_exp_idx.mat',
  'facemodel_info.mat',
)
_MICROMETRE = 1e-5  # decimetre

# Keys of a file and their sizes; V is the number of vertices, T of triangles.
_TOPOLOGY = {
  'tri': ('T', 3),
  'point_buf': ('V', 8),
  'keypoints': (68,),
  'frontmask2_idx': ('N',),
  'tri_mask2': ('M', 3),
  'skinmask': ('V',),
}


def load(path: str | pathlib.Path) -> morphable.MorphableModel:
  """The face model of a file or folder.

  Args:
    path: path of `BFM_model_front.mat`, or of a folder with it or the raw
      files.

  Returns:
    The model, with texture, skin mask and front region.

  Raises:
    InputError: files are missing or have other contents.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    if (path / FRONT_FILE).is_file():
      return load_front(path / FRONT_FILE)
    return load_raw(path)
  return load_front(path)


def load_front(path: str | pathlib.Path) -> morphable.MorphableModel:
  """The model of a finished `BFM_model_front.mat`; see `load`.

  Raises:
    InputError: the file is missing or has other contents.
  """
  path = pathlib.Path(path)
  mat = _read_mat(path)
  mean = _vector(mat, 'meanshape', path).reshape(-1, 3)
  count = len(mean)
  arrays = {
    key: _matrix(mat, key, (3 * count, size), path)
    for key, size in (('idBase', 80), ('exBase', 64), ('texBase', 80))
  }
  return _build(
    mean=mean,
    identity=_as_basis(arrays['idBase']),
    expression=_as_basis(arrays['exBase']),
    texture_mean=_vector(mat, 'meantex', path, 3 * count).reshape(-1, 3),
    texture_basis=_as_basis(arrays['texBase']),
    topology=_read_topology(mat, count, path),
  )


def load_raw(folder: str | pathlib.Path) -> morphable.MorphableModel:
  """The model built from the raw files of a folder; see `load`.

  Raises:
    InputError: files are missing or have other contents.
  """
  folder = pathlib.Path(folder)
  missing = [n for n in RAW_FILES if not (folder / n).is_file()]
  if missing:
    raise errors.InputError(
      f'expected {FRONT_FILE} or the raw BFM files in {folder}, missing: '
      f'{", ".join(missing)}'
    )
  file = folder / RAW_FILES[0]
  raw = _read_mat(file)
  mean = _vector(raw, 'shapeMU', file).reshape(-1, 3)
  id_basis, tex_basis = (
    _scaled(raw, f'{kind}PC', f'{kind}EV', 3 * len(mean), file)
    for kind in ('shape', 'tex')
  )
  exp_basis = _read_expressions(folder)
  into_exp = _indices(folder / 'BFM_front_idx.mat', 'idx', exp_basis.shape[1])
  trim = _indices(folder / 'BFM_exp_idx.mat', 'trimIndex', len(mean))
  if len(trim) != exp_basis.shape[1]:
    raise errors.InputError(
      f'expected {exp_basis.shape[1]} entries of trimIndex, found {len(trim)}: '
      f'{folder / "BFM_exp_idx.mat"}'
    )
  into_shape = trim[into_exp]
  texture_mean = _vector(raw, 'texMU', file, mean.size).reshape(-1, 3)
  info = folder / 'facemodel_info.mat'
  return _build(
    mean=mean[into_shape] * _MICROMETRE,
    identity=id_basis[:80, into_shape] * _MICROMETRE,
    expression=exp_basis[:64, into_exp] * _MICROMETRE,
    texture_mean=texture_mean[into_shape],
    texture_basis=tex_basis[:80, into_shape],
    topology=_read_topology(_read_mat(info), len(into_shape), info),
  )


def _build(
  *,
  mean: np.ndarray,
  identity: np.ndarray,
  expression: np.ndarray,
  texture_mean: np.ndarray,
  texture_basis: np.ndarray,
  topology: Mapping[str, np.ndarray],
) -> morphable.MorphableModel:
  mean = mean - mean.mean(0, keepdims=True, dtype=np.float64)
  landmark_ids, landmark_weights = morphable.at_vertices(topology['keypoints'])
  return morphable.MorphableModel(
    name='bfm',
    mean=mean.astype(np.float32),
    identity=morphable.pad_basis(identity, conventions.IDENTITY_SIZE),
    expression=morphable.pad_basis(expression, conventions.EXPRESSION_SIZE),
    texture_mean=(texture_mean / 255).astype(np.float32),
    texture_basis=morphable.pad_basis(
      texture_basis / 255, conventions.TEXTURE_SIZE
    ),
    triangles=topology['tri'],
    vertex_triangles=topology['point_buf'],
    landmark_ids=landmark_ids,
    landmark_weights=landmark_weights,
    skin_mask=topology['skinmask'],
    front_vertices=topology['frontmask2_idx'],
    front_triangles=topology['tri_mask2'],
    expression_names=tuple(f'exp{i:02d}' for i in range(len(expression))),
  )


def _read_topology(
  mat: Mapping[str, Any], count: int, path: pathlib.Path
) -> dict[str, np.ndarray]:
  """Triangles, tables and masks with checked indices from 0."""
  out: dict[str, np.ndarray] = {}
  for key, wanted in _TOPOLOGY.items():
    array = np.asarray(_get(mat, key, path))
    array = array.ravel() if len(wanted) == 1 else array
    sizes = [count if s == 'V' else s for s in wanted]
    if array.ndim != len(sizes) or any(
      isinstance(s, int) and s != n
      for s, n in zip(sizes, array.shape, strict=True)
    ):
      raise errors.InputError(
        f'expected {key} of shape {tuple(sizes)}, found {array.shape}: {path}'
      )
    out[key] = array
  triangles = len(out['tri'])
  for key, array in out.items():
    if key == 'skinmask':
      out[key] = array.astype(np.float32)
      continue
    # The incidence table is padded with the triangle after the last.
    limit = triangles + 1 if key == 'point_buf' else count
    out[key] = _zero_based(array, limit, key, path)
  return out


def _read_expressions(folder: pathlib.Path) -> np.ndarray:
  """Scaled expression components [K, V, 3] of Exp_Pca.bin and std_exp.txt."""
  path = folder / 'Exp_Pca.bin'
  data = path.read_bytes()
  size = int(np.frombuffer(data[:4], '<i4')[0]) if len(data) >= 4 else 0
  numbers = (len(data) - 4) // 4
  row, rest = divmod(numbers, size + 1) if size > 0 else (0, 1)
  if rest or row % 3 or row <= 0 or len(data) % 4:
    raise errors.InputError(
      f'expected an int32 dimension K and 3 (K + 1) V floats, found K = {size} '
      f'and {len(data) - 4} bytes: {path}'
    )
  components = np.frombuffer(data, '<f4', offset=4).reshape(size + 1, -1, 3)[1:]
  path = folder / 'std_exp.txt'
  try:
    deviations = np.loadtxt(path, dtype=np.float64).ravel()
  except ValueError as error:
    raise errors.InputError(
      f'expected numbers, found {error}: {path}'
    ) from None
  if len(deviations) != size:
    raise errors.InputError(
      f'expected {size} standard deviations, found {len(deviations)}: {path}'
    )
  return components * deviations[:, None, None].astype(np.float32)


def _scaled(
  mat: Mapping[str, Any], basis: str, scale: str, rows: int, path: pathlib.Path
) -> np.ndarray:
  """Basis [K, V, 3] whose columns are multiplied by their deviations."""
  deviations = _vector(mat, scale, path)
  columns = _matrix(mat, basis, (rows, len(deviations)), path)
  return _as_basis(columns[:, :80] * deviations[:80])


def _as_basis(columns: np.ndarray) -> np.ndarray:
  """Columns [3V, K] as a basis [K, V, 3]."""
  return columns.T.reshape(columns.shape[1], -1, 3)


def _read_mat(path: pathlib.Path) -> dict[str, Any]:
  if not path.is_file():
    raise errors.InputError(f'expected a BFM .mat file, found none: {path}')
  try:
    return io.loadmat(str(path))
  except Exception as error:  # scipy raises many kinds for broken files
    raise errors.InputError(
      f'expected a MATLAB file up to version 7, found {error}: {path}'
    ) from None


def _get(mat: Mapping[str, Any], key: str, path: pathlib.Path) -> np.ndarray:
  if key not in mat:
    names = ', '.join(k for k in mat if not k.startswith('_'))
    raise errors.InputError(
      f'expected {key!r}, found {names or "none"}: {path}'
    )
  return mat[key]


def _vector(
  mat: Mapping[str, Any], key: str, path: pathlib.Path, size: int = 0
) -> np.ndarray:
  """A float32 vector; with `size` above 0, of so many numbers."""
  values = np.asarray(_get(mat, key, path), np.float32).ravel()
  if size and len(values) != size:
    raise errors.InputError(
      f'expected {size} numbers in {key}, found {len(values)}: {path}'
    )
  if key in ('meanshape', 'shapeMU') and len(values) % 3:
    raise errors.InputError(
      f'expected x, y, z of every vertex in {key}, found {len(values)} '
      f'numbers: {path}'
    )
  return values


def _matrix(
  mat: Mapping[str, Any], key: str, shape: tuple[int, int], path: pathlib.Path
) -> np.ndarray:
  values = np.asarray(_get(mat, key, path), np.float32)
  if values.shape != shape:
    raise errors.InputError(
      f'expected {key} of shape {shape}, found {values.shape}: {path}'
    )
  return values


def _indices(path: pathlib.Path, key: str, limit: int) -> np.ndarray:
  return _zero_based(_get(_read_mat(path), key, path).ravel(), limit, key, path)


def _zero_based(
  values: np.ndarray, limit: int, key: str, path: pathlib.Path
) -> np.ndarray:
  """Indices from 0, int32, of indices from 1 to `limit` in a file."""
  low, high = (values.min(), values.max()) if values.size else (1, 1)
  if low < 1 or high > limit:
    raise errors.InputError(
      f'expected {key} from 1 to {limit}, found {low} to {high}: {path}'
    )
  return values.astype(np.int32) - 1
