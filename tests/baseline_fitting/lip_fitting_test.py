"""Fitting of lip weights, on a synthetic speaker whose lips follow F1."""

import dataclasses
import json

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.baseline_fitting import (
  lip_fitting,
  phones,
  recordings,
  scores,
)
from sadtalker_jax.evaluation import phone_times
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.motion.baseline import lips, speech


def speaker(seed: int, seconds: float = 6.0) -> recordings.TalkerClip:
  """Syllables with open or narrow vowels between pauses, and their lips."""
  rng = np.random.default_rng(seed)
  t = np.arange(int(seconds * 16000)) / 16000
  openness = np.zeros(len(t))
  for start in np.arange(0.3, seconds - 0.5, 0.35):
    if rng.random() < 0.8:
      bump = np.exp(-(((t - start) / 0.07) ** 2))
      openness += rng.uniform(0.3, 1.0) * bump
  pitch = rng.uniform(100, 220)
  wave = np.zeros(len(t))
  for k in range(1, int(4000 / pitch)):
    formant = 300 + 600 * openness
    weight = np.exp(-(((k * pitch - formant) / 150) ** 2)) + 0.05
    wave += weight * np.sin(2 * np.pi * k * pitch * t + k)
  wave *= np.minimum(openness * 3, 1)
  wave += 1e-4 * rng.normal(size=len(t))
  frames = (np.arange(int(seconds * 25)) + 0.5) / 25
  gap = np.interp(frames, t, openness)
  return recordings.TalkerClip(
    f'speaker{seed}',
    f'speaker{seed}',
    (0.1 * wave).astype(np.float32),
    np.stack([gap, 0.2 * gap, 0.8 * gap], axis=1),
    25.0,
    gap=0.14 * gap,
    amplitude=0.14,
  )


@pytest.fixture(scope='module')
def clips() -> list[recordings.TalkerClip]:
  return [speaker(seed) for seed in range(4)]


@pytest.fixture(scope='module')
def reference(clips) -> np.ndarray:
  return lip_fitting.reference_spectrum(clips)


@pytest.fixture(scope='module')
def weights(clips, reference) -> lips.LipWeights:
  return lip_fitting.fit(clips[:3], reference)


def test_lips_of_an_unheard_speaker_are_found(clips, weights):
  made = scores.produced(clips[3], weights)
  r, lag = scores.correlation(clips[3].gap, made)
  assert r > 0.8 and abs(lag) <= 1


def test_fitting_twice_gives_the_same_weights(clips, reference, weights):
  again = lip_fitting.fit(clips[:3], reference)
  for a, b in zip(again, weights, strict=True):
    np.testing.assert_array_equal(a, b)


def test_shifts_of_sound_are_found(clips, weights):
  late = clips[3].lips[np.clip(np.arange(150) - 4, 0, 149)]  # lips 4 late
  shifted = dataclasses.replace(clips[3], lips=late)
  (aligned,) = lip_fitting.aligned([shifted], weights)
  assert abs(aligned.shift - 4) <= 1


def test_correlation_counts_lips_after_sound_as_positive():
  track = np.random.default_rng(0).normal(size=50)
  late = np.roll(track, 2)
  assert scores.correlation(late, track) == (pytest.approx(1.0), 2)
  assert scores.correlation(track, late)[1] == -2
  assert scores.correlation(np.zeros(50), track)[0] == -1


def test_contrast_restores_the_distribution():
  rng = np.random.default_rng(0)
  real = rng.gamma(1.0, 0.4, 4000)
  made = 0.3 + 0.4 * (real - 0.3)  # regressed to the mean
  curve = lip_fitting.contrast([(made, real)])
  assert (np.diff(curve[0]) > 0).all() and (np.diff(curve[1]) >= 0).all()
  restored = np.interp(made, *curve)
  for level in (50, 75, 95):
    want = np.percentile(real, level) - 0.1
    assert np.percentile(restored, level) == pytest.approx(want, abs=0.02)


def test_clusters_cover_the_points():
  rng = np.random.default_rng(0)
  middles = rng.normal(size=(6, 3)) * 10
  points = np.repeat(middles, 40, axis=0) + 0.1 * rng.normal(size=(240, 3))
  found = lip_fitting.cluster(points, np.ones(240), 6)
  distance = np.linalg.norm(middles[:, None] - found, axis=2)
  assert (distance.min(axis=1) < 0.2).all()


def test_measures_are_shares_of_the_eye_distance():
  points = np.zeros((1, 478, 3))
  points[0, 263, 0] = 10.0
  points[0, 14, 1] = 1.0
  points[0, 291, 0] = 5.0
  points[0, 152, 1] = 12.0
  measured = recordings.mouth_measures(points)
  np.testing.assert_allclose(measured, [[0.1, 0.5, 1.2]])
  np.testing.assert_allclose(recordings.mouth_measures(7 * points), measured)


def test_shipped_responses_are_those_of_the_shipped_model():
  # Stored as float32.
  np.testing.assert_allclose(
    lip_fitting.model_response(), lips.load().response, atol=1e-5
  )


def test_phone_times_become_lips(tmp_path, monkeypatch):
  wave = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
  monkeypatch.setattr(phones.audio, 'load', lambda path: wave)
  times = [('SIL', 0.0, 0.3), ('AA', 0.3, 0.3), ('B', 0.6, 0.4)]
  words = [{'w': [{'t': t, 'b': b, 'd': d}]} for t, b, d in times]
  path = tmp_path / 'clip.phone.json'
  path.write_text(json.dumps({'w': words}))
  clip = phones.read_times(path)
  assert clip.name == 'clip' and clip.lips.shape == (25, 3)
  assert clip.lips[3, 0] < 0.1 and clip.lips[20, 0] < 0.05
  assert clip.lips[11, 0] > 0.9


def test_sound_is_cut_at_quiet_places():
  wave = np.ones(20 * 16000, np.float32)
  wave[7 * 16000 : 7 * 16000 + 3200] = 0
  parts = phones.pieces(wave, seconds=7.0)
  assert sum(map(len, parts)) == len(wave)
  assert 7 * 16000 <= len(parts[0]) <= 7 * 16000 + 3200
  assert len(phones.pieces(wave[:100])) == 1


def test_missing_aligner_is_one_line(monkeypatch, tmp_path):
  monkeypatch.setattr(phone_times, 'installed', lambda: False)
  with pytest.raises(errors.InputError, match='pocketsphinx'):
    phones.find(tmp_path / 'speech.wav')


def test_pieces_that_cannot_be_aligned_are_counted(monkeypatch):
  monkeypatch.setattr(phone_times, 'installed', lambda: True)

  def find(wave):
    raise phone_times.NotAligned('no words were recognised')

  monkeypatch.setattr(phone_times, 'find', find)
  with pytest.raises(errors.InputError, match='found phones in none of 1'):
    phones.find(bundle.SAMPLE_SPEECH)


def test_activity_of_synthetic_speech_follows_its_syllables(clips):
  sound = speech.listen(clips[0].wave)
  active = speech.at_frames(sound.activity, 150) > 0.5
  assert active[clips[0].lips[:, 0] > 0.2].all()
