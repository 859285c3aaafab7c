"""Aligned pictures, their landmarks and their skin."""

import numpy as np
from PIL import Image, ImageDraw
import pytest

import input_pipeline
from input_pipeline import random_records, recon, skin
from sadtalker_jax.face3d import alignment


def test_mirror_is_its_own_inverse_and_mirrors_the_face():
  np.testing.assert_array_equal(recon.MIRROR[recon.MIRROR], np.arange(68))
  points = random_records.face_landmarks()
  mirrored = (points * [-1, 1] + [256, 0])[recon.MIRROR]
  np.testing.assert_allclose(mirrored, points, atol=1e-9)


def test_alignment_agrees_with_that_of_the_face_model():
  points = random_records.face_landmarks() * 1.3 + [20, -30]
  up = np.stack([points[:, 0], 256 - points[:, 1]], 1)
  trans = alignment.align(up, 256, 256)
  matrix = recon.alignment_matrix(np.array(trans[2:]), 256)
  ours = points @ matrix[:2, :2].T + matrix[:2, 2]
  theirs = alignment.map_landmarks(up, trans)
  # The reference resizes to whole pixels, which moves it by up to half of one.
  np.testing.assert_allclose(ours[:, 0], theirs[:, 0], atol=0.51)
  np.testing.assert_allclose(224 - ours[:, 1], theirs[:, 1], atol=0.51)
  rng = np.random.default_rng(0)
  coarse = Image.fromarray(rng.integers(0, 255, (6, 6, 3)).astype(np.uint8))
  image = np.asarray(coarse.resize((256, 256), Image.Resampling.BICUBIC))
  found = recon.warp(Image.fromarray(image), matrix).astype(float)
  wanted = alignment.crop(image, trans).astype(float)
  inside = (found > 0).all(-1) & (wanted > 0).all(-1)
  assert inside.mean() > 0.6  # the picture does not fill the frame
  assert np.abs(found - wanted)[inside].mean() < 3


@pytest.mark.parametrize('seed', range(4))
def test_landmarks_follow_the_augmented_picture(seed):
  points = random_records.face_landmarks()
  picture = Image.new('RGB', (256, 256))
  pen = ImageDraw.Draw(picture)
  x, y = points[36]  # a white dot on one corner of one eye
  pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(255, 255, 255))

  class OneFrame:
    size = 256

    def clip(self, position):
      return {
        'num_frames': 1,
        'crop': np.float32([random_records.CROP]),
        'landmarks': points[None],
      }

    def frames(self, position, numbers):
      return [picture]

  example = recon.ReconImages().example(
    OneFrame(), 0, np.random.default_rng(seed)
  )
  rows, columns = np.nonzero(example['image'].mean(-1) > 128)
  middle = np.array([columns.mean() + 0.5, 224 - rows.mean() - 0.5])
  distance = np.linalg.norm(example['landmarks'] - middle, axis=1)
  # A mirrored face has the dot on the partner of the point.
  assert distance.argmin() in (36, 45)
  assert distance.min() < 1.0


def test_mirrored_landmarks_keep_their_meaning(folder):
  batch = input_pipeline.create('recon', folder, batch_size=16, seed=0).local(0)
  points = batch['landmarks']
  assert (points[:, 36, 0] < points[:, 45, 0]).all()  # eyes
  assert (points[:, 30, 1] > points[:, 8, 1]).all()  # v is up
  np.testing.assert_allclose(points.mean((0, 1)), [112, 112], atol=25)


def test_skin_is_found_and_hair_eyes_background_are_not():
  points = random_records.face_landmarks()
  picture = Image.new('RGB', (256, 256), (40, 90, 160))
  pen = ImageDraw.Draw(picture)
  pen.ellipse((60, 20, 196, 195), fill=(205, 150, 125))
  pen.rectangle((60, 20, 196, 50), fill=(45, 42, 40))  # hair
  pen.polygon([tuple(p) for p in points[36:42]], fill=(240, 240, 245))
  pen.polygon([tuple(p) for p in points[48:60]], fill=(190, 60, 70))
  pen.polygon([tuple(p) for p in points[60:68]], fill=(60, 10, 15))
  rng = np.random.default_rng(0)
  noise = rng.normal(0, 4, (256, 256, 3))
  image = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
  mask = skin.mask(image, points)
  assert mask.dtype == np.uint8
  assert mask[120:126, 90:100].mean() > 200  # cheek
  assert mask[64:70, 120:136].mean() > 200  # forehead
  assert mask[40:48, 120:136].mean() < 30  # hair
  assert mask[98:102, 92:98].mean() < 60  # eye
  assert mask[169:171, 124:132].mean() > 200  # lower lip
  assert mask[161:163, 120:136].mean() < 30  # open mouth
  assert mask[:, :50].max() == 0


def test_skin_of_a_face_outside_the_picture_is_empty():
  image = np.zeros((32, 32, 3), np.uint8)
  assert skin.mask(image, random_records.face_landmarks() + 500).max() == 0
