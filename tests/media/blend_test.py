"""Paste-back: geometry, mask, colours, independence of the batch."""

import jax
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import blend

BOX = (40, 30, 140, 110)  # 100 x 80


def scene(height: int = 150, width: int = 200, seed: int = 0) -> np.ndarray:
  """A smooth picture with all levels well inside 0 to 255, uint8."""
  rng = np.random.default_rng(seed)
  coarse = rng.uniform(60, 190, (6, 8, 3)).astype(np.float32)
  smooth = jax.image.resize(coarse, (height, width, 3), 'cubic')
  return np.asarray(smooth).clip(40, 215).round().astype(np.uint8)


def cut(picture: np.ndarray, box: blend.Box) -> np.ndarray:
  x0, y0, x1, y1 = box
  return picture[y0:y1, x0:x1]


def paste(picture, box, frame, **options) -> np.ndarray:
  options = {'feather': 8, 'color_match': True} | options
  paster = blend.Paster(picture, box, **options)
  return paster.paste(np.asarray(frame)[None])[0]


@pytest.mark.parametrize('color_match', [True, False])
@pytest.mark.parametrize('feather', [0, 1, 8, 1000])
def test_own_window_gives_the_picture(color_match, feather):
  picture = scene()
  got = paste(
    picture, BOX, cut(picture, BOX), feather=feather, color_match=color_match
  )
  np.testing.assert_array_equal(got, picture)


@pytest.mark.parametrize('size', [(80, 100), (50, 60), (256, 256), (33, 470)])
def test_outside_the_box_nothing_changes(size):
  picture = scene()
  frame = scene(*size, seed=1)
  got = paste(picture, BOX, frame)
  outside = np.ones(picture.shape[:2], bool)
  cut(outside, BOX)[:] = False
  np.testing.assert_array_equal(got[outside], picture[outside])
  assert np.abs(got[70, 90].astype(int) - picture[70, 90]).max() > 0


@pytest.mark.parametrize('size', [(80, 100), (53, 61), (256, 256), (33, 470)])
def test_frame_is_resized_like_antialiased_bilinear(size):
  rng = np.random.default_rng(0)
  frame = rng.integers(0, 256, (*size, 3), np.uint8)
  got = paste(scene(), BOX, frame, feather=0, color_match=False)
  want = jax.image.resize(
    frame.astype(np.float32), (80, 100, 3), 'bilinear', antialias=True
  )
  # Rounding to whole levels, and float32 weights.
  np.testing.assert_allclose(cut(got, BOX), want, atol=0.51)


def test_mask_is_zero_at_the_border_and_one_inside():
  picture = np.zeros((150, 200, 3), np.uint8)
  frame = np.full((80, 100, 3), 255, np.uint8)
  got = cut(paste(picture, BOX, frame, color_match=False), BOX)[..., 0]
  assert got[0].max() <= 3 and got[-1].max() <= 3
  assert got[:, 0].max() <= 3 and got[:, -1].max() <= 3
  assert (got[8:-8, 8:-8] == 255).all()
  middle = got[40].astype(int)
  assert (np.diff(middle[:50]) >= 0).all()
  assert np.abs(np.diff(middle)).max() < 255 * 1.6 / 8  # smooth: no step
  np.testing.assert_array_equal(got, got[::-1, ::-1])


def test_sides_on_the_pictures_border_are_not_feathered():
  picture = np.zeros((150, 200, 3), np.uint8)
  frame = np.full((64, 64, 3), 200, np.uint8)
  got = paste(picture, (0, 90, 120, 150), frame, color_match=False)[..., 0]
  assert (got[100:, 0] == 200).all() and (got[149, :110] == 200).all()
  assert got[90].max() <= 3 and got[:, 119].max() <= 3
  whole = paste(picture, (0, 0, 200, 150), frame, color_match=False)
  assert (whole == 200).all()


def test_whole_picture_as_box_can_be_matched():
  picture = scene()
  darker = (picture * 0.85).round().astype(np.uint8)
  got = paste(picture, (0, 0, 200, 150), darker).astype(int)
  assert np.abs(got - picture).mean() < 1


@pytest.mark.parametrize(
  ('gain', 'offset'),
  [
    ([1, 1, 1], [-12, -12, -12]),
    ([0.9, 0.9, 0.9], [0, 0, 0]),
    ([1.1, 0.95, 0.9], [-25, -5, 20]),
  ],
)
def test_wrong_colours_of_the_renderer_leave_no_seam(gain, offset):
  picture = scene()
  frame = (cut(picture, BOX) * np.array(gain) + offset).round()
  frame = frame.clip(0, 255).astype(np.uint8)
  got = paste(picture, BOX, frame).astype(int)
  plain = paste(picture, BOX, frame, color_match=False).astype(int)
  # Rounding of the frame, of the fit and of the result.
  assert np.abs(got - picture).max() <= 3
  assert np.abs(got - picture).mean() < 0.6
  assert np.abs(plain - picture).max() >= 10


def test_what_moved_across_the_border_does_not_tint_the_face():
  picture = scene()
  frame = cut(picture, BOX).copy()
  frame[50:, 30:70] = 5  # a dark shoulder rose: a tenth of the ring
  got = paste(picture, BOX, frame).astype(int)
  face = (slice(12, 45), slice(12, -12))
  change = cut(got, BOX)[face] - cut(picture, BOX)[face].astype(int)
  # The median and the weights ignore it; Poisson cloning shifts by its mean,
  # more than ten levels.
  assert np.abs(change).max() <= 2


def test_flat_border_gives_an_offset_and_no_gain():
  picture = np.full((150, 200, 3), 240, np.uint8)
  frame = np.full((80, 100, 3), 230, np.uint8)
  frame[30:50, 40:60] = 60
  got = cut(paste(picture, BOX, frame), BOX)
  assert (got[0] == 240).all()
  np.testing.assert_allclose(got[40, 50], 70, atol=1)


def test_reference_fixes_the_colours_for_all_frames():
  picture = scene()
  reference = (cut(picture, BOX) * 0.9).round().astype(np.uint8)
  frame = np.full((80, 100, 3), 100, np.uint8)  # looks like nothing there
  got = cut(paste(picture, BOX, frame, reference=reference), BOX)
  np.testing.assert_allclose(got[40, 50], 100 / 0.9, atol=1.5)


def test_frames_do_not_depend_on_their_batch():
  picture = scene()
  frames = np.stack([scene(64, 72, seed) for seed in range(5)])
  paster = blend.Paster(picture, BOX, feather=6, color_match=True)
  together = paster.paste(frames)
  assert together.shape == (5, 150, 200, 3) and together.dtype == np.uint8
  apart = [paster.paste(frames[i : i + 1])[0] for i in (3, 0, 4, 1, 2)]
  for index, got in zip((3, 0, 4, 1, 2), apart, strict=True):
    np.testing.assert_array_equal(got, together[index])


def test_jit_equals_no_jit():
  picture, frame = scene(), scene(64, 72, 1)
  jitted = paste(picture, BOX, frame)
  with jax.disable_jit():
    plain = paste(picture, BOX, frame)
  # One level where rounding is on the edge.
  np.testing.assert_allclose(jitted, plain, atol=1)


def test_frames_from_the_device_are_taken():
  picture, frame = scene(), scene(64, 72, 1)
  paster = blend.Paster(picture, BOX, feather=6, color_match=True)
  np.testing.assert_array_equal(
    paster.paste(jax.numpy.asarray(frame)[None]), paster.paste(frame[None])
  )


def test_smallest_box():
  picture = scene()
  got = paste(picture, (7, 9, 8, 10), np.full((20, 20, 3), 250, np.uint8))
  assert (got != picture).any(axis=-1).sum() <= 1


@pytest.mark.parametrize(
  'box',
  [
    (40, 30, 40, 110),
    (40, 110, 140, 30),
    (-1, 0, 50, 50),
    (0, 0, 201, 50),
    (0, 0, 50, 151),
    (300, 300, 400, 400),
    (float('nan'), 0, 50, 50),
  ],
)
def test_empty_box_and_box_outside_are_an_error(box):
  with pytest.raises(errors.InputError, match='box: expected') as error:
    blend.Paster(scene(), box, feather=5, color_match=True)
  assert f'found {box[0]},{box[1]}' in str(error.value)
  assert '\n' not in str(error.value)


def test_misuse_is_refused():
  picture = scene()
  with pytest.raises(ValueError, match='a picture uint8'):
    blend.Paster(picture[..., 0], BOX, feather=5, color_match=True)
  with pytest.raises(ValueError, match='feather of 0 pixels'):
    blend.Paster(picture, BOX, feather=-1, color_match=True)
  with pytest.raises(ValueError, match='whole pixels'):
    blend.Paster(picture, (0.5, 0, 50, 50), feather=5, color_match=True)
  paster = blend.Paster(picture, BOX, feather=5, color_match=True)
  with pytest.raises(ValueError, match='frames uint8'):
    paster.paste(np.zeros((1, 64, 64, 3), np.float32))
  with pytest.raises(ValueError, match='frames uint8'):
    paster.paste(np.zeros((64, 64, 3), np.uint8))
