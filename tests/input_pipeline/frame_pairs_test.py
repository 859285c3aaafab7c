"""Augmentations change both frames of a pair alike."""

import numpy as np

import input_pipeline
from input_pipeline import augmentation, random_records


def _picture(seed=0):
  rng = np.random.default_rng(seed)
  small = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
  return small.repeat(2, 0).repeat(2, 1)


def test_equal_frames_stay_equal():
  pair = np.stack([_picture()] * 2)
  for seed in range(12):
    out = augmentation.augment(pair, np.random.default_rng(seed), 0.1)
    np.testing.assert_array_equal(out[0], out[1])
    assert out.shape == pair.shape
    assert out.dtype == np.uint8


def test_swap_excludes_mirror_and_both_frames_are_mirrored():
  pair = np.stack([_picture(0), _picture(1)])
  counts = {'swapped': 0, 'mirrored': 0, 'same': 0}
  kinds = {
    'swapped': pair[::-1],
    'mirrored': pair[:, :, ::-1],
    'same': pair,
  }
  for seed in range(400):
    out = augmentation.augment(pair, np.random.default_rng(seed), 0.0)
    (kind,) = [k for k, v in kinds.items() if (out == v).all()]
    counts[kind] += 1
  assert 160 < counts['swapped'] < 240
  assert 70 < counts['mirrored'] < 130


def test_colours_change_within_their_range():
  pair = np.full((2, 8, 8, 3), [120, 90, 60], np.uint8)
  made = [
    augmentation.augment(pair, np.random.default_rng(i), 0.1)[0, 0, 0]
    for i in range(100)
  ]
  made = np.array(made).astype(int)
  assert np.ptp(made, axis=0).min() > 15
  # Hue and saturation leave grey alone, contrast does in an even picture.
  weights = np.array([0.299, 0.587, 0.114])
  grey = made @ weights / (np.array([120, 90, 60]) @ weights)
  assert 0.89 < grey.min() < 0.93
  assert 1.07 < grey.max() < 1.11


def test_contrast_moves_colours_away_from_the_mean():
  frame = _picture()
  wide = augmentation.recolour(frame, np.array([1, 1.5, 1]), 0.0, np.arange(4))
  mean = frame.reshape(-1, 3).mean(0) @ [0.299, 0.587, 0.114]
  wanted = np.clip(mean + 1.5 * (frame.astype(float) - mean), 0, 255)
  # The mean is that of every 16th pixel.
  assert np.abs(wide - wanted).max() < 12
  same = augmentation.recolour(frame, np.ones(3), 0.0, np.arange(4))
  np.testing.assert_array_equal(same, frame)


def test_source_is_not_after_driving_without_augmentation(folder):
  batch = input_pipeline.create(
    'renderer', folder, batch_size=24, seed=0, augment=False
  ).local(0)
  step = random_records.FRAME_STEP
  source, driving = (
    np.round(batch[k][:, 8, 8, 1] / step) for k in ('source', 'driving')
  )
  assert (source <= driving).all()
  assert (source < driving).any()
  np.testing.assert_allclose(
    batch['source'][:, 8, 8, 0].astype(int),
    batch['driving'][:, 8, 8, 0].astype(int),
    atol=3,
  )


def test_augmentation_mirrors_whole_pairs(folder):
  batch = input_pipeline.create(
    'renderer', folder, batch_size=24, seed=0, jitter=0.0
  ).local(0)
  left = {k: batch[k][:, 8, 2, 2] > 128 for k in batch}
  np.testing.assert_array_equal(left['source'], left['driving'])
  assert 0 < left['source'].sum() < 20
