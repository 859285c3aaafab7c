"""Fréchet distances of clips, and what each clip does to them."""

import numpy as np
import pytest

from sadtalker_jax.evaluation.statistics import bootstrap, spread
from sadtalker_jax.metrics import frechet

CLIPS, FRAMES, SIZE = 24, 30, 6


@pytest.fixture
def features(tmp_path):
  """Files of two systems' features."""
  rng = np.random.default_rng(0)
  mix = rng.normal(0, 1, (2, SIZE, SIZE))
  paths = []
  for system in range(2):
    here = []
    for clip in range(CLIPS):
      rows = rng.normal(0, 1, (FRAMES + clip, SIZE)) @ mix[system]
      rows += 0.8 * rng.normal(0, 1, SIZE) + 0.7 * system
      here.append(tmp_path / f'{system}.{clip}.npy')
      np.save(here[-1], rows)
    paths.append(here)
  return paths


def weighted(paths, weight):
  """Moments where each clip counts `weight` times, by definition."""
  rows = [np.load(p) for p in paths]
  shares = np.concatenate(
    [np.full(len(r), w) for r, w in zip(rows, weight, strict=True)]
  )
  all_ = np.concatenate(rows)
  mean = (shares[:, None] * all_).sum(0) / shares.sum()
  centred = all_ - mean
  scatter = (shares[:, None] * centred).T @ centred
  return frechet.Moments(shares.sum(), mean, scatter)


def test_distance_is_that_of_all_frames(features):
  found = spread.estimate(*features, bootstrap.weights(CLIPS))
  whole = [
    frechet.of(np.concatenate([np.load(p) for p in f])) for f in features
  ]
  assert found.value == pytest.approx(frechet.distance(*whole), rel=1e-9)
  assert found.clips == CLIPS
  assert found.frames == CLIPS * FRAMES + sum(range(CLIPS))


def test_slopes_are_derivatives_by_the_weight_of_a_clip(features):
  for clip in (0, 7, CLIPS - 1):
    direction = np.eye(CLIPS)[clip]
    step = 1e-4
    ends = [
      frechet.distance(
        *(weighted(f, 1 + sign * step * direction) for f in features)
      )
      for sign in (1, -1)
    ]
    slope = (ends[0] - ends[1]) / (2 * step)
    drawn = np.stack([np.ones(CLIPS), 1 + direction])
    draws = spread.estimate(*features, drawn).draws
    # The covariance divides by N - 1, whose own derivative is left out: 1/N.
    assert draws[1] - draws[0] == pytest.approx(slope, rel=0.02, abs=1e-3)


def test_interval_is_as_wide_as_that_of_distances_computed_anew(features):
  drawn = bootstrap.weights(CLIPS, 300)
  quick = spread.estimate(*features, drawn).draws
  anew = [frechet.distance(*(weighted(f, w) for f in features)) for w in drawn]
  assert quick.std() == pytest.approx(np.std(anew), rel=0.2)
  assert np.corrcoef(quick, anew)[0, 1] > 0.9


def test_identical_sets_are_nought_apart_however_drawn(features):
  found = spread.estimate(
    features[0], features[0], bootstrap.weights(CLIPS, 50)
  )
  assert found.value == pytest.approx(0, abs=1e-9)
  np.testing.assert_allclose(found.draws, 0, atol=1e-9)


def test_fewer_frames_than_numbers_are_no_trouble(tmp_path):
  rng = np.random.default_rng(0)
  paths = [[], []]
  for system in range(2):
    for clip in range(3):
      paths[system].append(tmp_path / f'{system}{clip}.npy')
      np.save(paths[system][-1], rng.normal(system, 1, (5, 64)))
  found = spread.estimate(*paths, bootstrap.weights(3, 100))
  assert np.isfinite(found.draws).all()
  # Means 1 apart in 64 dimensions, and what 15 frames get wrong on top.
  assert 64 < found.value < 200
