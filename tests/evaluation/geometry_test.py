"""Turns of heads, offsets of sounds, and the views of the networks."""

import numpy as np
import pytest

from sadtalker_jax.evaluation.measures import heads, offsets, views
from sadtalker_jax.faces import aligned, crop
from sadtalker_jax.ops import rotation
from tests.evaluation import stubs


def test_turns_of_a_rigid_head_are_found():
  rng = np.random.default_rng(0)
  turns = np.radians(rng.uniform(-15, 15, (40, 3)))  # pitch, yaw, roll
  turns -= turns.mean(0)
  shape = stubs.face().astype(np.float64) * [1, -1, -1]
  shape -= shape.mean(0)
  matrices = np.asarray(rotation.matrix(turns.astype(np.float32)))
  moved = np.einsum('tij,nj->tni', matrices, shape)
  scale = rng.uniform(0.8, 1.2, (40, 1, 1))
  points = scale * moved * [1, -1, -1] + rng.uniform(0, 50, (40, 1, 3))
  found = heads.degrees(points)
  expected = np.degrees(turns)[:, [1, 0, 2]]
  # Angles against the mean pose: that of Euler angles about, not to the bit.
  np.testing.assert_allclose(found, expected - expected.mean(0), atol=1.5)
  np.testing.assert_allclose(found.std(0), expected.std(0), rtol=0.05)


def test_still_head_does_not_turn():
  points = np.tile(stubs.face(), (20, 1, 1))
  np.testing.assert_allclose(heads.degrees(points), 0, atol=1e-5)


@pytest.mark.parametrize('late', [0, 5, -7])
def test_delay_of_a_sound_is_measured(late):
  real, made = stubs.sound(60), stubs.sound(60, late=late)
  found, likeness = offsets.of_sounds(real, 0.5 * made + 0.01)
  assert found == late and likeness > 0.99


def test_other_sounds_are_not_alike():
  rng = np.random.default_rng(0)
  _, likeness = offsets.of_sounds(stubs.sound(60), rng.normal(0, 1, 60 * 640))
  assert likeness < 0.1
  assert offsets.of_sounds(stubs.sound(60), np.zeros(60 * 640))[1] == 0


def test_face_lands_on_the_template_of_arcface():
  points = stubs.face()
  five = aligned.five_points(points)
  frame = np.zeros((stubs.SIZE, stubs.SIZE, 3), np.uint8)
  for x, y in five:
    frame[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 255
  seen = views.face(frame, points)
  assert seen.shape == (112, 112, 3)
  # The least-squares fit of five points of this odd face: within 8 pixels.
  for x, y in views._TEMPLATE:
    near = seen[int(y) - 8 : int(y) + 8, int(x) - 8 : int(x) + 8]
    assert near.max() > 100
  exact = points.copy()
  # A face that has the template's shape: the five spots to half a pixel.
  for pair, place in zip(
    ((33, 133), (362, 263)), views._TEMPLATE, strict=False
  ):
    exact[list(pair), :2] = place
  for index, place in zip((4, 61, 291), views._TEMPLATE[2:], strict=True):
    exact[index, :2] = place
  ramp = np.arange(112, dtype=np.uint8)
  frame = np.stack([*np.meshgrid(ramp, ramp), np.zeros((112, 112))], -1)
  seen = views.face(frame.astype(np.uint8), exact)
  np.testing.assert_allclose(seen, frame, atol=0.01)


def test_mouths_are_what_syncnet_python_cuts():
  frames = np.stack(list(stubs.frames(4)))
  points = np.tile(stubs.face(), (4, 1, 1))
  seen = views.mouths(frames, points)
  low, high = points[0, :, :2].min(0), points[0, :, :2].max(0)
  half = max(high - low) / 2
  x, y = (low + high) / 2
  reach = int(half * 1.8)  # its own way: pad, then cut rows and columns
  padded = np.pad(
    frames[2], ((reach, reach), (reach, reach), (0, 0)), constant_values=110
  )
  my, mx = y + reach, x + reach
  part = padded[
    int(my - half) : int(my + 1.8 * half),
    int(mx - 1.4 * half) : int(mx + 1.4 * half),
  ]
  expected = crop.resize_plain(part, (224, 224))[..., ::-1]
  assert seen.shape == (4, 224, 224, 3)
  np.testing.assert_array_equal(seen[2], expected)


def test_one_bad_frame_does_not_move_the_mouth():
  frames = np.stack(list(stubs.frames(20)))
  points = np.tile(stubs.face(), (20, 1, 1))
  calm = views.mouths(frames, points)
  points[9] += 20
  np.testing.assert_array_equal(views.mouths(frames, points), calm)
