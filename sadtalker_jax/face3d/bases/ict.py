"""Loader of the ICT-FaceKit face model, a folder of OBJ files.

Conventions: the files are in centimetre, y up, facing +z; the loaded model is
in decimetre, moved so that its five alignment points have the mean of the
standard points of method 6.3. Polygons are cut into fans of triangles. Contents
of the folder (FaceXModel of the public repository, MIT; no part of it is
packaged here):

    generic_neutral_mesh.obj   the mean face, with polygons and uv
    identity000.obj ...        neutral + one identity component each
    <expression>.obj           neutral + one expression shape each, by name
    vertex_indices.json        key idx_to_landmark_verts: the 68 landmarks

Expressions take slots in the order of their names; identity components keep
their order, the first 80 by default.
"""

import json
import pathlib
import re

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d import alignment
from sadtalker_jax.face3d.bases import morphable

NEUTRAL_FILE = 'generic_neutral_mesh.obj'
INDEX_FILE = 'vertex_indices.json'
INDEX_KEY = 'idx_to_landmark_verts'
_CENTIMETRE = 0.1  # decimetre
_IDENTITY = re.compile(r'identity(\d+)\.obj$')


def load(
  folder: str | pathlib.Path,
  *,
  indices: str | pathlib.Path | None = None,
  num_identity: int = conventions.IDENTITY_SIZE,
) -> morphable.MorphableModel:
  """The face model of a folder.

  Args:
    folder: path of the folder of OBJ files.
    indices: file of the 68 landmark vertices, from 0: JSON with the key
      idx_to_landmark_verts, or plain text of 68 numbers; by default
      vertex_indices.json of the folder.
    num_identity: number of identity components to read, at most 80; the others
      are zero.

  Returns:
    The model, without texture and dense landmarks.

  Raises:
    InputError: files are missing or have other contents.
    ValueError: `num_identity` is out of range.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise errors.InputError(f'expected a folder of OBJ files, found: {folder}')
  names = sorted(p.name for p in folder.glob('*.obj'))
  if NEUTRAL_FILE not in names:
    raise errors.InputError(
      f'expected {NEUTRAL_FILE}, found {len(names)} other OBJ files: {folder}'
    )
  identities = sorted(n for n in names if _IDENTITY.match(n))
  expressions = [n for n in names if n not in (NEUTRAL_FILE, *identities)]
  _check_counts(folder, identities, expressions, num_identity)

  neutral = _read_text(folder / NEUTRAL_FILE)
  mean = _vertices(neutral, folder / NEUTRAL_FILE)
  triangles, uv = _polygons(neutral, len(mean), folder / NEUTRAL_FILE)
  index_file = pathlib.Path(indices or folder / INDEX_FILE)
  landmarks = _landmarks(index_file, len(mean))
  landmark_ids, landmark_weights = morphable.at_vertices(landmarks)
  identity = _differences(folder, identities[:num_identity], mean)
  expression = _differences(folder, expressions, mean)
  mean = mean * _CENTIMETRE
  mean = mean + alignment.centring_offset(mean[landmarks])
  return morphable.MorphableModel(
    name='ict',
    mean=mean.astype(np.float32),
    identity=morphable.pad_basis(identity, conventions.IDENTITY_SIZE),
    expression=morphable.pad_basis(expression, conventions.EXPRESSION_SIZE),
    triangles=triangles,
    vertex_triangles=morphable.vertex_triangles(triangles, len(mean)),
    landmark_ids=landmark_ids,
    landmark_weights=landmark_weights,
    uv=uv,
    expression_names=tuple(n.removesuffix('.obj') for n in expressions),
  )


def _check_counts(
  folder: pathlib.Path,
  identities: list[str],
  expressions: list[str],
  num_identity: int,
) -> None:
  if not 0 <= num_identity <= conventions.IDENTITY_SIZE:
    raise ValueError(
      f'expected 0 to {conventions.IDENTITY_SIZE} components, '
      f'found {num_identity}'
    )
  if len(identities) < num_identity:
    raise errors.InputError(
      f'expected {num_identity} files identityNNN.obj, found '
      f'{len(identities)}: {folder}'
    )
  if not 0 < len(expressions) <= conventions.EXPRESSION_SIZE:
    raise errors.InputError(
      f'expected 1 to {conventions.EXPRESSION_SIZE} expression OBJ files, '
      f'found {len(expressions)}: {folder}'
    )


def _read_text(path: pathlib.Path) -> str:
  try:
    return path.read_text(encoding='utf-8', errors='replace')
  except OSError as error:
    raise errors.InputError(
      f'expected a readable file, found {error.strerror}: {path}'
    ) from None


def _vertices(text: str, path: pathlib.Path) -> np.ndarray:
  """Positions [V, 3] of the `v` lines, float32."""
  rows = [li.split()[1:4] for li in text.splitlines() if li.startswith('v ')]
  try:
    return np.array(rows, np.float32).reshape(len(rows), 3)
  except ValueError:
    raise errors.InputError(
      f'expected lines "v x y z", found others: {path}'
    ) from None


def _polygons(
  text: str, count: int, path: pathlib.Path
) -> tuple[np.ndarray, np.ndarray | None]:
  """Triangles [T, 3] from 0, and uv [T, 3, 2] where every corner has one."""
  lines = text.splitlines()
  points = [li.split()[1:3] for li in lines if li.startswith('vt ')]
  corners: list[list[str]] = []  # vertex[/uv[/normal]], three per triangle
  for line in lines:
    if line.startswith('f '):
      first, *others = (c.split('/') for c in line.split()[1:])
      for second, third in zip(others, others[1:], strict=False):
        corners += [first, second, third]
  has_uv = bool(points) and all(len(c) > 1 and c[1] for c in corners)
  try:
    ids = _corner_ids([c[0] for c in corners], count)
    if not has_uv:
      return ids, None
    uv_ids = _corner_ids([c[1] for c in corners], len(points))
    return ids, np.array(points, np.float32)[uv_ids]
  except ValueError as error:
    raise errors.InputError(
      f'expected OBJ polygons, found {error}: {path}'
    ) from None


def _corner_ids(corners: list[str], limit: int) -> np.ndarray:
  """Vertex ids [T, 3] from 0 of corners numbered from 1 to `limit`."""
  ids = np.array(corners, np.int64).reshape(-1, 3)
  if not ids.size or ids.min() < 1 or ids.max() > limit:
    raise ValueError(f'{ids.size} corners not all from 1 to {limit}')
  return (ids - 1).astype(np.int32)


def _differences(
  folder: pathlib.Path, names: list[str], neutral: np.ndarray
) -> np.ndarray:
  """Differences [K, V, 3] of shapes to the neutral one, in decimetre."""
  out = np.zeros((len(names), *neutral.shape), np.float32)
  for i, name in enumerate(names):
    vertices = _vertices(_read_text(folder / name), folder / name)
    if len(vertices) != len(neutral):
      raise errors.InputError(
        f'expected {len(neutral)} vertices as in {NEUTRAL_FILE}, found '
        f'{len(vertices)}: {folder / name}'
      )
    out[i] = (vertices - neutral) * np.float32(_CENTIMETRE)
  return out


def _landmarks(path: pathlib.Path, count: int) -> np.ndarray:
  """The 68 landmark vertices, int32 ids from 0."""
  if not path.is_file():
    raise errors.InputError(f'expected a file of landmarks, found none: {path}')
  text = _read_text(path)
  try:
    if path.suffix == '.json':
      values = np.array(json.loads(text)[INDEX_KEY], np.int64)
    else:
      values = np.array(text.replace(',', ' ').split(), np.int64)
  except (ValueError, KeyError, TypeError):
    raise errors.InputError(
      f'expected {INDEX_KEY} in JSON or 68 numbers, found neither: {path}'
    ) from None
  if values.shape != (68,) or values.min() < 0 or values.max() >= count:
    raise errors.InputError(
      f'expected 68 vertices from 0 to {count - 1}, found {values.size}: {path}'
    )
  return values.astype(np.int32)
