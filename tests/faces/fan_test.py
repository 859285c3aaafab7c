"""FAN's points: the peak rule with and without quirks, 68 points, boxes."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.faces import crop, fan
from sadtalker_jax.models import zoo

SMALL = {'num_stacks': 1, 'depth': 2, 'features': 16}


def _peaks_slowly(maps):
  """The original's rule, one map after the other: [N, H, W] to [N, 2]."""
  count, height, width = maps.shape
  flat = maps.reshape(count, -1)
  highest = flat.argmax(1)
  falls_out = (highest + width >= height * width).any()
  rises_out = (highest - width <= 0).any()
  points = []
  for line, at in zip(flat, highest, strict=True):
    below = line[-1] if falls_out else line[at + width]
    above = line[0] if rises_out else line[at - width]
    dx = np.sign(line[at + 1] - line[at - 1])
    dy = np.sign(below - above)
    points.append((at % width + 0.25 * dx + 0.5, at // width + 0.25 * dy + 0.5))
  return np.array(points)


def _maps(seed, places=()):
  maps = np.random.default_rng(seed).random((4, 8, 8), np.float32)
  maps[:, 3, 4] = 2
  for i, place in enumerate(places):
    maps[i, 3, 4] = 0
    maps[i][place] = 2
  return maps


@pytest.mark.parametrize(
  'places', [(), [(7, 2)], [(0, 5)], [(1, 0)], [(0, 0)], [(2, 7), (5, 0)]]
)
def test_peaks_follow_the_original_at_borders_too(places):
  maps = np.stack([_maps(0, places), _maps(1)])
  found = fan.peaks(maps.transpose(0, 2, 3, 1), np.full((2, 2), 8))
  # The second picture keeps clear of the first one's border.
  for ours, theirs in zip(found, map(_peaks_slowly, maps), strict=True):
    np.testing.assert_array_equal(ours, theirs)


def test_a_peak_in_the_last_pixel_is_found():
  maps = _maps(0, [(7, 7)]).transpose(1, 2, 0)[None]
  found = fan.peaks(maps, np.full((1, 2), 8))
  assert np.abs(found[0, 0] - 7.5).max() <= 0.25


def test_without_quirks_one_point_does_not_move_the_others():
  places = [(7, 2), (0, 5), (4, 0)]
  found = fan.peaks(
    _maps(0, places).transpose(1, 2, 0)[None],
    np.full((1, 2), 8),
    original_quirks=False,
  )[0]
  alone = _peaks_slowly(_maps(0)[3:])[0]
  np.testing.assert_array_equal(found[3], alone)
  assert found[0, 1] == 7.5 and found[1, 1] == 0.5  # not shifted down, up
  assert found[2, 0] == 0.5
  assert found[0, 0] != 2.5 and found[2, 1] != 4.5


def test_peaks_are_scaled_to_the_picture():
  maps = np.zeros((1, 4, 4, 1), np.float32)
  maps[0, 1, 2] = 1
  found = fan.peaks(maps, np.array([[200, 152]]), original_quirks=False)
  np.testing.assert_array_equal(found[0, 0], [2.5 * 50, 1.5 * 38])


def test_68_points_are_those_of_the_reference():
  points = np.random.default_rng(0).random((98, 2))
  found = fan.to_68(points)
  assert found.shape == (68, 2)
  np.testing.assert_array_equal(found[16], points[32])
  np.testing.assert_array_equal(found[27:36], points[51:60])
  np.testing.assert_array_equal(found[48:], points[76:96])
  np.testing.assert_array_equal(found[[17, 26]], points[[33, 46]])
  np.testing.assert_array_equal(found[18], (points[34] + points[41]) / 2)
  np.testing.assert_array_equal(found[25], (points[45] + points[47]) / 2)
  np.testing.assert_array_equal(found[[36, 41]], points[[60, 67]])
  np.testing.assert_array_equal(found[[42, 47]], points[[68, 75]])


@pytest.fixture
def weights(monkeypatch):
  """Noise for a small network, which stands in for the published one."""
  small = dataclasses.replace(zoo.get('fan'), config=SMALL)
  monkeypatch.setitem(zoo.NETWORKS, 'fan', small)
  return zoo.noise('fan')


def _picture(seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (90, 120, 3), np.uint8)


@pytest.mark.parametrize('quirks', [True, False])
def test_the_network_sees_the_box_in_the_right_colours(weights, quirks):
  picture = _picture()
  landmarker = fan.FanLandmarker(weights, original_quirks=quirks)
  face = crop.resize_plain(picture[7:80, 5:100], (256, 256))
  face = face[..., ::-1] if quirks else face
  maps = zoo.build('fan').apply(
    weights, jnp.asarray(face / np.float32(255))[None], train=False
  )[-1]
  want = fan.peaks(maps[..., :-1], np.array([[95, 73]]), original_quirks=quirks)
  found = landmarker.points98(picture, (5.9, 7.2, 100.8, 80.1))
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found, want[0] + np.array([5.0, 7.0], 'f4'))
  np.testing.assert_array_equal(
    landmarker.points68(picture, (5.9, 7.2, 100.8, 80.1)), fan.to_68(found)
  )


def test_many_faces_are_found_like_single_ones(weights):
  landmarker = fan.FanLandmarker(weights, batch_size=2)
  pictures = [_picture(seed) for seed in range(3)]
  boxes = [(0, 0, 120, 90), (10, 5, 70, 60), (30, 20, 110, 85)]
  many = landmarker.many(pictures, boxes)
  for points, picture, box in zip(many, pictures, boxes, strict=True):
    np.testing.assert_array_equal(points, landmarker.points98(picture, box))
  assert landmarker.many([], []).shape == (0, 98, 2)


def test_a_box_is_cut_to_its_picture(weights):
  landmarker = fan.FanLandmarker(weights)
  np.testing.assert_array_equal(
    landmarker.points98(_picture(), (-9.5, -3, 300, 200)),
    landmarker.points98(_picture(), (0, 0, 120, 90)),
  )


@pytest.mark.parametrize('box', [(130, 0, 150, 50), (20, 20, 20.5, 60)])
def test_an_empty_box_is_refused(weights, box):
  with pytest.raises(errors.InputError, match='120x90'):
    fan.FanLandmarker(weights).points98(_picture(), box)


def test_a_box_per_picture_is_demanded(weights):
  with pytest.raises(ValueError, match='1 pictures and 0 boxes'):
    fan.FanLandmarker(weights).many([_picture()], [])
