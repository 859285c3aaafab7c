"""Means, intervals, and whether systems differ."""

import numpy as np
import pytest

from sadtalker_jax.evaluation.measures import metric as metric_lib
from sadtalker_jax.evaluation.measures import registry
from sadtalker_jax.evaluation.statistics import bootstrap

HIGHER = registry.METRICS['lip_correlation']
ZERO = registry.METRICS['av_offset']
REAL = registry.METRICS['head_motion']


def test_long_clips_weigh_more_where_the_mean_is_over_frames():
  values, lengths = np.array([1.0, 2.0, np.nan]), np.array([30.0, 10.0, 50.0])
  drawn = bootstrap.weights(3)
  of_frames = bootstrap.mean(values, lengths, drawn, per='frame')
  of_clips = bootstrap.mean(values, lengths, drawn, per='clip')
  assert of_frames.value == 1.25 and of_clips.value == 1.5
  assert of_frames.clips == 2 and of_frames.frames == 40


def test_interval_is_that_of_a_normal_mean():
  rng = np.random.default_rng(0)
  values = rng.normal(5, 2, 400)
  found = bootstrap.mean(
    values, np.ones(400), bootstrap.weights(400), per='clip'
  )
  low, high = found.interval
  half = 1.96 * values.std() / 20
  # Percentiles of 2,000 draws are known to some 4 %.
  assert (high - low) / 2 == pytest.approx(half, rel=0.08)
  assert low < found.value < high


def test_one_clip_has_no_interval_and_none_no_value():
  drawn = bootstrap.weights(1)
  one = bootstrap.mean(np.array([3.0]), np.ones(1), drawn, per='clip')
  assert one.value == 3 and one.interval is None
  none = bootstrap.mean(np.array([np.nan]), np.ones(1), drawn, per='clip')
  assert np.isnan(none.value) and none.clips == 0


def compare(metric, one, two, real=None):
  count = len(one)
  drawn = bootstrap.weights(count)
  a, b, known = bootstrap.two_sided(
    metric, (one, two), real, np.ones(count), drawn
  )
  return bootstrap.compare(metric, a, b, clips=known)


def test_pairs_tell_a_difference_that_clips_hide():
  rng = np.random.default_rng(0)
  clip = rng.normal(0, 1, 30)
  one, two = clip + 0.1, clip + rng.normal(0, 0.02, 30)
  found = compare(HIGHER, one, two)
  assert found['better'] == 'a' and found['p'] < 0.01
  assert found['difference'] == pytest.approx(0.1, abs=0.02)
  assert compare(HIGHER, two, one)['better'] == 'b'


def test_equal_systems_are_undecided():
  values = np.random.default_rng(0).normal(0, 1, 20)
  found = compare(HIGHER, values, values)
  assert found['better'] is None and found['p'] == 1
  one_clip = compare(HIGHER, values[:1], values[:1] + 1)
  assert one_clip['better'] is None and one_clip['p'] is None


def test_offsets_compare_by_their_size_and_motion_by_the_real_clip():
  rng = np.random.default_rng(0)
  signs = rng.choice([-1, 1], 30)
  late, early = 5.0 * signs, 1.0 * signs
  assert compare(ZERO, late, early)['better'] == 'b'
  real = rng.uniform(2, 4, 30)
  near, still = real + 0.1, np.zeros(30)
  assert compare(REAL, near, still, real)['better'] == 'a'


def test_undefined_clips_are_no_part_of_a_comparison():
  one = np.array([1.0, np.nan, 3.0, 4.0])
  two = np.array([0.0, 1.0, np.nan, 2.0])
  assert compare(HIGHER, one, two)['n'] == 2


def test_badness_is_least_where_the_goal_is():
  values = np.array([-2.0, 0.0, 3.0])
  for goal, best in (('higher', 2), ('lower', 0), ('zero', 1), ('real', 2)):
    bad = metric_lib.badness(goal, values, np.full(3, 3.0))
    assert bad.argmin() == best, goal
