"""Cues of a voice, seeds of sounds, gaze, and what they move."""

import numpy as np
import pytest

from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle, tracks
from sadtalker_jax.inference.motion import (
  easing,
  gaze,
  prosody,
  seeds,
  upper_face,
)
from sadtalker_jax.inference.motion.baseline import speech
from sadtalker_jax.media import audio

SLOT = makehuman.EXPRESSION_SLOTS


def _voice(semitones: float) -> np.ndarray:
  """Two phrases of 2 s of a buzz; its pitch rises at 0.7 and at 3.7 s."""
  t = np.arange(16000 * 6) / 16000
  bump = sum(np.exp(-(((t - at) / 0.3) ** 2)) for at in (0.7, 3.7))
  hertz = 120 * 2 ** (semitones * bump / 12)
  phase = 2 * np.pi * np.cumsum(hertz) / 16000
  buzz = sum(np.sin(k * phase) / k for k in range(1, 9))
  spoken = ((t % 3) > 0.1) & ((t % 3) < 2.1)
  syllables = 0.1 + np.sin(2 * np.pi * 2 * t) ** 2
  return (0.1 * buzz * spoken * syllables).astype(np.float32)


def _heard(semitones: float) -> prosody.Prosody:
  wave = _voice(semitones)
  return prosody.listen(wave, speech.listen(wave))


def test_accents_are_where_the_pitch_rises_and_phrases_where_it_ends():
  voice = _heard(6.0)
  strong = voice.accents[voice.strengths > 0.5]
  assert len(strong) == 2
  np.testing.assert_allclose(strong, [0.7, 3.7], atol=0.12)
  np.testing.assert_allclose(voice.phrase_ends, [2.1, 5.1], atol=0.2)
  assert voice.energy > _heard(1.0).energy


@pytest.mark.parametrize('length', [0, 300, 16000])
def test_silence_has_no_cues(length):
  wave = np.zeros(length, np.float32)
  voice = prosody.listen(wave, speech.listen(wave))
  assert not voice.accents.size and not voice.phrase_ends.size
  assert voice.energy == 1.0


def test_pitch_is_measured():
  height, voiced = prosody.pitch(_voice(0.0))
  assert voiced.mean() > 0.5
  hertz = 100 * 2 ** (height[voiced] / 12)
  assert np.median(hertz) == pytest.approx(120, abs=2)


def test_seeds_come_from_the_sound_unless_one_is_given():
  wave = audio.load(bundle.SAMPLE_SPEECH)
  assert seeds.chosen(None, wave) == seeds.chosen(None, wave.copy())
  assert seeds.chosen(None, wave) != seeds.chosen(None, wave[16000:])
  assert seeds.chosen(0, wave) == 0
  assert seeds.chosen(None, np.array([np.nan, 2.0])) >= 0


def test_gaze_starts_at_the_picture_jumps_and_stays_small():
  track = gaze.track(1, 60 * 60, 60.0)
  np.testing.assert_array_equal(track[0], 0)
  assert (np.abs(track).max(axis=0) <= gaze.MAX_DEGREES).all()
  moving = np.abs(np.diff(track, axis=0)).max(axis=1) > 0
  assert 0.01 < moving.mean() < 0.12  # fixations, not drift
  np.testing.assert_array_equal(gaze.track(1, 600, 60.0), track[:600])


def test_eyes_stay_with_the_camera_when_the_head_turns():
  head = np.zeros((50, 3))
  head[10:] = 0.05, -0.1, 0  # down, to its right
  left, up = (gaze.track(0, 50, head=head) - gaze.track(0, 50))[-1]
  assert left > 1
  assert up > 0.5


def test_both_eyes_turn_alike():
  rows = np.zeros((2, 64), np.float32)
  rows[:, SLOT['eyeLookInLeft']] = 0.1  # of the picture
  gaze.add(rows, np.array([[0.0, 0.0], [6.9, -1.9]]))
  assert rows[0, SLOT['eyeLookInLeft']] == pytest.approx(0.1)
  assert rows[1, SLOT['eyeLookInLeft']] == 0
  assert rows[1, SLOT['eyeLookOutLeft']] == pytest.approx(0.2)
  assert rows[1, SLOT['eyeLookInRight']] == pytest.approx(0.3)
  for side in ('Left', 'Right'):
    assert rows[1, SLOT['eyeLookDown' + side]] == pytest.approx(0.1)


def test_brows_rise_on_accents_and_rest_in_silence():
  voice = prosody.Prosody(
    np.arange(1.0, 20.0, 2.0), np.ones(10), np.zeros(0), 1.0
  )
  raised = upper_face.brows(0, 500, 25.0, voice, np.ones(500))
  assert raised.max() > 0.5
  assert 0.2 < raised.std() < 0.6
  assert not upper_face.brows(0, 500, 25.0, voice, np.zeros(500)).any()


def test_lively_styles_raise_brows_more():
  wave = _voice(6.0)
  sound = speech.listen(wave)
  spread = []
  for style in (1, 45):
    rows = np.zeros((150, 70), np.float32)
    upper_face.add(
      rows,
      np.zeros(70),
      wave,
      sound,
      25.0,
      tracks.MotionOptions(seed=3, pose_style=style),
    )
    spread.append(rows[:, SLOT['browInnerUp']].std())
  assert spread[1] > 1.4 * spread[0]


@pytest.mark.parametrize('length', [0, 1, 2, 4, 50])
def test_easing_begins_and_ends_with_the_picture(length):
  weights = easing.weights(length, 25.0)
  assert weights.shape == (length,)
  assert not weights[:1].any() and not weights[-1:].any()
  np.testing.assert_array_equal(weights[4:-4], 1)  # 150 ms


def test_only_blinks_of_a_reference_close_the_eyes():
  slot = makehuman.EXPRESSION_SLOTS['eyeBlinkLeft']
  reference = np.zeros((50, 70), np.float32)
  reference[:, slot] = 0.1
  source = np.zeros(70, np.float32)

  def deepest(lowered):
    film = reference.copy()
    film[20:23, slot] = lowered
    rows = np.zeros((50, 70), np.float32)
    upper_face.copy_eyes(rows, source, film)
    assert rows[:10, slot].max() == 0  # as the portrait has them
    return rows[:, slot].max()

  assert deepest(0.62) > 0.98 and deepest(0.8) > 0.98
  assert 0.5 < deepest(0.4) < 0.65  # half shut
