"""Lids that close, and irises that turn."""

import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference.puppet import eyes, fitted_head, lids


def test_lids_meet_at_every_vertex_and_the_photo_stays(portrait):
  model = bundle_lib.load().model
  head = fitted_head.build(portrait.source, model)
  closing = lids.closing(model, head)
  np.testing.assert_allclose(closing.expressed(), head.expressed(), atol=1e-9)
  for name, corners in zip(lids.UNITS, fitted_head.EYE_RIMS, strict=True):
    upper, lower = lids.rims(model, corners)
    beta = head.beta.copy()
    beta[model.expression_names.index(name)] = 1.0
    shut = closing._replace(beta=beta).expressed()
    lower = lower[np.argsort(shut[lower, 0])]
    floor = np.interp(shut[upper, 0], shut[lower, 0], shut[lower, 1])
    gaps = shut[upper, 1] - floor
    assert gaps.max() < 1e-6
    assert gaps.min() > -3 * lids.LAP


def test_irises_follow_the_gaze_and_corners_stay(rig):
  own = np.array(rig.source[:64])
  left = own.copy()
  for unit in ('eyeLookOutLeft', 'eyeLookInRight'):
    left[makehuman.EXPRESSION_SLOTS[unit]] += 0.4
  for eye in (0, 1):
    x, y, radius = rig.irises[eye]
    points = jnp.array([[[x, y], [x - 3 * radius, y]]])
    same = eyes.looking(rig, jnp.asarray(own), eye, points)
    np.testing.assert_allclose(same, points, atol=1e-3)
    seen = np.asarray(eyes.looking(rig, jnp.asarray(left), eye, points))
    moved = seen - np.asarray(points)
    # To the person's left is to the right of the picture.
    assert moved[0, 0, 0] < -0.1 * radius
    np.testing.assert_allclose(moved[0, 1], 0.0, atol=1e-4)
