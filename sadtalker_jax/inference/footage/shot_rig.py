"""What a shot is drawn with: the puppet's rig, made once, posed as each frame.

The puppet poses a photo. Here every frame is its own photo: the surface lies on
the face where the frame has it, takes its colours there, and is drawn with
another mouth. All that such rigs have in common (the surface around the face,
what moves it, teeth) is made once for a shot, of a frame with a resting mouth.
What differs is where the surface rests; landmarks say how each frame's lips lie
beside the fitted ones.

Lengths are in decimetre, points in pixels of the frame, y down.
"""

from typing import NamedTuple

import numpy as np
from scipy import spatial

from sadtalker_jax.face3d import camera, measures
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.fitting import priors
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.inference.footage import following, inside, resting
from sadtalker_jax.inference.puppet import (
  cutout,
  fields,
  fitted_head,
  fitted_portrait,
  lip_seal,
)
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.ops import resize, rotation

_SIDE = 256  # pixels of the picture of which a rig is made
_REACH = 2.0  # from the middle of the lower face to the sides of that picture
# Shares of the largest movement by a unit of the mouth between which surfaces
# begin to take part.
_RESTS, _MOVES = 0.12, 0.4
# Beside the face, as far as landmarks reach, surroundings take part up to here.
_AROUND = 0.45
_CAPS = 3  # points of the rig between those of face and sheet
_NEIGHBOURS = 12  # points of the face that one beside it moves with
_LEAST_MOVE = 0.02  # largest movement of units that count
_LIPS = list(priors.LIPS)
INNER_LIPS = [_LIPS.index(point) for point in measures.LIPS]
MIDDLE = (152, 2)  # landmarks of chin and nose, the lower face between them


class ShotRig(NamedTuple):
  """Constant parts of the rigs of a shot; arrays of numpy."""

  rig: rig_lib.Rig  # `follow` is the matte; texture and rest are not used
  spread: np.ndarray  # [N, L] how the L points of the lips pull the surface
  beside: np.ndarray  # [n, L, 3] lips of each frame beside those of the rig
  rows: np.ndarray  # [n, 70] coefficients of each frame
  rest: np.ndarray  # [70] row of the resting mouth
  camera_scale: np.ndarray  # [2] aligned frame -> picture
  camera_shift: np.ndarray  # [2]


class References(NamedTuple):
  """Lower faces of a shot, [256, 256, 3] uint8 as `lower_face` makes them."""

  rest: np.ndarray  # of the frame `resting.Rest.frames[0]`
  open: np.ndarray  # of the frame `resting.Rest.open`


def build(
  shot: following.Shot,
  seen: References,
  model: morphable.MorphableModel,
) -> ShotRig:
  """The rig of a shot.

  Args:
    shot: Shot.
    seen: What was kept of its frames.
    model: Head model.
  """
  rest = resting.find(shot)
  reference = int(rest.frames[0])
  portrait = _portrait(shot, seen.rest, reference)
  rig = rig_lib.build(portrait, model, cutout.whole(portrait))
  scale, shift = picture_camera(shot)
  head = lip_seal.sealed(model, fitted_head.build(portrait, model))
  beside = _beside(shot, head, model)
  ids, _ = rig_lib.face_part(model)
  jaw = model.expression_names.index('jawOpen')
  mean = np.asarray(model.mean, np.float64)
  open_mouth = mean + np.asarray(model.expression, np.float64)[jaw]
  sites = fitted_head.points468(model, open_mouth)
  spread = np.zeros((len(rig.vertices), len(_LIPS)), np.float32)
  spread[: len(ids)] = fields.spread(
    sites,
    np.eye(len(sites))[:, _LIPS],
    open_mouth[ids],
    fitted_head.RESIDUAL_LENGTH,
  )
  usual = np.median(beside[rest.frames], 0)
  moved = spread @ usual
  parts = _around(
    rig, len(ids), shot.fit.expression[reference], resting.mouth_slots(model)
  )
  rig = rig._replace(
    **parts,
    # Heads turn as in the shot: every frame is its own photo.
    flank=np.zeros_like(rig.flank),
    **inside.colours(rig, seen.open, _in_box(shot, rest.open)),
    pixels=np.array(pixels(shot), np.float32),
    blur=np.array(rig.blur * pixels(shot) / rig.pixels, np.float32),
    texture=np.zeros((2, 2, 3), np.float32),
    alpha=np.zeros((2, 2, 1), np.float32),
    background=np.zeros((2, 2, 3), np.float32),
    margin=np.zeros(2, np.float32),
    camera_scale=scale.astype(np.float32),
  )
  rig = rig._replace(vertices=(rig.vertices + moved).astype(np.float32))
  return ShotRig(
    rig,
    spread,
    (beside - usual).astype(np.float32),
    shot.fit.rows,
    rest.row,
    scale,
    shift,
  )


def lower_face(
  shot: following.Shot, picture: np.ndarray, number: int
) -> np.ndarray:
  """The surroundings of the lower face in a frame of a shot, small.

  Args:
    shot: Shot.
    picture: [H, W, 3] uint8.
    number: Its place in the shot.
  """
  window = resize.window(picture, _box(shot, number), (_SIDE, _SIDE))
  return np.rint(window).astype(np.uint8)


def _box(shot: following.Shot, number: int) -> portrait_lib.Box:
  reach = _REACH * pixels(shot)
  x, y = map(float, shot.landmarks[number, list(MIDDLE), :2].mean(0))
  return x - reach, y - reach, x + reach, y + reach


def _in_box(shot: following.Shot, number: int) -> np.ndarray:
  """The landmarks of a frame in the picture of its lower face, [478, 2]."""
  x0, y0, x1, _ = _box(shot, number)
  corner = np.array([x0, y0])
  return (shot.landmarks[number, :, :2] - corner) * (_SIDE / (x1 - x0))


def _portrait(
  shot: following.Shot, texture: np.ndarray, number: int
) -> fitted_portrait.FittedPortrait:
  """A frame of a shot as the puppet's portrait: its lower face."""
  return fitted_portrait.FittedPortrait(
    picture=texture,
    landmarks=shot.landmarks[number],
    identity=shot.fit.identity,
    row=shot.fit.rows[number],
    trans=shot.fit.trans,
    fit_error=float(shot.fit.error[number]),
    window=portrait_lib.Window(
      _box(shot, number), (_SIDE, _SIDE), (False,) * 4, False
    ),
    margin=np.zeros(2, np.int64),
    texture=texture,
  )


def picture_camera(shot: following.Shot) -> tuple[np.ndarray, np.ndarray]:
  """Scale [2] and shift [2] from the aligned frame to the picture."""
  corners = np.array([[0.0, 0.0], [1.0, 1.0]])
  low, high = np.asarray(
    camera.aligned_to_picture(corners, shot.fit.trans), np.float64
  )
  return high - low, low


def pixels(shot: following.Shot) -> float:
  """Pixels per decimetre at the face, where it is (nearly) largest."""
  scale, _ = picture_camera(shot)
  near = np.percentile(shot.fit.translation[shot.fit.found, 2], 98)
  depth = camera.DISTANCE - near
  return float(np.abs(scale).mean() * camera.FOCAL / depth)


def _beside(
  shot: following.Shot,
  head: fitted_head.FittedHead,
  model: morphable.MorphableModel,
) -> np.ndarray:
  """How far lips lie beside a fitted head, [n, L, 3], its coordinates."""
  fit = shot.fit
  units = np.stack(
    [fitted_head.points468(model, unit)[_LIPS] for unit in head.expression]
  )
  lips = fitted_head.points468(model, head.vertices)[_LIPS]
  lips = (lips + np.tensordot(fit.expression, units, 1)).astype(np.float32)
  posed = np.asarray(camera.transform(lips, fit.angles, fit.translation))
  target = camera.picture_to_aligned(shot.landmarks[:, _LIPS, :2], fit.trans)
  depth = camera.DISTANCE - posed[..., 2:]
  moved = np.zeros_like(posed)
  plane = (np.asarray(target) - camera.CENTER) * depth / camera.FOCAL
  moved[..., :2] = plane - posed[..., :2]
  turns = np.asarray(rotation.matrix(fit.angles))
  return np.where(fit.found[:, None, None], moved @ turns, 0.0)


def _around(
  rig: rig_lib.Rig, face: int, beta: np.ndarray, slots: np.ndarray
) -> dict[str, np.ndarray]:
  """The fields of a rig that say what moves with the mouth, and how far.

  Skin takes part where a unit of the mouth moves it visibly. What is around
  the face moves as the skin beside it does, without a step, and less and less.

  Args:
    rig: Rig of the reference frame.
    face: Number of points that are of the face; then come `_CAPS` middles of
      caps, the others are around it.
    beta: [64] expression of that frame.
    slots: Expression slots of the mouth.
  """
  expression, rest = np.array(rig.expression), np.asarray(rig.rest)
  size = np.linalg.norm(expression[slots, :face], axis=-1)  # [S, F]
  largest = size.max(1, keepdims=True)
  share = (size / np.maximum(largest, 1e-9))[largest[:, 0] > _LEAST_MOVE].max(0)
  skin = fields.smoothstep(_RESTS, _MOVES, share)
  around = face + _CAPS
  away, near = spatial.cKDTree(rest[:face]).query(rest[face:], _NEIGHBOURS)
  away = away / float(rig.pixels)
  weight = 1.0 / (away + 0.02)
  weight /= weight.sum(1, keepdims=True)
  before = np.tensordot(beta, expression[:, around:], 1)
  expression[:, around:] = np.einsum(
    'pk,epkc->epc', weight[_CAPS:], expression[:, near[_CAPS:]]
  )
  vertices = np.array(rig.vertices)
  vertices[around:] += before - np.tensordot(beta, expression[:, around:], 1)
  fading = 1.0 - fields.smoothstep(0.0, _AROUND, away[:, 0])
  fading[:_CAPS] = 1.0
  matte = np.concatenate([skin, fading * (weight * skin[near]).sum(1)])
  return {
    'expression': expression.astype(np.float32),
    'vertices': vertices.astype(np.float32),
    'follow': matte.astype(np.float32),
  }
