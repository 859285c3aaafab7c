"""Irises that turn with the gaze, over the white of the photo's eyes.

An eye is the photo's. Where units of the gaze differ from the photo's own, the
iris is moved as a whole and the white around it is pressed together or drawn
out, up to the corners of the eye.

Conventions: those of `drawing`; eyes are image-left and the other one, as in
`planes`.
"""

import jax.numpy as jnp

from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference.puppet import planes, sampling
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array

RADIUS = 0.12  # of an eyeball, decimetre
RIGID, REST = 1.15, 2.3  # radii of the iris up to which all moves, none does

_SLOT = makehuman.EXPRESSION_SLOTS
_TO_LEFT = (('In', 'Out'), ('Out', 'In'))  # of the person, and back


def looking(rig: rig_lib.Rig, beta: Array, eye: int, points: Array) -> Array:
  """Points of the photo that an eye shows, [n, n, 2].

  Args:
    rig: Rig of the portrait.
    beta: [64] expression of the frame.
    eye: Index of the eye, static.
    points: [n, n, 2] points of the photo that its plane shows.
  """
  turned = _degrees(beta, eye) - _degrees(rig.source, eye)
  step = jnp.sin(jnp.radians(turned)) * (RADIUS / planes.STEP)
  axes = rig.planes_rest[eye, 1:] - rig.planes_rest[eye, :1]
  shift = step[0] * axes[0] + step[1] * axes[1]
  centre, radius = rig.irises[eye, :2], rig.irises[eye, 2]
  offset = (points - centre - shift) / radius
  away = jnp.sqrt(jnp.sum(offset**2, -1, keepdims=True))
  return points - sampling.smoothstep(REST, RIGID, away) * shift


def _degrees(beta: Array, eye: int) -> Array:
  """Gaze [2] to the image's right and up, degrees."""
  side = ('Right', 'Left')[eye]
  plus, minus = (beta[_SLOT[f'eyeLook{way}{side}']] for way in _TO_LEFT[eye])
  up, down = (beta[_SLOT[f'eyeLook{way}{side}']] for way in ('Up', 'Down'))
  across, below, above = makehuman.GAZE_DEGREES
  return jnp.stack([across * (plus - minus), above * up - below * down])
