"""Lips of the sample recording: what opens, what shuts, and the units."""

import numpy as np
import pytest

from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.motion.baseline import lips, speech
from sadtalker_jax.media import audio

OPEN_VOWELS = {'AA', 'AE', 'AH', 'AO', 'AW', 'AY', 'EH', 'EY'}
BILABIALS = {'P', 'B', 'M'}
SLOT = makehuman.EXPRESSION_SLOTS
FPS = 100.0


@pytest.fixture(scope='module')
def sound() -> speech.Sound:
  wave = audio.load(bundle.SAMPLE_SPEECH)
  return speech.listen(wave, lips.load().reference)


@pytest.fixture(scope='module')
def opening(sound) -> np.ndarray:
  """Opening of the lips at 100 frames per second."""
  return lips.opening(lips.units(lips.measure(sound, 710, FPS)))


@pytest.fixture(scope='module')
def phones(testdata) -> list[tuple[str, np.ndarray]]:
  """Name and frames of every phone of the sample recording.

  The recording took no part in fitting the weights.
  """
  data = np.load(testdata / 'motion.npz')
  time = (np.arange(710) + 0.5) / FPS
  return [
    (str(name), np.flatnonzero((time >= begin) & (time < end)))
    for name, begin, end in zip(
      data['phone_name'], data['phone_begin'], data['phone_end'], strict=True
    )
  ]


def _mean(opening, phones, names, least_frames=3) -> float:
  found = [
    opening[frames].mean()
    for name, frames in phones
    if name in names and len(frames) >= least_frames
  ]
  assert len(found) >= 3
  return float(np.mean(found))


def test_vowels_open_bilabials_shut_pauses_rest(opening, phones):
  vowels = _mean(opening, phones, OPEN_VOWELS)
  bilabials = _mean(opening, phones, BILABIALS)
  silence = _mean(opening, phones, {'SIL'})
  # Measured: 0.067, 0.023, 0.012 of the distance of the eye corners.
  assert vowels > 0.05
  assert bilabials < 0.5 * vowels
  assert silence < 0.3 * vowels


def test_most_bilabials_touch(opening, phones):
  lowest = [opening[f].min() for name, f in phones if name in BILABIALS]
  # 0.02 of the eye distance is under 2 mm.
  assert np.mean(np.array(lowest) < 0.02) >= 0.7


def test_amplitude_is_that_of_speakers(opening):
  # 95th percentiles of 15 GRID clips of six talkers: 0.055 to 0.194.
  assert 0.08 < np.percentile(opening, 95) < 0.2
  assert opening.max() < 0.3


def test_lips_move_without_jitter(opening):
  speed = np.diff(opening) * FPS
  assert np.abs(speed).max() > 0.8  # a vowel's opening takes 0.1 to 0.2 s
  shaken = opening - np.convolve(opening, np.ones(5) / 5, 'same')
  assert shaken[2:-2].std() < 0.05 * opening.std()


@pytest.mark.parametrize('fps', [24.0, 30.0, 60.0])
def test_other_frame_rates_see_the_same_lips(sound, opening, fps):
  frames = int(7.1 * fps)
  gap = lips.opening(lips.units(lips.measure(sound, frames, fps)))
  time = (np.arange(frames) + 0.5) / fps
  want = np.interp(time, (np.arange(710) + 0.5) / FPS, opening)
  # Linear interpolation between samples 10 ms apart.
  np.testing.assert_allclose(gap, want, atol=0.006)


def test_silence_leaves_lips_at_rest_exactly():
  for length in (0, 640, 40000):
    wave = np.zeros(length, np.float32)
    result = lips.measure(speech.listen(wave, lips.load().reference), 20)
    for part in result:
      np.testing.assert_array_equal(part, np.zeros(20))


def test_blocks_do_not_show(sound, monkeypatch):
  whole = lips.measure(sound, 177)
  monkeypatch.setattr(lips, '_BLOCK', 50)
  for a, b in zip(lips.measure(sound, 177), whole, strict=True):
    # Matrix products of other sizes round otherwise.
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_units_make_the_gap_that_was_asked_for():
  rng = np.random.default_rng(0)
  gap = rng.uniform(0, 0.22, 300)
  wanted = lips.Lips(gap, rng.uniform(-0.06, 0.06, 300), 0.7 * gap + 0.02)
  made = lips.opening(lips.units(wanted))
  # Stretching and rounding act on the gap a little after the jaw is chosen.
  np.testing.assert_allclose(made, gap, atol=0.02)


def test_units_are_in_range_and_even_on_both_sides(sound):
  result = lips.units(lips.measure(sound, 177))
  assert result.min() >= 0 and result.max() <= 1
  moved = {n for n, s in SLOT.items() if result[:, s].any()}
  assert {'jawOpen', 'mouthPucker', 'mouthFunnel', 'mouthClose'} <= moved
  assert not any(n.startswith(('eye', 'brow', 'nose')) for n in moved)
  assert not result[:, len(SLOT) :].any()
  for name in moved:
    if name.endswith('Left'):
      other = SLOT[name.removesuffix('Left') + 'Right']
      np.testing.assert_array_equal(result[:, SLOT[name]], result[:, other])


def test_round_lips_for_narrow_mouths():
  narrow = lips.units(lips.Lips(*np.array([[0.05], [-0.06], [0.05]])))
  wide = lips.units(lips.Lips(*np.array([[0.05], [0.06], [0.05]])))
  assert narrow[0, SLOT['mouthPucker']] > 0.2 > wide[0, SLOT['mouthPucker']]
  assert wide[0, SLOT['mouthStretchLeft']] > 0.1


def test_sources_rest_exactly_in_pauses():
  source = np.random.default_rng(0).normal(0, 0.2, 64).astype(np.float32)
  rest = lips.resting(source, np.array([0.0, 0.5, 0.0]))
  np.testing.assert_array_equal(rest[0], source)
  np.testing.assert_array_equal(rest[2], source)


def test_open_smiles_close_while_speaking_and_keep_smiling():
  source = np.zeros(64, np.float32)
  for name in ('mouthSmileLeft', 'mouthSmileRight', 'browInnerUp'):
    source[SLOT[name]] = 0.6
  source[SLOT['jawOpen']] = 0.25
  source[SLOT['mouthUpperUpLeft']] = 0.3
  assert lips.opening(source) > 0.05
  speaking = lips.resting(source, np.ones(1))[0]
  assert abs(lips.opening(speaking)) < 1e-3
  assert 0.3 < speaking[SLOT['mouthSmileLeft']] < 0.6
  assert speaking[SLOT['browInnerUp']] == source[SLOT['browInnerUp']]


def test_who_has_spoken_does_not_gape_in_pauses():
  source = np.zeros(64, np.float32)
  source[SLOT['jawOpen']] = 0.5
  source[SLOT['mouthSmileLeft']] = 0.6
  activity = np.array([0.0, 1.0, 0.0])
  before, _, after = lips.resting(
    source, activity, spoken=np.maximum.accumulate(activity)
  )
  np.testing.assert_array_equal(before, source)
  assert lips.opening(source) > 0.15
  assert 0.02 < lips.opening(after) < 0.08
  assert after[SLOT['mouthSmileLeft']] == source[SLOT['mouthSmileLeft']]
  # Lips that are only parted in the picture are so in pauses, too.
  source[SLOT['jawOpen']] = 0.1
  rest = lips.resting(source, np.zeros(1), spoken=np.ones(1))[0]
  np.testing.assert_array_equal(rest, source)


def test_closed_mouths_stay_as_the_picture_has_them():
  source = np.zeros(64, np.float32)
  source[SLOT['mouthUpperUpLeft']] = 0.2  # undone by the next: lips touch
  source[SLOT['mouthClose']] = 0.1
  np.testing.assert_array_equal(lips.resting(source, np.ones(1))[0], source)


def test_responses_are_those_of_the_model():
  response = lips.load().response
  assert response.shape == (64, 3)
  assert 0.3 < response[SLOT['jawOpen'], 0] < 0.5  # opens
  assert response[SLOT['mouthClose'], 0] < -0.3
  assert response[SLOT['mouthPucker'], 1] < -0.05  # narrows
  assert response[SLOT['mouthStretchLeft'], 1] > 0.03
  assert response[SLOT['jawOpen'], 2] > 0.1  # lowers the chin


def test_weights_survive_a_file(tmp_path):
  weights = lips.load()
  lips.save(tmp_path / 'copy.npz', weights)
  for a, b in zip(lips.load(tmp_path / 'copy.npz'), weights, strict=True):
    np.testing.assert_array_equal(a, b)


def test_weights_are_small():
  assert lips.DATA.stat().st_size < 100_000
