"""The baseline track: options, edges, goldens of the published program."""

import fractions

import numpy as np
import pytest

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle, tracks
from sadtalker_jax.inference.motion.baseline import baseline_motion, lips
from sadtalker_jax.media import audio

SLOT = makehuman.EXPRESSION_SLOTS
LIDS = [SLOT['eyeBlinkLeft'], SLOT['eyeBlinkRight']]
EYES = [s for n, s in SLOT.items() if n.startswith('eye')]
MOUTH = [s for n, s in SLOT.items() if n.startswith(('mouth', 'jaw'))]
POSE = slice(64, 70)
FRAMES = 177


@pytest.fixture(scope='module')
def recording() -> np.ndarray:
  return audio.load(bundle.SAMPLE_SPEECH)


@pytest.fixture(scope='module')
def source() -> np.ndarray:
  row = np.zeros(70, np.float32)
  row[:52] = np.random.default_rng(1).uniform(0, 0.15, 52)
  row[64:] = 0.05, -0.1, 0.02, 0.1, 0.2, -0.3
  return row


def _track(wave, source, num_frames=FRAMES, fps=25.0, **options) -> np.ndarray:
  result = baseline_motion.BaselineMotion().track(
    wave,
    source=source,
    num_frames=num_frames,
    fps=fps,
    options=tracks.MotionOptions(**options),
  )
  return tracks.turned(result).coefficients


@pytest.fixture(scope='module')
def track(recording, source) -> np.ndarray:
  return _track(recording, source)


def _reference(length: int) -> np.ndarray:
  """A track of a video: a turning head, two blinks, a wandering look."""
  reference = np.full((length, 70), 0.1, np.float32)
  t = np.arange(length) / 25
  reference[:, 65] = 0.3 + 0.2 * np.sin(t)
  reference[:, LIDS] = 0.15
  for start in (10, 30):
    reference[start : start + 4, LIDS] = 0.75
  reference[:, SLOT['eyeLookInLeft']] = 0.3 + 0.1 * np.sin(2 * t)
  reference[:, SLOT['jawOpen']] = 0.8
  return reference


def test_shape_and_finiteness(track):
  assert track.shape == (FRAMES, 70) and track.dtype == np.float32
  assert np.isfinite(track).all()


def test_frame_zero_has_the_pose_of_the_source(track, source):
  np.testing.assert_array_equal(track[0, POSE], source[POSE])


@pytest.mark.parametrize('length', [0, 640, 1600, 48000])
def test_silence_leaves_the_expression_alone(source, length):
  result = _track(np.zeros(length, np.float32), source, 75, blink=False)
  moved = np.abs(result[:, :64] - source[:64]).max(0)
  assert np.flatnonzero(moved).tolist() == [makehuman.BREATH_SLOT]


@pytest.mark.parametrize('num_frames', [0, 1, 2, 21])
def test_any_number_of_frames(recording, source, num_frames):
  result = _track(recording[: 640 * num_frames], source, num_frames)
  assert result.shape == (num_frames, 70) and np.isfinite(result).all()


def test_equal_seeds_give_equal_tracks(recording, source, track):
  np.testing.assert_array_equal(_track(recording, source), track)
  other = _track(recording, source, seed=1)
  assert np.abs(other - _track(recording, source, seed=2))[:, POSE].max() > 0.01
  assert np.abs(other - track)[:, POSE].max() > 0.01
  np.testing.assert_array_equal(other[:, MOUTH], track[:, MOUTH])


def test_frame_rates_are_fractions(recording, source, track):
  rate = fractions.Fraction(30000, 1001)
  result = _track(recording, source, 212, rate)
  seconds = (np.arange(212) + 0.5) / float(rate)
  jaw = SLOT['jawOpen']
  want = np.interp(seconds, (np.arange(FRAMES) + 0.5) / 25, track[:, jaw])
  # Sampled and interpolated at 40 ms, lips lose some of their peaks.
  assert np.corrcoef(result[:, jaw], want)[0, 1] > 0.98


def test_blinks_close_the_lids_and_can_be_left_out(recording, source, track):
  assert track[:, LIDS].max() == 1.0
  closed = track[:, LIDS].min(axis=1) > 0.85
  assert 2 <= closed.sum() < 0.2 * FRAMES
  open_eyes = _track(recording, source, blink=False)
  np.testing.assert_array_equal(
    open_eyes[:, EYES], np.tile(source[EYES], (FRAMES, 1))
  )


def test_still_fixes_the_pose_only(recording, source, track):
  result = _track(recording, source, still=True)
  np.testing.assert_array_equal(
    result[:, POSE], np.tile(source[POSE], (FRAMES, 1))
  )
  slots = [s for n, s in SLOT.items() if not n.startswith('eyeLook')]
  np.testing.assert_array_equal(result[:, slots], track[:, slots])


def test_scale_strengthens_what_is_generated(recording, source, track):
  slots = [SLOT['jawOpen'], SLOT['browInnerUp']]
  double = _track(recording, source, expression_scale=2.0)
  rest = source[slots]
  wide = (double - track)[:, slots]
  assert (wide >= -1e-6).all() and wide.max(axis=0).min() > 0.02
  assert (double[:, MOUTH] <= 1.0).all()
  np.testing.assert_array_equal(double[:, EYES], track[:, EYES])
  nothing = _track(recording, source, expression_scale=0.0, blink=False)
  np.testing.assert_array_equal(nothing[:, slots], np.tile(rest, (FRAMES, 1)))


def test_mouth_of_the_track_opens_as_the_lips_do(recording):
  neutral = np.zeros(70, np.float32)
  track = _track(recording, neutral, fps=25.0)
  opening = lips.opening(track)
  assert 0.08 < np.percentile(opening, 95) < 0.2
  assert opening[-4:].max() < 0.01  # the recording ends in a pause


def test_a_mouth_open_in_the_picture_does_not_gape_after_speech(recording):
  wide = np.zeros(70, np.float32)
  wide[SLOT['jawOpen']] = 0.5
  padded = np.pad(recording[:32000], 16000)
  opened = lips.opening(_track(padded, wide, 100))
  usual = lips.opening(wide[:64])
  # The picture's until the first word, and at the end of the clip.
  np.testing.assert_allclose(opened[[1, 15, -1]], usual, rtol=1e-5)
  assert opened[85:95].max() < 0.07 < usual


def test_a_reference_pose_replaces_the_head_motion(recording, source):
  reference = _reference(60)
  result = _track(recording, source, ref_pose=reference)
  moved = result[:60, POSE] - source[POSE]
  np.testing.assert_allclose(
    moved, reference[:, POSE] - reference[0, POSE], atol=1e-6
  )
  # Continued to and fro, without a jump.
  assert np.abs(np.diff(result[:, 65])).max() < 0.011
  np.testing.assert_allclose(result[60, POSE], result[58, POSE], atol=1e-6)


def test_reference_eyes_bring_their_eyes_alone(recording, source, track):
  reference = _reference(60)
  result = _track(recording, source, ref_eyeblink=reference)
  np.testing.assert_array_equal(result[:, MOUTH], track[:, MOUTH])
  np.testing.assert_array_equal(result[:, POSE], track[:, POSE])
  blinking = result[:60, LIDS].min(axis=1) > 0.95
  np.testing.assert_array_equal(
    np.flatnonzero(blinking), [10, 11, 12, 13, 30, 31, 32, 33]
  )
  np.testing.assert_array_equal(result[0, LIDS], source[LIDS])
  look = SLOT['eyeLookInLeft']
  assert np.ptp(result[:60, look]) > 0.1
  assert np.abs(np.median(result[:60, look]) - source[look]) < 0.02


def test_free_view_replaces_single_angles(recording, source, track):
  result = _track(recording, source, input_yaw=(-20.0, 30.0, 10.0))
  degrees = np.degrees(result[:, 65])
  assert degrees[0] == pytest.approx(-20) and degrees.max() > 29.5
  np.testing.assert_array_equal(result[:, 64], track[:, 64])
  still = _track(recording, source, still=True, input_roll=(5.0,))
  np.testing.assert_allclose(np.degrees(still[:, 66]), 5, atol=1e-4)
  np.testing.assert_array_equal(still[:, 65], np.full(FRAMES, source[65]))


@pytest.mark.parametrize('case', ['const', 'sweep', 'back'])
def test_free_view_walks_as_published(testdata, case):
  data = np.load(testdata / 'motion.npz')
  corners = tuple(data[f'freeview_{case}_in'].tolist())
  want = data[f'freeview_{case}_out']
  # Both float64; the steps are added up in another order.
  np.testing.assert_allclose(
    tracks.free_view(corners, len(want)), want, atol=1e-9
  )


def test_free_view_where_the_published_program_divides_by_zero():
  np.testing.assert_array_equal(tracks.free_view((3.0, 9.0), 1), [3.0])
  np.testing.assert_array_equal(tracks.free_view((4.0, 4.0), 3), [4.0] * 3)
  path = tracks.free_view((0.0, 10.0, 10.0, 0.0), 21)
  np.testing.assert_allclose(path[:10], np.arange(10), atol=1e-9)
  assert path[10] == pytest.approx(10) and path[15] == pytest.approx(5)
  assert tracks.free_view((1.0, 2.0), 0).shape == (0,)


@pytest.mark.parametrize('corners', [(0.0, 7.0), (3.0, -8.0, 2.5), (0, 1, 0)])
@pytest.mark.parametrize('length', [2, 3, 50, 177])
def test_free_views_have_one_value_per_frame(corners, length):
  path = tracks.free_view(corners, length)
  assert path.shape == (length,)
  assert path.min() >= min(corners) - 1e-9
  assert path.max() <= max(corners) + 1e-9


def test_windows_as_published(testdata):
  data = np.load(testdata / 'motion.npz')
  coefficients = data['window_in_coefficients']
  want = np.swapaxes(data['window_out_target'], 1, 2)  # time before channels
  places = np.arange(len(coefficients))
  result = coefficients[conventions.window_places(places, len(coefficients))]
  np.testing.assert_array_equal(result, want)
  row = np.repeat(coefficients[:1], 1, axis=0)
  np.testing.assert_array_equal(
    row[conventions.window_places([0], 1)][0].T, data['window_out_source']
  )


def test_loops_go_to_and_fro():
  track = np.arange(4)[:, None]
  result = tracks.looped(track, 10)[:, 0]
  assert result.tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
  assert tracks.looped(track, 2)[:, 0].tolist() == [0, 1]
  assert tracks.looped(track[:1], 3)[:, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
  'options, words',
  [
    ({'pose_style': 46}, 'pose_style: expected 0 to 45, found 46'),
    ({'pose_style': -1}, 'found -1'),
    ({'seed': -3}, 'seed: expected 0 or more, found -3'),
    ({'expression_scale': float('nan')}, 'expression_scale: expected'),
    ({'input_yaw': ()}, 'input_yaw: expected one or more angles'),
    ({'input_roll': (float('inf'),)}, 'input_roll'),
  ],
)
def test_impossible_options_are_refused(options, words):
  with pytest.raises(errors.InputError, match=words):
    tracks.MotionOptions(**options)


def test_wrong_shapes_are_refused(recording):
  with pytest.raises(ValueError, match=r'shape \[70\]'):
    _track(recording, np.zeros(73, np.float32))
  with pytest.raises(ValueError, match=r'expected \[T, 70\]'):
    tracks.MotionOptions(ref_pose=np.zeros((0, 70)))
