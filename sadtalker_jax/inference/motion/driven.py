"""Reenactment: the portrait does what the face of a video does.

Poses are taken relative to the video's first frame. Of the packaged head the
mouth is taken as it is, for units of 0 are lips at rest on every face; brows,
cheeks and eyes are taken relative to their median, so that the shape of that
person's face is left out (as for `ref_eyeblink`). Numbers of other face models
are of no single part: their expressions are taken whole, as published.
"""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.motion import upper_face

_MOUTH = [
  slot
  for name, slot in makehuman.EXPRESSION_SLOTS.items()
  if name.startswith(('mouth', 'jaw', 'tongue', 'cheekPuff'))
]


def track(
  reference: np.ndarray,
  source: np.ndarray,
  num_frames: int,
  options: tracks.MotionOptions,
  basis: str,
) -> tracks.Track:
  """The track of a portrait that follows a video.

  Args:
    reference: [T', 70] coefficients of the video's face; continued to and fro
      where it is shorter.
    source: [70] coefficients of the portrait.
    num_frames: T.
    options: `still` keeps the portrait's pose; `expression_scale` scales what
      differs from its expression.
    basis: Face model of both.
  """
  reference = np.asarray(reference[:, : conventions.ROW_SIZE], np.float32)
  source = np.asarray(source, np.float32)
  given = tracks.looped(reference, num_frames)
  rest = source[conventions.ROW_EXPRESSION]
  target = given[:, conventions.ROW_EXPRESSION]
  if basis == bundle_lib.PACKAGED_BASIS:
    usual = np.median(reference, axis=0)[conventions.ROW_EXPRESSION]
    relative = rest + target - usual
    relative[:, _MOUTH] = target[:, _MOUTH]
    target = relative
  expression = rest + np.float32(options.expression_scale) * (target - rest)
  if basis == bundle_lib.PACKAGED_BASIS:
    expression = makehuman.within_units(expression, rest)
  rows = np.tile(source, (num_frames, 1))
  rows[:, conventions.ROW_EXPRESSION] = expression
  if basis == bundle_lib.PACKAGED_BASIS:
    upper_face.copy_eyes(rows, source, reference)
  if not options.still:
    pose = given[:, conventions.ROW_POSE]
    rows[:, conventions.ROW_POSE] += pose - reference[0, conventions.ROW_POSE]
  return tracks.Track(rows, tracks.free_views(options, num_frames))
