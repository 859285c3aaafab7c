"""Where the 468 FaceMesh points lie on the surface of a head model.

The head is drawn in several poses and expressions, a landmarker finds its
points in the pictures, and each point is given the place on the outer skin
whose projections lie nearest to the found points over all pictures. Closed lips
and lids touch, so one neutral picture cannot tell the upper from the lower rim;
the pictures with open mouth and closed eyes can.

Conventions: pictures are uint8 [N, S, S, 3]; points are (x, y) pixels, y down,
pixel centres at half-integers. The head is a dict of arrays as
`head.build` makes it.
"""

from collections.abc import Mapping
import pathlib
from typing import NamedTuple

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d import alignment, camera, lighting
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.rasterize import rasterizer

KEYS = (
  'dense_ids',
  'dense_weights',
  'dense_valid',
  'landmark_ids',
  'landmark_weights',
)
SIZE = 640  # side of the pictures
_FRAME = 480  # the aligned frame, 2.2 dm wide, fills so many of these pixels
_DIVISIONS = 6  # candidates lie at the corners of 36 parts of every triangle
_SLACK = 0.02  # a candidate this far behind the seen surface still counts, dm
_FARTHEST = 0.12  # a point whose best place is farther off is not valid, dm


class ViewingAngle(NamedTuple):
  """One picture to take."""

  angles: tuple[float, float, float]  # radian
  units: Mapping[str, float]  # expression weights
  weight: float  # weight of its points in the sum of squares


VIEWS = (
  ViewingAngle((0.0, 0.0, 0.0), {}, 1.0),
  ViewingAngle((0.0, 0.35, 0.0), {}, 0.4),
  ViewingAngle((0.0, -0.35, 0.0), {}, 0.4),
  ViewingAngle((0.2, 0.0, 0.0), {}, 0.3),
  ViewingAngle((-0.2, 0.0, 0.0), {}, 0.3),
  ViewingAngle((0.0, 0.0, 0.0), {'jawOpen': 0.4}, 0.7),
  ViewingAngle((0.0, 0.0, 0.0), {'jawOpen': 0.9}, 0.7),
  ViewingAngle(
    (0.0, 0.0, 0.0), {'eyeBlinkLeft': 1.0, 'eyeBlinkRight': 1.0}, 0.4
  ),
  ViewingAngle((0.0, 0.0, 0.0), {'eyeWideLeft': 1.0, 'eyeWideRight': 1.0}, 0.4),
  ViewingAngle(
    (0.0, 0.0, 0.0), {'mouthSmileLeft': 0.8, 'mouthSmileRight': 0.8}, 0.4
  ),
)

# The surface of the body: whole as it is built, in two parts as it ships.
_BODY = ('body', 'lining', 'skin')
_COLOURS = {
  **dict.fromkeys(_BODY, (224, 180, 150)),
  'eye_left': (235, 235, 235),
  'eye_right': (235, 235, 235),
  'teeth_lower': (240, 240, 225),
  'teeth_upper': (240, 240, 225),
  'tongue': (190, 90, 90),
}
_IRIS = (0.06, (95, 65, 45))  # radius in dm, colour
_PUPIL = (0.025, (15, 15, 15))
# Light from the front and a little above, as in most portraits.
_GAMMA = np.zeros(27, np.float32)
_GAMMA[[0, 9, 18]] = -0.25
_GAMMA[[1, 10, 19]] = -0.08
_GAMMA[[2, 11, 20]] = 0.28


def pictures(head: Mapping[str, np.ndarray]) -> np.ndarray:
  """The head in all `VIEWS`, uint8 [N, S, S, 3]."""
  model, colours = _model(head), _triangle_colours(head)
  return np.stack([_draw(head, model, colours, view) for view in VIEWS])


def find(
  head: Mapping[str, np.ndarray], path: pathlib.Path
) -> dict[str, np.ndarray]:
  """Correspondences from the points found in `pictures`.

  Args:
    head: Arrays of the head, see `head.build`.
    path: File, npz, with `points` [N, 468 or more, 2 or more] in the order of
      `VIEWS` and `subset_68` [68], indices of the 468.

  Returns:
    Arrays by name, those of `KEYS`.

  Raises:
    InputError: The file does not hold that.
  """
  try:
    with np.load(path) as stored:
      points = stored['points'][:, :468, :2].astype(np.float64)
      subset = stored['subset_68'].astype(int)
    if points.shape != (len(VIEWS), 468, 2) or subset.shape != (68,):
      raise ValueError(f'points {points.shape}, subset_68 {subset.shape}')
  except (OSError, KeyError, ValueError, IndexError) as error:
    raise errors.InputError(
      f'expected points [{len(VIEWS)}, 468, 2] and subset_68 [68], found '
      f'{error}: {path}'
    ) from None
  ids, weights, distance = _nearest(head, points)
  return {
    'dense_ids': ids.astype(np.int16),
    'dense_weights': weights.astype(np.float32),
    'dense_valid': distance < _FARTHEST,
    'landmark_ids': ids[subset].astype(np.int16),
    'landmark_weights': weights[subset].astype(np.float32),
  }


def _model(head: Mapping[str, np.ndarray]) -> morphable.MorphableModel:
  """The head as a model, roughly centred on the face, without landmarks."""
  triangles = head['triangles'].astype(np.int32)
  # Midway between the eyeballs, which lie behind the face by about this much.
  names = list(head['group_names'])
  eyes = [names.index('eye_left'), names.index('eye_right')]
  ids = np.unique(triangles[np.isin(head['triangle_group'], eyes)])
  box = head['mean'][ids]
  centre = (box.min(0) + box.max(0)) / 2
  standard = alignment.STANDARD_POINTS[:2].mean(0)
  none = np.zeros(0, np.int32)
  return morphable.MorphableModel(
    mean=(head['mean'] - centre + standard).astype(np.float32),
    identity=head['identity'],
    expression=head['expression'].astype(np.float32),
    triangles=triangles,
    vertex_triangles=morphable.vertex_triangles(triangles, len(head['mean'])),
    landmark_ids=none,
    landmark_weights=none,
  )


def _pose(
  head: Mapping[str, np.ndarray],
  model: morphable.MorphableModel,
  view: ViewingAngle,
) -> tuple[np.ndarray, np.ndarray]:
  """Vertices before the pose [V, 3], and positions in the picture [V, 3]."""
  names = list(head['expression_names'])
  vertices = np.asarray(model.mean)
  for name, weight in view.units.items():
    unit = np.asarray(model.expression)[names.index(name)]
    vertices = vertices + np.float32(weight) * unit
  angles = np.array(view.angles, np.float32)
  posed = camera.transform(vertices, angles, np.zeros(3, np.float32))
  trans = alignment.TransParams(
    SIZE, SIZE, camera.SIZE / _FRAME, SIZE / 2, SIZE / 2
  )
  return vertices, np.asarray(camera.project_to_picture(posed, trans))


def _triangle_colours(head: Mapping[str, np.ndarray]) -> np.ndarray:
  table = np.array([_COLOURS[str(n)] for n in head['group_names']], np.float32)
  return table[head['triangle_group']]


def _draw(
  head: Mapping[str, np.ndarray],
  model: morphable.MorphableModel,
  colours: np.ndarray,
  view: ViewingAngle,
) -> np.ndarray:
  """One picture [S, S, 3]: shaded skin, eyes with irises, white background."""
  vertices, positions = _pose(head, model, view)
  fragments = rasterizer.rasterize(positions, model.triangles, SIZE, SIZE)
  angles = np.array(view.angles, np.float32)
  normals = camera.rotate(morphable.vertex_normals(model, vertices), angles)
  light = lighting.irradiance(normals, _GAMMA)
  attributes = np.concatenate([np.asarray(light), vertices], 1)
  values = np.asarray(
    rasterizer.interpolate(positions, attributes, model.triangles, fragments)
  )
  ids = np.asarray(fragments.triangle_id)
  colour = colours[ids]
  for radius, paint in (_IRIS, _PUPIL):
    colour[_around_pupils(head, vertices, ids, values[..., 3:], radius)] = paint
  picture = np.where((ids < 0)[..., None], 255, colour * values[..., :3])
  return picture.clip(0, 255).astype(np.uint8)


def _around_pupils(
  head: Mapping[str, np.ndarray],
  vertices: np.ndarray,
  ids: np.ndarray,
  surface: np.ndarray,
  radius: float,
) -> np.ndarray:
  """Pixels [S, S] of an eyeball within `radius` of its foremost line."""
  out = np.zeros(ids.shape, bool)
  for name in ('eye_left', 'eye_right'):
    group = list(head['group_names']).index(name)
    own = np.unique(head['triangles'][head['triangle_group'] == group])
    centre = (vertices[own].min(0) + vertices[own].max(0)) / 2
    off = np.linalg.norm(surface[..., :2] - centre[:2], axis=-1)
    on_eye = (ids >= 0) & (head['triangle_group'][ids] == group)
    out |= on_eye & (off < radius) & (surface[..., 2] > centre[2])
  return out


def _nearest(
  head: Mapping[str, np.ndarray], points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """The best place of every point over all views.

  Returns:
    Vertex ids [468, 3], weights [468, 3], and the root mean square distance
    [468] of the projections from the found points, decimetre.
  """
  model = _model(head)
  body = np.flatnonzero(np.isin(head['group_names'], _BODY))
  on_body = np.isin(head['triangle_group'], body)
  skin = np.asarray(model.triangles)[on_body]
  grid = _grid(_DIVISIONS)  # [G, 3]
  seen = np.zeros(len(skin) * len(grid), bool)
  places = []  # [N] of [T G, 2], pixels from the centre
  for view in VIEWS:
    _, positions = _pose(head, model, view)
    place = np.einsum('gk,tkc->tgc', grid, positions[skin]).reshape(-1, 3)
    fragments = rasterizer.rasterize(positions, model.triangles, SIZE, SIZE)
    x, y = np.clip(place[:, :2], 0, SIZE - 1).astype(int).T
    seen |= place[:, 2] < np.asarray(fragments.depth)[y, x] + _SLACK
    places.append(place[:, :2] - SIZE / 2)
  candidates = np.flatnonzero(seen)
  # [N, C, 2], scaled so that squared distances carry the views' weights.
  scale = np.sqrt([v.weight / sum(w.weight for w in VIEWS) for v in VIEWS])
  table = np.stack(places)[:, candidates] * scale[:, None, None]
  wanted = (points - SIZE / 2) * scale[:, None, None]
  best, pixels = np.zeros(468, int), np.zeros(468)
  for i in range(468):
    squared = ((table - wanted[:, i, None]) ** 2).sum((0, 2))
    best[i] = squared.argmin()
    pixels[i] = np.sqrt(squared[best[i]])
  triangle, place = np.divmod(candidates[best], len(grid))
  per_decimetre = alignment.RESCALE_FACTOR * _FRAME / camera.SIZE
  return skin[triangle], grid[place], pixels / per_decimetre


def _grid(divisions: int) -> np.ndarray:
  """Barycentric weights [G, 3] of a regular grid on a triangle."""
  steps = range(divisions + 1)
  corners = [(i, j, divisions - i - j) for i in steps for j in steps]
  return np.array([c for c in corners if min(c) >= 0]) / divisions
