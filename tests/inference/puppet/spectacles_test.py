"""Glasses that rest while lids and brows move."""

import numpy as np

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference.puppet import fitted_head, lids, spectacles
from tests.inference.puppet import posing

LIDS = [point for eye in spectacles.EYE_CONTOURS for point in eye]


def _points(portrait) -> np.ndarray:
  source = portrait.source
  return source.to_frame(source.landmarks[:, :2]) + source.margin


def test_rims_move_less_than_a_pixel_in_a_blink(portrait, rig):
  source = portrait.source
  glasses = spectacles.find(_points(portrait), source.texture)
  assert glasses is not None  # the portrait that ships wears some
  own, shut = portrait.rows({}, {'eyeBlinkLeft': 1.0, 'eyeBlinkRight': 1.0})
  at, moved = (posing.points(rig, row) for row in (own, shut))
  faces = int(rig.face.max()) + 1
  lids_at = (_points(portrait) - source.margin)[LIDS]
  beside = np.linalg.norm(at[:faces, None] - lids_at, axis=-1).min(1)
  # The rims of these glasses are farther from the lids than that.
  near = beside > 0.1 * float(rig.pixels)
  motion = np.linalg.norm(moved - at, axis=1)[:faces]
  assert near.sum() > 20
  assert motion[near].max() < 1.0
  assert motion.max() > 4.0  # while the lids do move


def test_bridge_is_what_tells_glasses(portrait):
  points = _points(portrait)
  texture = portrait.source.texture.copy()
  inner = points[[fitted_head.EYE_RIMS[0][1], fitted_head.EYE_RIMS[1][0]]]
  low, high = inner.min(0) - 14.0, inner.max(0) + 14.0
  x0, y0, x1, y1 = (round(v) for v in (*low, *high))
  texture[y0:y1, x0:x1] = texture[y0:y1, x0:x1].mean((0, 1))
  assert spectacles.find(points, texture) is None
  assert spectacles.find(0.1 * points, texture) is None  # too small to tell


def test_photo_stays_under_glasses(portrait):
  model = bundle_lib.load().model
  source = portrait.source
  head = lids.closing(model, fitted_head.build(source, model))
  points, _ = fitted_head.project(
    head.posed(head.expressed()), *fitted_head.frame_camera(source)
  )
  glasses = spectacles.find(_points(portrait), source.texture)
  rigid = spectacles.rigid(model, head, points + source.margin, glasses, 80.0)
  np.testing.assert_allclose(rigid.expressed(), head.expressed(), atol=1e-9)
