"""Phonetic lips of the sample recording, bad sound, streams, the rest."""

import fractions

import numpy as np
import pytest

from sadtalker_jax import conventions
from sadtalker_jax.face3d import measures
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.motion.baseline import baseline_motion
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.phonetic import (
  hearing,
  mouth,
  phonetic_motion,
  shapes,
)
from sadtalker_jax.media import audio
from sadtalker_jax.ops import lip_classes

SLOT = makehuman.EXPRESSION_SLOTS
SPEAKS = [
  slot
  for name, slot in SLOT.items()
  if name.startswith(('mouth', 'jaw', 'tongue'))
]
NEUTRAL = np.zeros(70, np.float32)


@pytest.fixture(scope='module')
def recording() -> np.ndarray:
  return audio.load(bundle.SAMPLE_SPEECH)


@pytest.fixture(scope='module')
def heard(recording) -> hearing.Heard:
  return hearing.hear(recording)


@pytest.fixture(scope='module')
def segments(testdata) -> list[lip_classes.Segment]:
  """Classes of the recording, which took no part in training."""
  data = np.load(testdata / 'motion.npz')
  return lip_classes.segments(
    zip(data['phone_begin'], data['phone_end'], data['phone_name'], strict=True)
  )


def _track(wave, num_frames, fps=25.0, kind=phonetic_motion.PhoneticMotion):
  return (
    kind()
    .track(wave, source=NEUTRAL, num_frames=num_frames, fps=fps)
    .coefficients
  )


@pytest.fixture(scope='module')
def opening(recording) -> np.ndarray:
  """Gap of the lips at 100 frames a second."""
  return lips_lib.opening(_track(recording, 710, 100.0))


def test_what_is_heard_is_what_was_heard(heard):
  """Golden: every 50th row, with the weights that ship."""
  assert heard.lips.shape == (355, 5) and heard.classes.shape == (355, 24)
  want = [0.298, 0.315, 0.397, 0.644, 0.326, 0.505, 0.273]
  np.testing.assert_allclose(heard.lips[25::50, 0], want, atol=2e-3)
  best = [lip_classes.CLASSES[k] for k in heard.classes[25::50].argmax(1)]
  assert best == ['S', 'UH', 'IY', 'HH', 'R', 'IY', 'AO']


def test_bilabials_shut_and_vowels_open(opening, segments):
  def gaps(names):
    return [
      opening[round(100 * s.begin) : round(100 * s.end)]
      for s in segments
      if s.name in names and s.end - s.begin > 0.03
    ]

  shut = [gap.min() < 0.02 for gap in gaps('P')]
  assert np.mean(shut) >= 0.8
  vowels = np.mean([gap.mean() for gap in gaps(('AA', 'AE', 'AH', 'EH'))])
  silence = np.mean([gap.mean() for gap in gaps(('SIL',))])
  assert vowels > 0.07 and silence < 0.2 * vowels


def _units(name: str, gap: float, chin: float = 0.0, **others) -> np.ndarray:
  """Units [64] of a class at measures of the lips."""
  classes = np.zeros((1, len(lip_classes.CLASSES)), np.float32)
  classes[0, lip_classes.INDEX[name]] = 1
  rest = np.zeros(1, np.float32)
  return shapes.units(
    mouth.Mouth(
      rest + gap,
      rest + others.get('width', 0.0),
      rest + chin,
      rest + others.get('upper', 0.0),
      rest + others.get('corner', 0.0),
      rest,
      classes,
      rest + 1,
    )
  )[0]


def test_f_shows_the_upper_teeth_on_the_lower_lip():
  """Beside t, of the same gap: upper lip up, lower lip in."""
  f, t = _units('F', 0.03), _units('T', 0.03)
  for name, least in {'mouthUpperUpLeft': 0.3, 'mouthRollLower': 0.6}.items():
    assert f[SLOT[name]] > t[SLOT[name]] + least
  assert 0.03 < lips_lib.opening(f) < 0.05


def test_r_is_never_shut():
  assert lips_lib.opening(_units('R', 0.0)) > 0.015
  assert abs(lips_lib.opening(_units('P', 0.0))) < 0.005


@pytest.mark.parametrize('gap', [0.02, 0.06, 0.1])
def test_lower_lips_of_spread_vowels_part_over_a_jaw_that_opens_less(gap):
  spread, open_ = _units('IY', gap, chin=gap), _units('AA', gap, chin=gap)
  assert lips_lib.opening(spread) == pytest.approx(gap, abs=0.01)
  assert lips_lib.opening(open_) == pytest.approx(gap, abs=0.01)
  lower = SLOT['mouthLowerDownLeft']
  assert spread[lower] > open_[lower] + gap
  assert spread[SLOT['jawOpen']] < open_[SLOT['jawOpen']]


def test_the_jaw_follows_the_chin_as_far_as_lips_part():
  high, low = _units('AA', 0.15), _units('AA', 0.15, chin=0.2)
  assert lips_lib.opening(low) == pytest.approx(0.15, abs=0.01)
  assert high[SLOT['mouthClose']] < 0.05  # not shut over an open jaw
  assert low[SLOT['jawOpen']] > high[SLOT['jawOpen']] + 0.1
  assert _units('AA', 0.0, chin=0.2)[SLOT['jawOpen']] == 0


def test_upper_lip_and_corners_go_where_they_were_heard():
  up, still = _units('T', 0.05, upper=0.03), _units('T', 0.05)
  assert up[SLOT['mouthUpperUpLeft']] > still[SLOT['mouthUpperUpLeft']] + 0.4
  assert lips_lib.opening(up) == pytest.approx(0.05, abs=0.01)
  smile = _units('T', 0.05, width=0.05, corner=0.03)
  stretch = _units('T', 0.05, width=0.05, corner=-0.01)
  for name, sign in (('mouthSmileLeft', 1), ('mouthStretchLeft', -1)):
    assert sign * (smile - stretch)[SLOT[name]] > 0.1


def test_heights_of_units_are_those_of_the_head():
  model = makehuman.load()
  rest = np.zeros(conventions.IDENTITY_SIZE, np.float32)
  for name, heights in shapes._HEIGHTS.items():
    unit = np.zeros((2, conventions.EXPRESSION_SIZE), np.float32)
    unit[1, shapes._slots(name)] = 1
    points = np.stack([
      morphable.dense_landmarks(model, morphable.shape(model, rest, row))
      for row in unit
    ])  # fmt: skip
    found = measures.mouth_shape(points)  # its y is up
    np.testing.assert_allclose(found[1, 3:] - found[0, 3:], heights, atol=2e-3)


def test_lips_touch_at_low_frame_rates_too(recording, segments):
  gap = lips_lib.opening(_track(recording, 142, 20.0))
  for segment in segments:
    if segment.name == 'P' and segment.end - segment.begin > 0.05:
      frames = slice(int(20 * segment.begin), int(20 * segment.end) + 1)
      assert gap[frames].min() < 0.03


def test_frame_rates_are_fractions(recording, opening):
  rate = fractions.Fraction(30000, 1001)
  gap = lips_lib.opening(_track(recording, 212, rate))
  seconds = (np.arange(212) + 0.5) / float(rate)
  want = np.interp(seconds, (np.arange(710) + 0.5) / 100, opening)
  # Closures are held for a frame where frames are long.
  assert np.corrcoef(gap, want)[0, 1] > 0.97


def test_eyes_brows_and_head_are_the_baselines(recording):
  found = _track(recording, 50)
  want = _track(recording, 50, kind=baseline_motion.BaselineMotion)
  found[:, SPEAKS] = want[:, SPEAKS] = 0
  np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize('length', [0, 100, 48000])
def test_silence_is_shut(length):
  rows = _track(np.zeros(length, np.float32), 75)
  np.testing.assert_array_equal(rows[:, SPEAKS], 0)


def _openings_a_second(gap: np.ndarray, fps: float) -> float:
  """How often lips part by 5 % of the eye distance after they were shut."""
  parted, count = False, 0
  for value in gap:
    count += not parted and value > 0.05
    parted = value > (0.05 if not parted else 0.02)
  return count / (len(gap) / fps)


def test_lips_do_not_chatter_in_bad_sound(recording):
  rng = np.random.default_rng(0)
  noise = rng.normal(0, 0.1, len(recording)).astype(np.float32)
  assert _openings_a_second(lips_lib.opening(_track(noise, 177)), 25) == 0
  clean = _openings_a_second(lips_lib.opening(_track(recording, 177)), 25)
  power = float(np.sqrt(np.mean(recording**2)))
  for bad in (
    recording + noise * power / 0.1,  # 0 dB
    np.clip(recording * 20, -0.5, 0.5),
  ):
    gap = lips_lib.opening(_track(bad.astype(np.float32), 177))
    assert _openings_a_second(gap, 25) < 1.3 * clean + 1
    assert np.isfinite(gap).all() and gap.max() < 0.35


def test_a_stream_hears_what_a_recording_does(recording, heard):
  """With a look-ahead as long as the context, and with 80 ms nearly."""
  sound = recording[: 3 * 16000]
  ends = range(2, 4)
  for look_ahead, least in ((1.0, 0.97), (0.08, 0.8)):
    ahead = round(look_ahead * 16000)
    parts = [
      hearing.hear_live(
        recording[: end * 16000 + ahead], 50, look_ahead=look_ahead
      )
      for end in ends
    ]
    gap = np.concatenate([part.lips[:, 0] for part in parts])
    want = heard.lips[50:150, 0]
    assert np.corrcoef(gap, want)[0, 1] > least
  assert len(hearing.hear_live(sound[:0], 5).lips) == 0
  presence = mouth.heard_presence(heard, 177)
  assert presence[-5:].max() < 0.1 and np.percentile(presence, 80) > 0.99
