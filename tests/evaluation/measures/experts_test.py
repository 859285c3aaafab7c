"""Metrics of networks: what is known of them whatever the weights are."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.evaluation import clips, pairing
from sadtalker_jax.evaluation.measures import experts, registry
from tests.evaluation import small_experts, stubs

T = 32


@pytest.fixture(scope='module')
def networks(tmp_path_factory):
  folder = tmp_path_factory.mktemp('experts') / 'bundle'
  return experts.MetricNetworks(small_experts.write(folder))


@pytest.fixture(scope='module')
def clip() -> clips.ScoredClip:
  """A real video, itself again, one that stands still, one of another sound."""
  rng = np.random.default_rng(0)
  frames = np.stack(
    [np.roll(f, 2 * i, 1) for i, f in enumerate(stubs.frames(T))]
  )
  frames = frames + rng.integers(-9, 9, frames.shape)
  frames = frames.clip(0, 255).astype(np.uint8)
  points = np.tile(stubs.face(), (T, 1, 1))
  still = np.repeat(frames[:1], T, 0)
  sides = {
    'real': clips.ClipSide(frames, points, stubs.sound(T), (0, 0, 160, 160)),
    'same': clips.ClipSide(frames, points, stubs.sound(T), (0, 0, 160, 160)),
    'still': clips.ClipSide(still, points, stubs.sound(T), (0, 0, 160, 160)),
    'late': clips.ClipSide(
      frames, points, stubs.sound(T, late=5), (0, 0, 160, 160)
    ),
  }
  pair = pairing.VideoPair(
    'clip', None, dict.fromkeys(('same', 'still', 'late'))
  )
  return clips.ScoredClip(pair, sides)


def values(clip, networks, name: str, system: str) -> dict[str, float]:
  measure = next(
    m for m in registry.MEASURES if any(x.name == name for x in m.metrics)
  )
  assert not measure.not_computed(networks)
  return dict(measure.numbers(clip, system, networks))


def test_the_same_face_has_likeness_one(clip, networks):
  still = values(clip, networks, 'csim', 'still')['csim']
  same = values(clip, networks, 'csim', 'same')['csim']
  assert still == pytest.approx(1, abs=1e-5) and same <= 1


def test_head_that_stands_still_has_no_diversity(clip, networks):
  still = values(clip, networks, 'diversity', 'still')
  same = values(clip, networks, 'diversity', 'same')
  assert still['diversity'] == pytest.approx(0, abs=1e-5)
  assert still['diversity_degrees'] == pytest.approx(0, abs=1e-3)
  assert same['diversity'] > 0.001


def test_late_sound_shifts_the_distances_of_syncnet(clip, networks):
  """The offset itself says nothing under noise, but it follows the sound."""
  real = values(clip, networks, 'lse_d', 'real')
  late = values(clip, networks, 'lse_d', 'late')
  assert late != real
  assert all(np.isfinite(v) for v in [*late.values(), *real.values()])


def test_clip_that_stands_still_moves_away_from_the_real_one(clip, networks):
  measure = next(m for m in registry.MEASURES if m.name == 'fvd')
  real, same, still = (
    measure.features(clip, system, networks)
    for system in ('real', 'same', 'still')
  )
  assert real.shape == (T // 16, 400)
  np.testing.assert_array_equal(real, same)
  assert np.abs(real - still).max() > 1e-3
  short = networks.i3d(clip.real.frames[:10])  # the last frame is held
  assert short.shape == (1, 400) and np.isfinite(short).all()


def test_equal_videos_have_equal_coefficients(clip, networks):
  same = values(clip, networks, 'aed', 'same')
  assert same == {'aed': 0, 'apd': 0, 'angle_distance': 0}
  assert values(clip, networks, 'aed', 'still')['aed'] > 0


def test_equal_pictures_have_no_perceptual_distance(clip, networks):
  assert values(clip, networks, 'lpips', 'same')['lpips'] < 1e-6
  # Noise has heads of both signs.
  assert abs(values(clip, networks, 'lpips', 'still')['lpips']) > 1e-4


def test_a_frame_has_the_same_features_in_any_batch(clip, networks):
  rows = networks.hopenet(clip.real.frames[:20]).features
  assert rows.shape[0] == 20 and rows.dtype == np.float32
  again = networks.hopenet(clip.real.frames[7:8]).features
  np.testing.assert_allclose(rows[7], again[0], rtol=1e-4, atol=1e-5)


def test_hash_of_weights_tells_them_apart(tmp_path, networks):
  other = small_experts.write(tmp_path / 'b', ('lpips', 'hopenet'), seed=1)
  more = experts.MetricNetworks(other)
  same = experts.MetricNetworks(small_experts.write(tmp_path / 'c', ('lpips',)))
  assert same.weights_hash('lpips') == networks.weights_hash('lpips')
  assert more.weights_hash('lpips') != networks.weights_hash('lpips')
  assert len(more.weights_hash('hopenet')) == 16


def test_missing_networks_are_named(tmp_path):
  none = experts.MetricNetworks()
  some = experts.MetricNetworks(small_experts.write(tmp_path / 'b', ('lpips',)))
  reasons = {
    metric.name: (m.not_computed(none), m.not_computed(some))
    for m in registry.MEASURES
    for metric in m.metrics
  }
  assert 'inception_fid' in reasons['fid'][0]
  assert 'lpips' in reasons['lpips'][0] and not reasons['lpips'][1]
  assert reasons['psnr'] == ('', '')
  assert 'i3d' in reasons['fvd'][0]


def test_folder_that_is_no_bundle_is_refused(tmp_path):
  with pytest.raises(errors.InputError):
    experts.MetricNetworks(str(tmp_path))
