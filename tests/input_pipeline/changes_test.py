"""Random changes of what is learned from: sound windows and head motion."""

import numpy as np
import pytest

import input_pipeline
from input_pipeline import batches, head_changes, sound_changes
from sadtalker_jax import errors

ONE_THREAD = batches.ReadSettings(threads=1, ahead=1)


def _motion(degrees: float, frames: int = 33) -> np.ndarray:
  """A head that sways to the side, and stands aside from the middle."""
  pose = np.full((frames, 6), 0.1, np.float32)
  pose[:, 1] += np.radians(degrees) * np.sin(np.arange(frames) / 5)
  return pose


def test_sound_changes_in_level_and_colour_and_stays_in_range():
  rng = np.random.default_rng(0)
  mel = np.linspace(-4, 4, 5 * 80 * 16, dtype=np.float32).reshape(5, 80, 16)
  found = [sound_changes.changed_mel(mel, rng) for _ in range(20)]
  for each in found:
    assert each.shape == mel.shape and each.dtype == np.float32
    assert each.min() >= -4 and each.max() <= 4
  shifts = [float(np.median(each - mel)) for each in found]
  assert np.std(shifts) > 0.2  # units of 12.5 decibel
  # The same level and colour for all windows: above the floor, what is alike
  # stays alike.
  loud = np.full((2, 80, 16), 1.5, np.float32)
  for _ in range(10):
    one, other = sound_changes.changed_mel(loud, rng)
    np.testing.assert_allclose(one, other, atol=0.1)


def test_styles_are_how_lively_a_head_is():
  rng = np.random.default_rng(0)
  found = [head_changes.changed(_motion(3.0), 46, rng) for _ in range(300)]
  styles = np.array([style for _, style in found])
  lives = np.array([head_changes.liveliness(pose) for pose, _ in found])
  assert 0.2 < np.mean(styles == 0) < 0.4
  np.testing.assert_allclose(
    lives[styles == 0], head_changes.liveliness(_motion(3.0)), rtol=1e-3
  )
  rest = styles > 0
  order = np.argsort(styles[rest])
  assert (np.diff(lives[rest][order]) > -0.4).all()
  assert lives[rest].min() < 0.6 and 5 < lives[rest].max() < 6.01
  assert styles.max() <= 45
  for pose, _ in found:  # the portrait's pose, or that of its mirror image
    np.testing.assert_allclose(np.abs(pose[0]), _motion(3.0)[0], atol=1e-6)


def test_no_head_turns_further_than_the_liveliest_style():
  wild = head_changes.limited(_motion(40.0))
  assert head_changes.liveliness(wild) == pytest.approx(6.0, rel=1e-3)
  calm = _motion(1.0)
  np.testing.assert_array_equal(head_changes.limited(calm), calm)
  still = np.zeros((33, 6), np.float32)
  for _ in range(5):
    pose, style = head_changes.changed(still, 46, np.random.default_rng(1))
    assert np.isfinite(pose).all() and 0 <= style <= 1


def test_faster_and_slower_motion_ends_within_the_frames():
  rng = np.random.default_rng(0)
  for room in (33, 35, 80):
    places = [head_changes.times(33, room, rng) for _ in range(50)]
    assert max(each[-1] for each in places) <= room - 1
    assert min(each[-1] for each in places) < 32
  ramp = np.arange(60, dtype=np.float32)[:, None] * np.ones(6, np.float32)
  found = head_changes.at_times(ramp, np.array([0.5, 10.25, 59]))
  np.testing.assert_allclose(found[:, 3], [0.5, 10.25, 59])


def test_examples_have_the_styles_of_their_motion(folder):
  found = input_pipeline.create(
    'posevae',
    folder,
    batch_size=32,
    seed=0,
    reading=ONE_THREAD,
    num_styles=46,
    styles='liveliness',
    changes=True,
  )
  styles = np.concatenate([found.local(i)['style'] for i in range(3)])
  assert {0, 45} <= set(styles.tolist())  # wild motion, as it is here, is cut
  plain = input_pipeline.create(
    'posevae', folder, batch_size=8, seed=0, styles='liveliness'
  ).local(0)
  assert (plain['style'] == 0).all()
  with pytest.raises(errors.InputError, match='styles speakers or liveliness'):
    input_pipeline.create(
      'posevae', folder, batch_size=8, seed=0, styles='mood'
    )


def test_changed_sound_leaves_all_else_of_an_expression_window(folder):
  made = [
    input_pipeline.create(
      'expnet', folder, batch_size=4, seed=0, changes=changes, target='real'
    ).local(0)
    for changes in (False, True)
  ]
  assert (made[0]['mel'] != made[1]['mel']).any()
  assert made[0]['mel'].shape == made[1]['mel'].shape
