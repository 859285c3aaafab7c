"""The neural track: options, edges, frame rates, references."""

import fractions

import numpy as np
import pytest
from scipy import signal

from sadtalker_jax.inference import bundle, tracks
from sadtalker_jax.inference.motion import blinks
from sadtalker_jax.inference.motion.learned import (
  chunks,
  learned_motion,
  sound_windows,
)
from sadtalker_jax.media import audio
from sadtalker_jax.models import zoo
from sadtalker_jax.models.sadtalker import expnet, posevae

EXPRESSION, POSE = slice(0, 64), slice(64, 70)
LENGTHS = [1, 2, 3, 21, 31, 32, 33, 34, 65, 75]
FRAMES = 75


@pytest.fixture(scope='module')
def weights():
  return zoo.noise('expnet'), zoo.noise('posevae')


@pytest.fixture(scope='module')
def generator(weights) -> learned_motion.LearnedMotion:
  return learned_motion.LearnedMotion(*weights, basis='bfm')


@pytest.fixture(scope='module')
def recording() -> np.ndarray:
  return audio.load(bundle.SAMPLE_SPEECH)[: FRAMES * 640]


@pytest.fixture(scope='module')
def source() -> np.ndarray:
  return np.random.default_rng(1).normal(0, 0.3, 73).astype(np.float32)


@pytest.fixture(scope='module')
def run(generator, recording, source):
  def track(length=FRAMES, *, fps=25, release=False, wave=recording, **options):
    result = generator.track(
      wave,
      source=source,
      num_frames=length,
      fps=fps,
      options=tracks.MotionOptions(release_chunks=release, **options),
    )
    return result.coefficients

  return track


@pytest.fixture(scope='module')
def usual(run) -> np.ndarray:
  return run()


def _reference(length: int) -> np.ndarray:
  rng = np.random.default_rng(2)
  return rng.normal(0, 0.3, (length, 70)).astype(np.float32)


@pytest.mark.parametrize('release', [False, True])
@pytest.mark.parametrize('length', LENGTHS)
def test_any_number_of_frames(run, recording, length, release):
  result = run(length, wave=recording[: 640 * length], release=release)
  assert result.shape == (length, 70) and result.dtype == np.float32
  assert np.isfinite(result).all()


def test_one_frame_has_the_pose_of_the_source(run, source):
  np.testing.assert_array_equal(run(1)[0, POSE], source[POSE])


def test_the_crop_of_a_source_has_no_part(generator, run, recording, source):
  plain = generator.track(recording, source=source[:70], num_frames=10)
  np.testing.assert_array_equal(plain.coefficients, run(10))


@pytest.mark.parametrize('length', [2, 3, 12, 13, 40])
def test_released_track_is_the_published_procedure(
  weights, run, recording, source, length
):
  windows = sound_windows.SoundWindows(recording, length)
  draws = chunks.latents(6, -(-(length - 1) // 32))
  want = chunks.poses(
    posevae.PoseVAE(),
    weights[1],
    windows,
    source[POSE],
    3,
    draws,
    release_chunks=True,
  )
  if length > 2:
    window = 13 if length >= 13 else 2 * ((length - 1) // 2) + 1
    want = signal.savgol_filter(want, window, 2, axis=0)
  result = run(length, release=True, seed=6, pose_style=3)
  np.testing.assert_allclose(result[:, POSE], want, atol=1e-5)
  expression = expnet.ExpNet().apply(
    weights[0],
    windows[np.arange(length)][..., None],
    np.tile(source[EXPRESSION], (length, 1)),
    blinks.published_track(6, length)[:, None],
    train=False,
  )
  np.testing.assert_allclose(
    result[:, EXPRESSION], expression, rtol=1e-4, atol=1e-4
  )


def test_pieces_do_not_change_the_track(monkeypatch, run, usual):
  monkeypatch.setattr(chunks, 'BATCH', 9)
  monkeypatch.setattr(sound_windows, 'PIECE', 50)
  np.testing.assert_allclose(run(), usual, rtol=1e-4, atol=2e-4)


def test_seeds_reproduce_and_differ(run, usual):
  np.testing.assert_array_equal(run(), usual)
  assert np.abs(run(seed=5) - usual)[:, POSE].max() > 1e-3


def test_styles_differ_in_pose_only(run, usual):
  other = run(pose_style=45)
  assert np.abs(other - usual)[:, POSE].max() > 1e-3
  np.testing.assert_array_equal(other[:, EXPRESSION], usual[:, EXPRESSION])


def test_silence_gives_a_constant_expression(run):
  silent = run(wave=np.zeros(0, np.float32), blink=False)
  np.testing.assert_array_equal(
    silent, run(wave=np.zeros(FRAMES * 640, np.float32), blink=False)
  )
  assert np.ptp(silent[:, EXPRESSION], axis=0).max() < 1e-4


def test_blinks_show_and_can_be_left_out(run):
  z = blinks.published_track(2, FRAMES)
  shown, open_eyes = run(seed=2), run(seed=2, blink=False)
  changed = np.abs(shown - open_eyes)[:, EXPRESSION].max(axis=1) > 1e-4
  np.testing.assert_array_equal(changed, z > 0)
  assert changed.any()
  np.testing.assert_array_equal(open_eyes[:, POSE], shown[:, POSE])


def test_still_fixes_the_pose_only(run, usual, source):
  for release in (False, True):
    result = run(still=True, ref_pose=_reference(9), release=release)
    np.testing.assert_array_equal(
      result[:, POSE], np.tile(source[POSE], (FRAMES, 1))
    )
    np.testing.assert_array_equal(result[:, EXPRESSION], usual[:, EXPRESSION])


def test_scale_multiplies_the_expression(run, usual):
  result = run(expression_scale=1.5)
  np.testing.assert_allclose(
    result[:, EXPRESSION], 1.5 * usual[:, EXPRESSION], rtol=1e-5
  )
  np.testing.assert_array_equal(result[:, POSE], usual[:, POSE])


def test_a_reference_pose_replaces_the_generated_one(run, source):
  reference = _reference(50)
  result = run(ref_pose=reference)[:, POSE]
  want = tracks.looped(reference[:, POSE], FRAMES) - reference[0, POSE]
  np.testing.assert_allclose(result, source[POSE] + want, atol=1e-5)


def test_a_reference_pose_was_added_in_the_release(run):
  reference = _reference(50)
  plain = run(release=True)
  result = run(release=True, ref_pose=reference)
  wrapped = np.concatenate([reference, reference])[:FRAMES]
  np.testing.assert_allclose(
    (result - plain)[:, POSE],
    (wrapped - reference[0])[:, POSE],
    atol=1e-5,
  )


@pytest.mark.parametrize('release', [False, True])
def test_a_reference_for_the_eyes_is_what_expnet_refers_to(
  weights, run, usual, recording, release
):
  reference = _reference(50)
  result = run(ref_eyeblink=reference, release=release)
  again = reference[:25] if release else reference[48:23:-1]
  windows = sound_windows.SoundWindows(recording, FRAMES)
  want = chunks.expressions(
    expnet.ExpNet(),
    weights[0],
    windows,
    np.concatenate([reference, again])[:, EXPRESSION],
    np.zeros(FRAMES, np.float32),
  )
  np.testing.assert_allclose(result[:, EXPRESSION], want, rtol=1e-4, atol=1e-4)
  if not release:
    np.testing.assert_array_equal(result[:, POSE], usual[:, POSE])


@pytest.mark.parametrize(
  'fps', [12.5, 24, fractions.Fraction(30000, 1001), 30, 50, 60]
)
def test_other_rates_show_the_same_motion(run, fps):
  length = int(3 * fps)
  result = run(length, fps=fps)
  assert result.shape == (length, 70)
  known = run(int(np.ceil(length * 25 / fps)))  # at the networks' rate
  place = (np.arange(length) + 0.5) / float(fps) * 25 - 0.5
  place = np.clip(place, 0, len(known) - 1)
  left = known[np.floor(place).astype(int)]
  right = known[np.ceil(place).astype(int)]
  # Between its neighbours of 25 a second, or a little beyond on a bend.
  reach = 0.2 * np.abs(np.diff(known, axis=0)).max(axis=0)
  assert (result >= np.minimum(left, right) - reach).all()
  assert (result <= np.maximum(left, right) + reach).all()
  exact = np.abs(place - np.round(place)) < 1e-6
  np.testing.assert_allclose(
    result[exact], known[np.round(place[exact]).astype(int)], atol=1e-4
  )


@pytest.mark.parametrize('fps', [1, 24, 60, 120])
@pytest.mark.parametrize('length', [1, 2, 5])
def test_short_clips_of_other_rates(run, length, fps):
  reference = _reference(3)
  result = run(length, fps=fps, ref_pose=reference, ref_eyeblink=reference)
  assert result.shape == (length, 70) and np.isfinite(result).all()


def test_free_views_are_prescribed_beside_the_track(
  generator, recording, source, usual
):
  result = generator.track(
    recording,
    source=source,
    num_frames=FRAMES,
    options=tracks.MotionOptions(input_yaw=(-20.0, 30.0), input_roll=(5.0,)),
  )
  np.testing.assert_array_equal(result.coefficients, usual)
  yaw, pitch, roll = result.angles.T
  np.testing.assert_allclose(yaw, tracks.free_view((-20.0, 30.0), FRAMES))
  assert np.isnan(pitch).all() and (roll == 5).all()


def test_units_of_the_packaged_head_stay_where_it_has_a_shape(
  weights, recording, source
):
  own = learned_motion.LearnedMotion(*weights, basis='makehuman')
  options = tracks.MotionOptions(expression_scale=10.0)
  found, free = (
    motion.track(
      recording, source=source, num_frames=FRAMES, fps=25, options=options
    ).coefficients[:, :64]
    for motion in (own, learned_motion.LearnedMotion(*weights, basis='bfm'))
  )
  assert (found >= np.minimum(source[:64], 0)).all()
  assert (found <= np.maximum(source[:64], 1)).all()
  assert np.abs(free).max() > 1
  inside = (free >= 0) & (free <= 1)
  np.testing.assert_array_equal(found[inside], free[inside])


def test_impossible_arguments_are_refused(generator, run, recording):
  with pytest.raises(ValueError, match=r'\[70\] or \[73\], found \(71,\)'):
    generator.track(recording, source=np.zeros(71), num_frames=3)
  with pytest.raises(ValueError, match='at least 1 frame, found 0'):
    run(0)
  with pytest.raises(ValueError, match=r'sound of shape \[L\]'):
    run(3, wave=np.zeros((2, 640), np.float32))
