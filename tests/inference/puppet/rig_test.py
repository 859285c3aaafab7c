"""The rig: a photo as a surface that can be posed."""

import jax
import numpy as np
import pytest

from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference.puppet import (
  drawing,
  fields,
  fitted_head,
  openings,
  skin,
)
from tests.inference.puppet import posing


def test_rig_meets_the_landmarks_of_the_photo(portrait, rig):
  source = portrait.source
  # Lids and lips: what a viewer would see slip.
  frame = source.to_frame(source.landmarks[:, :2])
  planes = np.asarray(rig.planes_rest)[:3, 0]
  rims = (*fitted_head.EYE_RIMS, fitted_head.MOUTH_RIM)
  for centre, rim in zip(planes, rims, strict=True):
    expected = frame[list(rim)].mean(0)
    assert np.linalg.norm(centre - expected) < 1.0  # pixel of 256


def test_own_pose_puts_every_vertex_at_rest(portrait, rig):
  rig = jax.device_put(rig)
  gap = np.abs(posing.points(rig, rig.source) - rig.rest)
  assert gap.max() < 0.02  # pixels; float32


def test_own_pose_puts_every_plane_at_rest(rig):
  own = drawing.frame_coefficients(rig.source)
  np.testing.assert_allclose(
    openings.posed_planes(rig, own), rig.planes_rest, atol=0.02
  )


def test_shapes_depend_on_the_frame_size_only(portrait, rig):
  faces = int(rig.face.max()) + 1
  assert rig.vertices.shape == (*rig.rest.shape[:1], 3)
  assert rig.expression.shape == (64, *rig.vertices.shape)
  assert rig.caps.max() + 1 == rig.sheet.min(initial=9**9, where=rig.sheet > 0)
  assert rig.sheet.max() < len(rig.vertices)
  assert 500 < faces < len(rig.vertices)
  assert all(np.isfinite(part).all() for part in rig)


def test_head_is_followed_and_the_chest_is_not(pasted_portrait):
  rig = jax.tree.map(np.asarray, pasted_portrait.prepared.rig)
  source = pasted_portrait.source
  chin, brow = (source.to_frame(source.landmarks[i, :2]) for i in (152, 9))
  is_sheet = np.arange(len(rig.rest)) > rig.caps.max()
  chest = is_sheet & (rig.rest[:, 1] > chin[1] + float(rig.pixels))
  near = is_sheet & (np.linalg.norm(rig.rest - brow, axis=1) < rig.pixels / 2)
  assert chest.any()
  assert near.any()
  assert (rig.follow[near] > 0.99).all()
  assert (rig.follow[chest] < 0.05).all()


def test_breath_raises_shoulders_alone(pasted_portrait):
  rig = pasted_portrait.prepared.rig
  source = pasted_portrait.source
  own, raised = pasted_portrait.rows({}, {})
  raised[makehuman.BREATH_SLOT] = 1.0
  before, after = (posing.points(rig, row) for row in (own, raised))
  moved = np.asarray(rig.follow)[:, None] * (after - before)
  chin = source.to_frame(source.landmarks[152, :2])
  width, height = source.frame_size
  x, y = np.asarray(rig.rest).T
  inner = abs(x / width - 0.5) < 0.2
  chest = inner & (np.abs(y - chin[1] - 0.7 * float(rig.pixels)) < 10.0)
  assert chest.any()
  assert moved[chest, 1].max() < -1.0  # upwards
  assert np.abs(moved[y < chin[1]]).max() < 0.01
  assert np.abs(moved[y > height]).max() < 0.01  # pasted: no edge is seen


def test_folds_darken_hollows_and_leave_the_photo(portrait, rig):
  own, pressed = portrait.rows({}, {'mouthShrugLower': 1.0, 'jawOpen': 0.0})
  np.testing.assert_allclose(skin.lights(rig, own), 0.0, atol=1e-6)
  lights = np.asarray(skin.lights(rig, pressed))
  source = portrait.source
  points = source.to_frame(source.landmarks[:, :2])
  groove = points[18]  # between lower lip and chin
  near = np.linalg.norm(rig.rest - groove, axis=1) < 0.06 * rig.pixels
  assert lights[near].min() < -0.01
  assert np.abs(lights).max() < 0.5


def test_spread_is_exact_at_sites_and_fades_away():
  rng = np.random.default_rng(0)
  sites, values = rng.normal(size=(40, 2)), rng.normal(size=(40, 3))
  at_sites = fields.spread(sites, values, sites, 0.5)
  # The trace of noise that keeps the system regular costs a percent.
  np.testing.assert_allclose(at_sites, values, atol=0.03)
  far = fields.spread(sites, values, sites + 100.0, 0.5)
  np.testing.assert_allclose(far, 0.0, atol=1e-12)


@pytest.mark.parametrize(
  ('x', 'expected'), [(0.0, 0.0), (2.0, 1.0), (1.0, 0.5)]
)
def test_smoothstep_runs_from_zero_to_one(x, expected):
  assert fields.smoothstep(0.5, 1.5, np.array(x)) == pytest.approx(expected)
