"""The inside of a portrait's mouth: teeth and tongue, and what the photo shows.

Conventions: those of `fitted_head`; texture points are frame points plus the
portrait's `margin`; colours are RGB, 0 to 255 unless said otherwise.
"""

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference.puppet import fitted_head, palette, teeth

TONGUE_DROP, TONGUE_FORTH = 0.11, 0.02  # decimetre from the model's place
TONGUE_DARKENING = 0.30  # decimetre over which light fades towards the throat
LIGHT = (0.0, 0.6, 0.8)  # direction of the light on the tongue
LIFT = 0.06  # decimetre that the teeth may be moved up or down
MOUTH_REACH = 0.5  # decimetre around its middle in which the skin may be open
OPEN_GAP = 0.04  # decimetre; a photo's lips farther apart show an open mouth

_UPWARDS = np.array([[0, 1, 0], [1, 1, 1], [0, 0, 0]], bool)
_LIPS = list(fitted_head.MOUTH_RIM[2:])


def in_photo(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  points: np.ndarray,
  depth: np.ndarray,
  triangles: tuple[np.ndarray, np.ndarray],
  place: tuple[tuple[int, int], np.ndarray, float],
) -> tuple[np.ndarray, np.ndarray]:
  """Where the photo itself shows what lies between the lips.

  An open mouth of the photo keeps its own teeth. A closed one has at most a
  dark line there, which must go once the lips part.

  Args:
    model: Head model.
    head: Fitted head.
    points: [N, 2] texture points of face and caps.
    depth: [N].
    triangles: Those of the face [F, 3] and of the caps [C, 3].
    place: Size of the texture, (height, width); middle of the mouth, a texture
      point; pixels per decimetre.

  Returns:
    Mask [Ht, Wt] in [0, 1] and the lip gaps [2], decimetre, between which what
    it marks fades out.
  """
  size, centre, pixels = place
  upper, lower = fitted_head.points468(model, head.expressed())[_LIPS]
  gap = float(upper[1] - lower[1])
  positions = np.concatenate([points, depth[:, None]], 1).astype(np.float32)
  front = rasterizer.rasterize(positions, np.concatenate(triangles), *size)
  holes = np.asarray(front.triangle_id) >= len(triangles[0])
  y, x = np.indices(size) + 0.5
  holes &= np.hypot(x - centre[0], y - centre[1]) < MOUTH_REACH * pixels
  # Not downwards: the lower lip would stay behind where the jaw opens farther.
  grown = ndimage.binary_dilation(holes, _UPWARDS, iterations=2)
  mask = grown.astype(np.float64)
  mask = ndimage.gaussian_filter(mask, 0.7)
  mask[holes] = 1.0
  if gap > OPEN_GAP:
    return mask, np.array([1e3, 1e4])  # never
  return mask, np.array([gap + 0.01, gap + 0.05])


def fields(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  colours: palette.Palette,
) -> dict[str, np.ndarray]:
  """The fields of a `rig.Rig` that are about the inside and the lips.

  Args:
    model: Head model.
    head: Fitted head.
    colours: Colours of the inside.
  """
  lips = fitted_head.points468(model, head.vertices)[_LIPS]
  mean_lips = fitted_head.points468(model, np.asarray(model.mean))[_LIPS]
  carry = _affine(model, ('teeth_upper', 'teeth_lower'), head.vertices)
  # The rows stand where this person's lips meet.
  meet = _apply(carry, mean_lips.mean(0)[None])[0]
  lift = np.clip(lips.mean(0)[1] - meet[1], -LIFT, LIFT)
  parts = []
  for row, group in (
    (teeth.UPPER, 'teeth_upper'),
    (teeth.LOWER, 'teeth_lower'),
  ):
    mesh = teeth.build(row)
    vertices = _apply(carry, mesh.vertices) + (0.0, lift, 0.0)
    moves = np.stack(
      [
        _apply(_affine(model, (group,), unit), mesh.vertices)
        if unit.any()
        else np.zeros_like(vertices)
        for unit in head.expression
      ]
    )
    base = np.where(mesh.gum[:, None], colours.gum, colours.enamel)
    parts.append((vertices, moves, base * mesh.shade, mesh.triangles))
  parts.append(_tongue(model, head, colours, lift))
  counts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
  return {
    'inside_vertices': np.concatenate([part[0] for part in parts]),
    'inside_expression': np.concatenate([part[1] for part in parts], 1),
    'inside_colour': np.concatenate([part[2] for part in parts]),
    'cavity': colours.cavity,
    'lips': lips,
    'lips_expression': np.stack(
      [fitted_head.points468(model, unit)[_LIPS] for unit in head.expression]
    ),
    'inside': np.concatenate(
      [part[3] + n for part, n in zip(parts, counts, strict=True)]
    ).astype(np.int32),
  }


def _affine(
  model: morphable.MorphableModel, groups: tuple[str, ...], field: np.ndarray
) -> np.ndarray:
  """The affine map [4, 3] nearest to a field [V, 3] of parts of the model."""
  ids = np.unique(np.asarray(model.triangles)[model.group(*groups)])
  at = np.asarray(model.mean, np.float64)[ids]
  return np.linalg.lstsq(_homogeneous(at), field[ids], rcond=None)[0]


def _apply(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Points [N, 3] mapped by an affine map [4, 3]."""
  return _homogeneous(points) @ affine


def _homogeneous(points: np.ndarray) -> np.ndarray:
  return np.concatenate([points, np.ones((len(points), 1))], 1)


def _tongue(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  colours: palette.Palette,
  lift: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Vertices, expressions, colours and triangles of the tongue.

  The model's own fills the mouth; it is lowered to where speech shows it.
  """
  corners = np.asarray(model.triangles)[model.group('tongue')]
  ids, flat = np.unique(corners, return_inverse=True)
  triangles = flat.reshape(-1, 3).astype(np.int32)
  mean = np.asarray(model.mean, np.float64)
  normals = np.zeros((len(ids), 3))
  a, b, c = (mean[corners[:, k]] for k in range(3))
  for k in range(3):
    np.add.at(normals, triangles[:, k], np.cross(b - a, c - a))
  normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
  at = mean[ids]
  lit = 0.45 + 0.55 * np.clip(normals @ LIGHT, 0.0, 1.0)
  lit *= 1.0 - 0.2 * np.exp(-((at[:, 0] / 0.02) ** 2))  # groove
  behind = np.maximum(at[:, 2].max() - at[:, 2], 0.0)
  fade = np.exp(-behind[:, None] / TONGUE_DARKENING * (1.0, 1.1, 1.1))
  return (
    head.vertices[ids] + (0.0, lift - TONGUE_DROP, TONGUE_FORTH),
    head.expression[:, ids],
    colours.tongue * lit[:, None] * fade,
    triangles,
  )
