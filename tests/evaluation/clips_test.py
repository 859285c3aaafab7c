"""What a clip is made of, and every reason why it is none."""

import numpy as np
import pytest

from tests.evaluation import stubs

T = 40


@pytest.fixture(scope='module')
def real(tmp_path_factory):
  folder = tmp_path_factory.mktemp('real')
  return stubs.write(folder / 'a.mp4', stubs.frames(T), stubs.sound(T))


def test_crop_of_the_real_clip_is_cut_from_both(tmp_path, real):
  made = stubs.write(
    tmp_path / 'b.mp4', stubs.frames(T, seed=1), stubs.sound(T)
  )
  clip = stubs.load(tmp_path, real, made)
  one, two = clip.sides['real'], clip.sides['made']
  assert one.box == two.box
  x0, y0, x1, y1 = one.box
  xy = stubs.face()[:, :2]
  assert x1 - x0 == y1 - y0 == int(1.2 * np.ptp(xy, axis=0).max())
  assert one.frames.shape == two.frames.shape == (T, 128, 128, 3)
  # Points are in pixels of the crop.
  scale = 128 / (x1 - x0)
  expected = (stubs.face()[33, :2] - (x0, y0)) * scale
  np.testing.assert_allclose(one.points[5, 33, :2], expected, atol=1e-3)
  assert one.wave.shape == (640 * T,) and np.abs(one.wave).max() > 0.2


def test_video_of_another_size_has_a_square_of_its_own(tmp_path, real):
  made = stubs.write(
    tmp_path / 'b.mp4', stubs.frames(T, size=320), stubs.sound(T)
  )
  clip = stubs.load(tmp_path, real, made)
  ratio = np.divide(clip.sides['made'].box, clip.sides['real'].box)
  np.testing.assert_allclose(ratio, 2, atol=0.05)
  np.testing.assert_allclose(
    clip.sides['made'].points, clip.sides['real'].points, atol=3
  )


def test_video_with_its_face_elsewhere_has_a_square_of_its_own(
  tmp_path, real, monkeypatch
):
  made = stubs.write(tmp_path / 'b.mp4', stubs.frames(T), stubs.sound(T))
  faces = iter([stubs.face(), stubs.face() + np.float32([30, 20, 0])])
  monkeypatch.setattr(
    stubs.Landmarker,
    'track',
    lambda self, frames: stubs.still(next(faces), len(list(frames))),
  )
  clip = stubs.load(tmp_path, real, made)
  moved = np.subtract(clip.sides['made'].box, clip.sides['real'].box)
  np.testing.assert_allclose(moved, [30, 20, 30, 20], atol=2)


def test_lengths_may_differ_a_little_and_the_shorter_counts(tmp_path, real):
  made = stubs.write(
    tmp_path / 'b.mp4', stubs.frames(T - 4), stubs.sound(T - 4)
  )
  assert stubs.load(tmp_path, real, made).num_frames == T - 4
  with stubs.refusal('lengths', f'{T - 4} frames, real {T}'):
    stubs.load(tmp_path, real, made, tolerance=3)
  clip = stubs.load(tmp_path, real, made, tolerance=3, seconds=1.4)
  assert clip.num_frames == 35


def test_frame_rates_must_agree_unless_they_are_resampled(tmp_path, real):
  made = stubs.write(
    tmp_path / 'b.mp4', stubs.frames(48), stubs.sound(T), fps=30
  )
  with stubs.refusal('frame rate', '30.000 a second, real 25.000'):
    stubs.load(tmp_path, real, made)
  clip = stubs.load(tmp_path, real, made, resample=True)
  assert clip.num_frames == T


@pytest.mark.parametrize('wave', [None, np.zeros(640 * T, np.float32)])
def test_sound_is_needed(tmp_path, real, wave):
  made = stubs.write(tmp_path / 'b.mp4', stubs.frames(T), wave)
  with stubs.refusal('no sound'):
    stubs.load(tmp_path, real, made)
  with stubs.refusal('no sound', system='real'):
    stubs.load(tmp_path, made, real)


def test_every_frame_must_show_the_face(tmp_path, real):
  pictures = list(stubs.frames(T))
  pictures[12:14] = [np.zeros_like(pictures[0])] * 2
  made = stubs.write(tmp_path / 'b.mp4', pictures, stubs.sound(T))
  with stubs.refusal('no face', f'in 2 of {T} frames, first 12'):
    stubs.load(tmp_path, real, made)
  dark = [np.zeros_like(p) for p in pictures]
  nobody = stubs.write(tmp_path / 'c.mp4', dark, stubs.sound(T))
  with stubs.refusal('no face'):
    stubs.load(tmp_path, real, nobody)


def test_short_clips_are_left_out(tmp_path):
  path = stubs.write(tmp_path / 'a.mp4', stubs.frames(20), stubs.sound(20))
  with stubs.refusal('too short', '20 frames', system='real'):
    stubs.load(tmp_path, path, path)


def test_damaged_files_are_left_out(tmp_path, real):
  empty = tmp_path / 'b.mp4'
  empty.touch()
  with stubs.refusal('unreadable'):
    stubs.load(tmp_path, real, empty)
  text = tmp_path / 'c.mp4'
  text.write_bytes(real.read_bytes()[:300])
  with stubs.refusal('unreadable'):
    stubs.load(tmp_path, real, text)


def test_damage_that_a_player_gets_around_is_not_measured(tmp_path, real):
  data = bytearray(real.read_bytes())
  middle = len(data) // 2
  data[middle : middle + 3000] = np.random.default_rng(0).bytes(3000)
  made = tmp_path / 'b.mp4'
  made.write_bytes(data)
  with stubs.refusal('damaged', 'damaged packets'):
    stubs.load(tmp_path, real, made)


def test_whole_pictures_must_be_square(tmp_path, real):
  wide = [np.pad(f, ((0, 0), (0, 20), (0, 0))) for f in stubs.frames(T)]
  made = stubs.write(tmp_path / 'b.mp4', wide, stubs.sound(T))
  with stubs.refusal('not square'):
    stubs.load(tmp_path, real, made, crop='whole')
  clip = stubs.load(tmp_path, real, real, crop='whole')
  assert clip.real.box == (0, 0, stubs.SIZE, stubs.SIZE)
