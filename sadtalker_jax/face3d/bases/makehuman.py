"""The packaged face model: a head made from MakeHuman's CC0 data.

4,783 vertices, 80 identity components (PCA of 2,000 random heads), 52
expression units with ARKit's names in the first 52 of the 64 slots, texture
coordinates, eyeballs, teeth and tongue, and the places of the 468 FaceMesh
points and of the 68 landmarks. No albedo: the texture comes from the portrait.

Conventions as in `morphable`. MakeHuman's vertices were moved by `offset()`, so
that the five alignment points of the mean face have the mean of the standard
points of method 6.3: unposed, the head is where the BFM face is in the camera
of Deep3D. Left and right in unit names are the person's own.

The array file is built by `conversion.makehuman.head`, which describes how the
basis was drawn.
"""

import functools
import pathlib

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import morphable

DATA = pathlib.Path(__file__).parent / 'data' / 'makehuman_head.npz'

EXPRESSION_NAMES = (
  'browDownLeft', 'browDownRight', 'browInnerUp', 'browOuterUpLeft',
  'browOuterUpRight', 'cheekPuff', 'cheekSquintLeft', 'cheekSquintRight',
  'eyeBlinkLeft', 'eyeBlinkRight', 'eyeLookDownLeft', 'eyeLookDownRight',
  'eyeLookInLeft', 'eyeLookInRight', 'eyeLookOutLeft', 'eyeLookOutRight',
  'eyeLookUpLeft', 'eyeLookUpRight', 'eyeSquintLeft', 'eyeSquintRight',
  'eyeWideLeft', 'eyeWideRight', 'jawForward', 'jawLeft', 'jawOpen',
  'jawRight', 'mouthClose', 'mouthDimpleLeft', 'mouthDimpleRight',
  'mouthFrownLeft', 'mouthFrownRight', 'mouthFunnel', 'mouthLeft',
  'mouthLowerDownLeft', 'mouthLowerDownRight', 'mouthPressLeft',
  'mouthPressRight', 'mouthPucker', 'mouthRight', 'mouthRollLower',
  'mouthRollUpper', 'mouthShrugLower', 'mouthShrugUpper', 'mouthSmileLeft',
  'mouthSmileRight', 'mouthStretchLeft', 'mouthStretchRight',
  'mouthUpperUpLeft', 'mouthUpperUpRight', 'noseSneerLeft', 'noseSneerRight',
  'tongueOut',
)  # fmt: skip
EXPRESSION_SLOTS = {name: i for i, name in enumerate(EXPRESSION_NAMES)}
# Beside the units of the model: how far breath raises the chest, 0 to 1. The
# head does not move with it; a renderer that has shoulders may.
BREATH_SLOT = conventions.EXPRESSION_SIZE - 1
# Degrees that the eyeballs turn per unit: to the side, down, up.
GAZE_DEGREES = (23.0, 19.0, 11.5)

# The body's surface is `skin` where it is visible, and `lining` in the mouth
# and behind the lids (see `conversion.makehuman.skin`).
GROUP_NAMES = (
  'lining', 'eye_left', 'teeth_lower', 'eye_right', 'tongue', 'teeth_upper',
  'skin',
)  # fmt: skip


@functools.cache
def load() -> morphable.MorphableModel:
  """The model, read once per process; its arrays are read-only numpy."""
  with np.load(DATA) as stored:
    z = {key: stored[key] for key in stored.files}
  names = tuple(str(n) for n in z['expression_names'])
  groups = tuple(str(n) for n in z['group_names'])
  # The module's names are an interface. The file is packaged, so this checks
  # the build, not input.
  assert names == EXPRESSION_NAMES and groups == GROUP_NAMES
  triangles = z['triangles'].astype(np.int32)
  model = morphable.MorphableModel(
    name='makehuman',
    mean=z['mean'],
    identity=z['identity'].astype(np.float32),
    expression=morphable.pad_basis(
      z['expression'], conventions.EXPRESSION_SIZE
    ),
    triangles=triangles,
    vertex_triangles=morphable.vertex_triangles(triangles, len(z['mean'])),
    landmark_ids=z['landmark_ids'].astype(np.int32),
    landmark_weights=z['landmark_weights'],
    dense_ids=z['dense_ids'].astype(np.int32),
    dense_weights=z['dense_weights'],
    dense_valid=z['dense_valid'],
    uv=z['uv'].astype(np.float32),
    triangle_group=z['triangle_group'].astype(np.int32),
    expression_names=names,
    group_names=groups,
  )
  for field in vars(model).values():
    if isinstance(field, np.ndarray):
      field.setflags(write=False)
  return model


def offset() -> np.ndarray:
  """Shift [3], in decimetre, that was added to MakeHuman's vertices."""
  with np.load(DATA) as stored:
    return stored['offset']


def within_units(expression: np.ndarray, rest: np.ndarray) -> np.ndarray:
  """Expressions whose units stay where the head has a shape: in [0, 1].

  Fits end there, too. A unit of the portrait that is outside already may stay
  where it is.

  Args:
    expression: [T, 64].
    rest: [64] expression of the portrait.

  Returns:
    [T, 64].
  """
  lowest, highest = np.minimum(rest, 0), np.maximum(rest, 1)
  return np.clip(expression, lowest, highest)
