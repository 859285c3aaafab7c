"""Source-only work of the puppet: a photo becomes a rig that can be posed.

The rig is one textured surface in three dimensions:

* the **face**: the outer skin of the fitted head around the landmarks, moved so
  that it meets every landmark of the photo;
* the **sheet** (module `sheet`): the surroundings that go along;
* the **inside**: teeth and tongue of the model, seen where the lips part.

Its texture is the photo itself, so the source's own coefficients give the photo
back. Conventions: `vertices` in the head's own coordinates, decimetre; frame
points are (x, y) in pixels of the rendered frame, y down, pixel centres at
half-integers; texture points are frame points plus `margin`.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d import camera, coeffs
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fitted_portrait
from sadtalker_jax.inference.puppet import sheet as sheet_lib
from sadtalker_jax.typing import Array

# Lengths in decimetre.
FACE_REACH = 0.16  # skin farther than this from every landmark is left out
RESIDUAL_LENGTH = 0.2  # over which a landmark pulls the skin along
NECK_HEIGHT = -0.75  # of the mean head; what is below does not turn with it
SHEET_BIAS = 0.03  # the sheet lies this much behind the face
IVORY = (0.93, 0.89, 0.80)  # albedo, RGB
TONGUE = (0.72, 0.38, 0.36)
CAVITY = (0.10, 0.03, 0.03)
DROP = {'teeth_upper': 0.05, 'teeth_lower': 0.05, 'tongue': 0.09}
MOUTH_REACH = 0.5
OPEN_GAP = 0.04  # a photo's lips that are farther apart show an open mouth

# Points of the 468: corners, upper and lower rim of each eye; corners and inner
# rim of the mouth.
EYES = ((33, 133, 159, 145), (362, 263, 386, 374))
MOUTH = (61, 291, 13, 14)
CHIN, BROW = 152, 9


class Rig(NamedTuple):
  """All that a frame needs beside its coefficients; a pytree of arrays."""

  texture: Array  # [Ht, Wt, 3] float32, whole numbers 0..255
  pixels: Array  # [] frame pixels per decimetre at the face
  margin: Array  # [2] texture pixels left of and above the frame
  camera_scale: Array  # [2] aligned frame -> rendered frame
  camera_shift: Array  # [2]
  vertices: Array  # [N, 3] face, then sheet
  expression: Array  # [64, N, 3]
  follow: Array  # [N] in [0, 1]
  rest: Array  # [N, 2] frame points in the source's own pose
  bias: Array  # [N] added to the depth
  inside_vertices: Array  # [M, 3]
  inside_expression: Array  # [64, M, 3]
  inside_colour: Array  # [M, 3] 0..255
  cavity: Array  # [3] colour of the dark of the mouth, 0..255
  planes: Array  # [3, 3, 3] three points each: image-left eye, other eye, mouth
  planes_rest: Array  # [3, 3, 2] the same in the source frame
  lips: Array  # [2, 3] inner rim, upper and lower
  lips_expression: Array  # [64, 2, 3]
  photo_mouth: Array  # [Ht, Wt] 1 where the photo shows what is between lips
  photo_gap: Array  # [2] that fades out between these lip gaps, decimetre
  source: Array  # [70] coefficients of the photo
  blink_slots: Array  # [2] int32, expression slots of the two lids
  blink_gain: Array  # [2] makes a blink of 1 close this person's lids
  skin: Array  # [T, 3] int32 triangles, into vertices
  inside: Array  # [U, 3] int32 triangles, into inside_vertices


class _Head(NamedTuple):
  """The fitted head in numpy float64, residuals in its vertices."""

  vertices: np.ndarray  # [V, 3] without expression
  expression: np.ndarray  # [64, V, 3]
  beta: np.ndarray  # [64]
  rotation: np.ndarray  # [3, 3], posed = vertices @ rotation + translation
  translation: np.ndarray  # [3]

  def expressed(self) -> np.ndarray:
    return self.vertices + np.tensordot(self.beta, self.expression, 1)

  def posed(self, vertices: np.ndarray) -> np.ndarray:
    return vertices @ self.rotation + self.translation

  def unposed(self, vertices: np.ndarray) -> np.ndarray:
    return (vertices - self.translation) @ self.rotation.T


def build(
  src: fitted_portrait.FittedPortrait, model: morphable.MorphableModel
) -> Rig:
  """The rig of a portrait.

  Args:
    src: the portrait with its landmarks and fitted coefficients.
    model: the head model that it was fitted with; it needs the part groups
      `skin`, `teeth_upper`, `teeth_lower`, `tongue` and the 468 points.

  Returns:
    The rig, numpy float32 and int32. Shapes depend on the model and on the
    frame's size only.
  """
  head = _fitted_head(src, model)
  scale, shift = _camera(src)
  ids, face_triangles = _face_part(model)
  frame, depth = _project(head.posed(head.expressed()), scale, shift)
  margin = np.asarray(src.margin, np.float64)
  view = _view(src, model, frame + margin, depth, (ids, face_triangles))
  sheet = sheet_lib.build(view, head.expression[:, ids])
  sheet_own = head.unposed(
    _unproject(sheet.points - margin, sheet.depth, scale, shift)
  )
  sheet_vertices = sheet_own - np.tensordot(head.beta, sheet.expression, 1)
  inside_ids, inside = _inside_part(model)
  planes = _planes(model, head)
  planes_rest, _ = _project(head.posed(planes.reshape(-1, 3)), scale, shift)
  light = _light(src, view)
  slots, gain = _blinks(model, head)
  count = len(sheet.points)
  skin = np.concatenate([face_triangles, sheet.triangles + len(ids)])
  photo_mouth, photo_gap = _photo_mouth(
    model,
    head,
    np.concatenate([view.points, sheet.points]),
    np.concatenate([view.depth, sheet.depth + SHEET_BIAS]),
    skin,
    (src.texture.shape[:2], planes_rest[6] + margin, view.pixels),
  )
  rig = Rig(
    texture=np.rint(src.texture),
    pixels=np.array(view.pixels),
    margin=margin,
    camera_scale=scale,
    camera_shift=shift,
    vertices=np.concatenate([head.vertices[ids], sheet_vertices]),
    expression=np.concatenate(
      [head.expression[:, ids], sheet.expression], axis=1
    ),
    follow=np.concatenate([np.ones(len(ids)), sheet.follow]),
    rest=np.concatenate([frame[ids], sheet.points - margin]),
    bias=np.concatenate([np.zeros(len(ids)), np.full(count, SHEET_BIAS)]),
    inside_vertices=head.vertices[inside_ids] + _lowered(model, inside_ids),
    inside_expression=head.expression[:, inside_ids],
    inside_colour=_inside_colour(model, inside_ids) * light * 255.0,
    cavity=np.array(CAVITY) * light * 255.0,
    planes=planes,
    planes_rest=planes_rest.reshape(3, 3, 2),
    lips=_points468(model, head.vertices)[list(MOUTH[2:])],
    lips_expression=np.stack(
      [_points468(model, unit)[list(MOUTH[2:])] for unit in head.expression]
    ),
    photo_mouth=photo_mouth,
    photo_gap=photo_gap,
    source=np.asarray(src.row),
    blink_slots=slots,
    blink_gain=gain,
    skin=skin.astype(np.int32),
    inside=inside,
  )
  return Rig(
    *(
      a if a.dtype == np.int32 else np.asarray(a, np.float32)
      for a in map(np.asarray, rig)
    )
  )


def _camera(
  src: fitted_portrait.FittedPortrait,
) -> tuple[np.ndarray, np.ndarray]:
  """Scale [2] and shift [2] from the aligned frame to the rendered frame."""
  corners = np.array([[0.0, 0.0], [1.0, 1.0]])
  picture = camera.aligned_to_picture(corners, src.trans)
  low, high = src.to_frame(np.asarray(picture, np.float64))
  return high - low, low


def _project(
  posed: np.ndarray, scale: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Frame points [N, 2] and depths [N] of posed vertices [N, 3]; float64."""
  depth = camera.DISTANCE - posed[:, 2]
  aligned = posed[:, :2] * camera.FOCAL / depth[:, None] + camera.CENTER
  return aligned * scale + shift, depth


def _unproject(
  points: np.ndarray, depth: np.ndarray, scale: np.ndarray, shift: np.ndarray
) -> np.ndarray:
  """Posed vertices [N, 3] of frame points [N, 2] at depths [N]."""
  aligned = (points - shift) / scale - camera.CENTER
  plane = aligned * depth[:, None] / camera.FOCAL
  return np.concatenate([plane, camera.DISTANCE - depth[:, None]], 1)


def _points468(
  model: morphable.MorphableModel, field: np.ndarray
) -> np.ndarray:
  """The field [V, C] at the 468 points: [468, C], numpy."""
  ids, weights = np.asarray(model.dense_ids), np.asarray(model.dense_weights)
  return (np.asarray(field, np.float64)[ids] * weights[..., None]).sum(1)


def _fitted_head(
  src: fitted_portrait.FittedPortrait, model: morphable.MorphableModel
) -> _Head:
  """The head with its identity, moved onto the landmarks of the photo."""
  beta, angles, translation = map(
    np.asarray, coeffs.split_row(np.asarray(src.row, np.float64))
  )
  identity = np.asarray(model.identity, np.float64)
  head = _Head(
    np.asarray(model.mean, np.float64)
    + np.tensordot(np.asarray(src.identity, np.float64), identity, 1),
    np.asarray(model.expression, np.float64),
    beta,
    np.asarray(camera.rotate(np.eye(3, dtype=np.float32), angles), np.float64),
    translation,
  )
  # Seen from the landmarks: how far, in the image plane, is the head off?
  posed = head.posed(_points468(model, head.expressed()))
  target = np.asarray(
    camera.picture_to_aligned(src.landmarks[:468, :2], src.trans), np.float64
  )
  depth = camera.DISTANCE - posed[:, 2:]
  moved = np.zeros_like(posed)
  moved[:, :2] = (target - camera.CENTER) * depth / camera.FOCAL - posed[:, :2]
  # Distances are taken with the jaw open, so that the upper lip does not follow
  # landmarks of the lower one.
  jaw = model.expression_names.index('jawOpen')
  open_mouth = np.asarray(model.mean, np.float64) + head.expression[jaw]
  offsets = sheet_lib.spread(
    _points468(model, open_mouth),
    moved @ head.rotation.T,
    open_mouth,
    RESIDUAL_LENGTH,
  )
  return head._replace(vertices=head.vertices + offsets)


def _face_part(
  model: morphable.MorphableModel,
) -> tuple[np.ndarray, np.ndarray]:
  """Vertex ids [F] of the outer skin near the landmarks, and its triangles."""
  mean = np.asarray(model.mean, np.float64)
  landmarks = _points468(model, mean)
  gap = np.concatenate(
    [
      np.linalg.norm(part[:, None] - landmarks[None], axis=-1).min(1)
      for part in np.array_split(mean, 8)  # bounds the table of distances
    ]
  )
  triangles = np.asarray(model.triangles)[model.group('skin')]
  triangles = triangles[(gap[triangles] < FACE_REACH).all(1)]
  ids, flat = np.unique(triangles, return_inverse=True)
  return ids, flat.reshape(-1, 3).astype(np.int32)


def _view(
  src: fitted_portrait.FittedPortrait,
  model: morphable.MorphableModel,
  points: np.ndarray,
  depth: np.ndarray,
  face: tuple[np.ndarray, np.ndarray],
) -> sheet_lib.FaceView:
  """What the sheet needs to know; points [V, 2] in texture pixels."""
  triangles = np.asarray(model.triangles)[model.group('skin')]
  high = np.asarray(model.mean)[triangles, 1].min(1) > NECK_HEIGHT
  size = src.texture.shape[:2]
  ids, face_triangles = face
  width, height = src.frame_size
  mx, my = src.margin
  scale, _ = _camera(src)
  chin, brow = src.to_frame(src.landmarks[[CHIN, BROW], :2]) + src.margin
  return sheet_lib.FaceView(
    points[ids],
    depth[ids],
    face_triangles,
    sheet_lib.coverage(points, depth, triangles[high], size),
    chin,
    brow,
    float(np.abs(scale).mean() * camera.FOCAL / np.median(depth[ids])),
    (mx, my, mx + width, my + height),
    src.pinned,
  )


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


def _photo_mouth(
  model: morphable.MorphableModel,
  head: _Head,
  points: np.ndarray,
  depth: np.ndarray,
  skin: np.ndarray,
  place: tuple[tuple[int, int], np.ndarray, float],
) -> tuple[np.ndarray, np.ndarray]:
  """Where the photo itself shows what lies between the lips.

  An open mouth of the photo keeps its own teeth. A closed one has at most a
  dark line there, which must go once the lips part.

  Args:
    model: the head model.
    head: the fitted head.
    points: [N, 2] texture points of face and sheet.
    depth: [N].
    skin: [T, 3] triangles of both.
    place: texture size, mouth centre in the texture, pixels per decimetre.

  Returns:
    Mask [Ht, Wt] in [0, 1] and the lip gaps [2], decimetre, between which the
    mask's content fades out.
  """
  size, centre, pixels = place
  upper, lower = _points468(model, head.expressed())[list(MOUTH[2:])]
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


def _inside_colour(
  model: morphable.MorphableModel, ids: np.ndarray
) -> np.ndarray:
  """Colours [M, 3] in [0, 1]: lit from the front, darker towards the throat."""
  tongue = np.zeros(model.num_vertices, bool)
  tongue[np.asarray(model.triangles)[model.group('tongue')]] = True
  mean = np.asarray(model.mean, np.float64)
  lips = _points468(model, mean)[list(MOUTH[2:])]
  behind = lips[:, 2].max() - mean[ids, 2]
  shade = np.clip(1.25 - behind / 0.5, 0.15, 1.0)
  albedo = np.where(tongue[ids][:, None], TONGUE, IVORY)
  return albedo * shade[:, None]


def _light(
  src: fitted_portrait.FittedPortrait, view: sheet_lib.FaceView
) -> float:
  """How brightly the photo's face is lit, 0.25 (dark) to 1."""
  grey = np.asarray(src.texture, np.float64) @ (0.299, 0.587, 0.114)
  bright = np.percentile(sheet_lib.sample(grey, view.points), 80)
  return float(np.clip(bright / 235.0, 0.25, 1.0))


def _planes(model: morphable.MorphableModel, head: _Head) -> np.ndarray:
  """Points [3, 3, 3] that carry what the photo shows in eyes and mouth."""
  landmarks = _points468(model, head.expressed())
  step = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0]])
  rims = (EYES[0], EYES[1], MOUTH)
  return np.stack([landmarks[list(rim)].mean(0) + step for rim in rims])


def _lid_rims(
  model: morphable.MorphableModel, slot: int
) -> tuple[np.ndarray, np.ndarray]:
  """Vertex ids of the upper and the lower rim of the eye that `slot` closes.

  The rims are where the skin ends; the upper one is what the blink moves most.
  """
  triangles = np.asarray(model.triangles)[model.group('skin')]
  edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
  edges, uses = np.unique(edges, axis=0, return_counts=True)
  rim = np.unique(edges[uses == 1])
  drop = -np.asarray(model.expression, np.float64)[slot, :, 1]
  upper = rim[drop[rim] > 0.5 * drop[rim].max()]
  mean = np.asarray(model.mean, np.float64)
  centre = mean[upper].mean(0)
  near = np.linalg.norm(mean[rim] - centre, axis=1) < 0.2
  lower = rim[near & (mean[rim, 1] < centre[1] - 0.03)]
  return upper, lower


def _blinks(
  model: morphable.MorphableModel, head: _Head
) -> tuple[np.ndarray, np.ndarray]:
  """Lid slots [2] and gains [2] such that a blink of 1 closes the lids.

  The unit of the model closes the mean face's lids; a person's own lids need
  more or less of it.
  """
  slots = [
    model.expression_names.index(name)
    for name in ('eyeBlinkRight', 'eyeBlinkLeft')
  ]
  now = head.expressed()
  gains = []
  for slot in slots:
    upper, lower = _lid_rims(model, slot)
    lower = lower[np.argsort(now[lower, 0])]
    x = now[upper, 0]
    floor = np.interp(x, now[lower, 0], now[lower, 1])
    move = head.expression[slot]
    rising = np.interp(x, now[lower, 0], move[lower, 1])
    closing = np.maximum(rising - move[upper, 1], 1e-3)
    need = np.percentile((now[upper, 1] - floor) / closing, 80)
    gains.append(np.clip(need / max(1.0 - head.beta[slot], 0.2), 0.5, 1.5))
  return np.array(slots, np.int32), np.array(gains)
