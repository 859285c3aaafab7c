"""The inside of a portrait's mouth: teeth and tongue, and what the photo shows.

Conventions: those of `fitted_head`; texture points are frame points plus the
portrait's `margin`; colours are RGB, 0 to 255 unless said otherwise.
"""

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fitted_head, fitted_portrait
from sadtalker_jax.inference.puppet import sheet as sheet_lib

IVORY = (0.93, 0.89, 0.80)  # albedo, RGB
TONGUE = (0.72, 0.38, 0.36)
CAVITY = (0.10, 0.03, 0.03)
# How far parts of the model are lowered, decimetre.
DROP = {'teeth_upper': 0.05, 'teeth_lower': 0.05, 'tongue': 0.09}
MOUTH_REACH = 0.5  # decimetre around its middle in which the skin may be open
OPEN_GAP = 0.04  # decimetre; a photo's lips farther apart show an open mouth

_LIPS = list(fitted_head.MOUTH_RIM[2:])


def in_photo(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  points: np.ndarray,
  depth: np.ndarray,
  skin: np.ndarray,
  place: tuple[tuple[int, int], np.ndarray, float],
) -> tuple[np.ndarray, np.ndarray]:
  """Where the photo itself shows what lies between the lips.

  An open mouth of the photo keeps its own teeth. A closed one has at most a
  dark line there, which must go once the lips part.

  Args:
    model: Head model.
    head: Fitted head.
    points: [N, 2] texture points of face and sheet.
    depth: [N].
    skin: [T, 3] triangles of both.
    place: Size of the texture, (height, width); middle of the mouth, a texture
      point; pixels per decimetre.

  Returns:
    Mask [Ht, Wt] in [0, 1] and the lip gaps [2], decimetre, between which what
    it marks fades out.
  """
  size, centre, pixels = place
  upper, lower = fitted_head.points468(model, head.expressed())[_LIPS]
  gap = float(upper[1] - lower[1])
  holes = ~sheet_lib.coverage(points, depth, skin, size)
  y, x = np.indices(size) + 0.5
  holes &= np.hypot(x - centre[0], y - centre[1]) < MOUTH_REACH * pixels
  mask = ndimage.binary_dilation(holes, iterations=2).astype(np.float64)
  mask = ndimage.gaussian_filter(mask, 0.7)
  mask[holes] = 1.0
  if gap > OPEN_GAP:
    return mask, np.array([1e3, 1e4])  # never
  return mask, np.array([gap + 0.01, gap + 0.05])


def light(
  portrait: fitted_portrait.FittedPortrait, view: sheet_lib.FaceView
) -> float:
  """How brightly the photo's face is lit, 0.25 (dark) to 1."""
  grey = np.asarray(portrait.texture, np.float64) @ (0.299, 0.587, 0.114)
  bright = np.percentile(sheet_lib.sample(grey, view.points), 80)
  return float(np.clip(bright / 235.0, 0.25, 1.0))


def fields(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  brightness: float,
) -> dict[str, np.ndarray]:
  """The fields of a `rig.Rig` that are about the inside and the lips.

  Args:
    model: Head model.
    head: Fitted head.
    brightness: Light on the face, see `light`.
  """
  ids, triangles = _inside_part(model)
  return {
    'inside_vertices': head.vertices[ids] + _lowered(model, ids),
    'inside_expression': head.expression[:, ids],
    'inside_colour': _inside_colour(model, ids) * brightness * 255.0,
    'cavity': np.array(CAVITY) * brightness * 255.0,
    'lips': fitted_head.points468(model, head.vertices)[_LIPS],
    'lips_expression': np.stack(
      [fitted_head.points468(model, unit)[_LIPS] for unit in head.expression]
    ),
    'inside': triangles,
  }


def _inside_part(
  model: morphable.MorphableModel,
) -> tuple[np.ndarray, np.ndarray]:
  """Vertex ids [M] of teeth and tongue, and triangles [U, 3] into them."""
  wanted = model.group('teeth_upper', 'teeth_lower', 'tongue')
  triangles = np.asarray(model.triangles)[wanted]
  ids, flat = np.unique(triangles, return_inverse=True)
  return ids, flat.reshape(-1, 3).astype(np.int32)


def _lowered(model: morphable.MorphableModel, ids: np.ndarray) -> np.ndarray:
  """Offsets [M, 3] that bring teeth and tongue to where speech shows them.

  The model's upper teeth end above the lip and its tongue fills the mouth.
  """
  offsets = np.zeros((model.num_vertices, 3))
  triangles = np.asarray(model.triangles)
  for part, drop in DROP.items():
    offsets[triangles[model.group(part)], 1] = -drop
  return offsets[ids]


def _inside_colour(
  model: morphable.MorphableModel, ids: np.ndarray
) -> np.ndarray:
  """Colours [M, 3] in [0, 1]: lit from the front, darker towards the throat."""
  tongue = np.zeros(model.num_vertices, bool)
  tongue[np.asarray(model.triangles)[model.group('tongue')]] = True
  mean = np.asarray(model.mean, np.float64)
  lips = fitted_head.points468(model, mean)[_LIPS]
  behind = lips[:, 2].max() - mean[ids, 2]
  shade = np.clip(1.25 - behind / 0.5, 0.15, 1.0)
  albedo = np.where(tongue[ids][:, None], TONGUE, IVORY)
  return albedo * shade[:, None]
