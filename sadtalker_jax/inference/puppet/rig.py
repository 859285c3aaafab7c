"""The rig of a portrait: its photo as a surface that can be posed.

The rig is one textured surface in three dimensions:

* the **face**: the outer skin of the fitted head around the landmarks, moved so
  that it meets every landmark of the photo;
* the **sheet** (module `sheet`): the surroundings that go along;
* the **inside** (module `mouth`): teeth and tongue of the model, seen where the
  lips part.

Its texture is the person in the photo (module `cutout`), over a background
that rests; the portrait's own coefficients give the photo back. A rig depends
on the portrait alone and is made once for a clip.

Conventions: those of `fitted_head`; texture points are frame points plus
`margin`.
"""

from typing import NamedTuple

from absl import logging
import numpy as np

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import (
  caps,
  cutout,
  face_view,
  fitted_head,
  fitted_portrait,
  folds,
  lid_skin,
  lids,
  lip_seal,
  mouth,
  palette,
  photo_mouth,
  planes,
  relief,
  spectacles,
)
from sadtalker_jax.inference.puppet import sheet as sheet_lib
from sadtalker_jax.typing import Array

# Lengths in decimetre.
FACE_REACH = 0.16  # skin farther than this from every landmark is left out
NOSTRIL_REACH = 0.18  # from the nose's base

NOSE = 2  # landmark
# Middle and rim of the irises, image-left and the other one.
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))


class Rig(NamedTuple):
  """All that a frame needs beside its coefficients; a pytree of arrays."""

  texture: Array  # [Ht, Wt, 3] person, colours times alpha, 0..255
  alpha: Array  # [Ht, Wt, 1] of the person
  background: Array  # [Ht, Wt, 3] what is behind, 0..255
  pixels: Array  # [] frame pixels per decimetre at the face
  margin: Array  # [2] texture pixels left of and above the frame
  camera_scale: Array  # [2] aligned frame -> rendered frame
  camera_shift: Array  # [2]
  vertices: Array  # [N, 3] face, middles of the caps, then sheet
  flank: Array  # [N, 3] to be added on a side that comes into view
  expression: Array  # [64, N, 3]
  follow: Array  # [N] in [0, 1]
  rest: Array  # [N, 2] frame points in the pose of the photo
  inside_vertices: Array  # [M, 3]
  inside_expression: Array  # [64, M, 3]
  inside_colour: Array  # [M, 3] 0..255
  cavity: Array  # [3] colour of the dark of the mouth, 0..255
  blur: Array  # [] standard deviation of the photo's own blur, pixels
  # [4, 3, 3] three points each: image-left eye, other eye, mouth, its jaw
  planes: Array
  planes_rest: Array  # [4, 3, 2] their frame points in the pose of the photo
  irises: Array  # [2, 3] middles, frame points, and radii of irises
  lid_rims: Array  # [2, 2, R] int32, see `lid_skin.LidSkin`, as the next three
  lid_colour: Array
  lid_height: Array
  lashes: Array
  jaw_expression: Array  # [64, 3, 3] of the last plane; the others have none
  lips: Array  # [2, 3] inner rim, upper and lower
  lips_expression: Array  # [64, 2, 3]
  photo_mouth: Array  # [Ht, Wt, 5] masks, see `photo_mouth.PhotoMouth`
  photo_gap: Array  # [2] lip gaps between which that fades out, decimetre
  source: Array  # [70] coefficients of the photo
  folds: Array  # [64, N] logarithms of light per unit, see `folds`
  face: Array  # [F, 3] int32 triangles, into vertices
  seen: Array  # [] int32, so many of them are seen in the photo
  caps: Array  # [C, 3] the same over eyes and mouth, see `caps`
  sheet: Array  # [S, 3] the same of the surroundings
  inside: Array  # [U, 3] int32 triangles, into inside_vertices


def build(
  portrait: fitted_portrait.FittedPortrait,
  model: morphable.MorphableModel,
  layers: cutout.Layers,
) -> Rig:
  """The rig of a portrait.

  Args:
    portrait: Portrait with its landmarks and fitted coefficients.
    model: Head model that it was fitted with, with the part groups `skin`,
      `teeth_upper`, `teeth_lower`, `tongue` and the 468 points.
    layers: Its texture as person and background.

  Returns:
    Arrays of numpy, float32 and int32. Their shapes depend on the model and on
    the size of the frame only.
  """
  head = lip_seal.sealed(model, fitted_head.build(portrait, model))
  head = lids.closing(model, head)
  scale, shift = fitted_head.frame_camera(portrait)
  ids, face_triangles = face_part(model)
  frame, depth = fitted_head.project(head.posed(head.expressed()), scale, shift)
  margin = np.asarray(portrait.margin, np.float64)
  view = face_view.build(
    portrait, model, frame + margin, depth, (ids, face_triangles)
  )
  landmarks = portrait.to_frame(portrait.landmarks[:, :2]) + margin
  glasses = spectacles.find(landmarks, portrait.texture)
  if glasses is not None:
    logging.info('glasses: they rest while lids and brows move')
    head = spectacles.rigid(model, head, frame + margin, glasses, view.pixels)
  if layers.found:
    view = view._replace(person=layers.layer[..., 3])
  unseen = face_view.turned_away(model, view, ids)
  view = view._replace(triangles=face_triangles[~unseen])
  face_triangles = np.concatenate([view.triangles, face_triangles[unseen]])
  deep = relief.build(model, view, ids, (portrait.texture, landmarks), glasses)
  sheet = sheet_lib.build(view, deep, head.expression[:, ids])
  sheet_own = head.unposed(
    fitted_head.unproject(sheet.points - margin, sheet.depth, scale, shift)
  )
  sheet_vertices = sheet_own - np.tensordot(head.beta, sheet.expression, 1)
  # Along the lines of sight: nothing of it is seen in the pose of the photo.
  points = np.concatenate([view.points, sheet.points]) - margin
  depths = np.concatenate([view.depth, sheet.depth])
  more = np.concatenate([relief.moved(view, deep), sheet.flank])
  near, far = (
    head.unposed(fitted_head.unproject(points, end, scale, shift))
    for end in (depths, depths + more)
  )
  cap = caps.build(model, head, ids, face_triangles)
  cap_rest, cap_depth = fitted_head.project(
    head.posed(cap.vertices + np.tensordot(head.beta, cap.expression, 1)),
    scale,
    shift,
  )
  plane = planes.build(model, head, (scale, shift))
  seen = photo_mouth.find(
    model,
    head,
    (
      np.concatenate([view.points, cap_rest + margin]),
      np.concatenate([view.depth, cap_depth]),
    ),
    (face_triangles, cap.triangles),
    (portrait.texture, plane.rest[planes.MOUTH, 0] + margin, view.pixels),
  )
  lid = lid_skin.build(model, ids, view.points, portrait.texture)
  rig = Rig(
    texture=layers.layer[..., :3],
    alpha=layers.layer[..., 3:],
    background=layers.background,
    pixels=np.array(view.pixels),
    margin=margin,
    camera_scale=scale,
    camera_shift=shift,
    vertices=np.concatenate([head.vertices[ids], cap.vertices, sheet_vertices]),
    flank=np.insert(far - near, [len(ids)] * 3, 0.0, axis=0),
    expression=np.concatenate(
      [head.expression[:, ids], cap.expression, sheet.expression], axis=1
    ),
    follow=np.concatenate([np.ones(len(ids) + 3), sheet.follow]),
    rest=np.concatenate([frame[ids], cap_rest, sheet.points - margin]),
    planes=plane.points,
    planes_rest=plane.rest,
    irises=_irises(portrait),
    lid_rims=lid.rims,
    lid_colour=lid.colour,
    lid_height=lid.height,
    lashes=lid.lashes,
    jaw_expression=plane.expression,
    photo_mouth=seen.mask,
    photo_gap=seen.gap,
    source=np.asarray(portrait.row),
    folds=np.pad(
      folds.build(model, head, ids), ((0, 0), (0, 3 + len(sheet.points)))
    ),
    face=face_triangles,
    seen=np.array(len(view.triangles), np.int32),
    caps=cap.triangles,
    blur=np.array(palette.blur(portrait.texture, view.points)),
    sheet=(sheet.triangles + len(ids) + 3).astype(np.int32),
    **mouth.fields(
      model,
      head,
      palette.build(portrait),
      mouth.seen_teeth(seen, head, (scale, shift + margin)),
    ),
  )
  return Rig(
    *(
      a if a.dtype == np.int32 else np.asarray(a, np.float32)
      for a in map(np.asarray, rig)
    )
  )


def face_part(
  model: morphable.MorphableModel,
) -> tuple[np.ndarray, np.ndarray]:
  """Vertex ids [F] of the skin near the landmarks, and its triangles."""
  mean = np.asarray(model.mean, np.float64)
  landmarks = fitted_head.points468(model, mean)
  gap = np.concatenate(
    [
      np.linalg.norm(part[:, None] - landmarks[None], axis=-1).min(1)
      for part in np.array_split(mean, 8)  # bounds the table of distances
    ]
  )
  triangles = np.asarray(model.triangles)[model.group('skin')]
  triangles = triangles[(gap[triangles] < FACE_REACH).all(1)]
  # The nostrils are dark skin; a hole would show what lies behind the face.
  lining = np.asarray(model.triangles)[model.group('lining')]
  away = np.linalg.norm(mean[lining].mean(1) - landmarks[NOSE], axis=1)
  triangles = np.concatenate([triangles, lining[away < NOSTRIL_REACH]])
  ids, flat = np.unique(triangles, return_inverse=True)
  return ids, flat.reshape(-1, 3).astype(np.int32)


def _irises(portrait: fitted_portrait.FittedPortrait) -> np.ndarray:
  """Middles (frame points) and radii of both irises, [2, 3]."""
  rims = portrait.to_frame(portrait.landmarks[:, :2])[np.array(IRISES)]
  away = np.linalg.norm(rims[:, 1:] - rims[:, :1], axis=-1).mean(1)
  return np.concatenate([rims[:, 0], np.maximum(away, 1.0)[:, None]], 1)
