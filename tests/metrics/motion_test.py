"""Head motion: spread, beats, jitter."""

import numpy as np
import pytest

from sadtalker_jax.metrics import motion


def _smooth(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
  """Noise [T, ...] whose sums over time wander slowly."""
  return np.cumsum(np.random.default_rng(seed).normal(size=shape), axis=0)


def _face(count: int = 12, size: int = 3) -> np.ndarray:
  return np.random.default_rng(1).normal(size=(count, size))


def _rotation(angle: float) -> np.ndarray:
  c, s = np.cos(angle), np.sin(angle)
  return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def test_a_head_that_stands_still_has_no_diversity():
  features = np.tile(_face(1, 2048), (25, 1))
  assert motion.diversity(features) == pytest.approx(0, abs=1e-12)
  assert motion.diversity(features[:1]) == 0.0


def test_diversity_is_the_mean_of_deviations_of_n():
  features = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0], [6.0, 5.0]])
  want = (np.sqrt(5) + np.sqrt(3)) / 2
  assert motion.diversity(features) == pytest.approx(want)
  np.testing.assert_allclose(
    motion.angle_deviation(features), [np.sqrt(5), np.sqrt(3)]
  )


def test_motion_beats_are_the_reference(golden):
  found = motion.motion_beats(golden['beat/in/angles'])
  np.testing.assert_array_equal(found, golden['beat/out/motion_beats'])


@pytest.mark.parametrize('case', [0, 1, 2])
def test_beat_align_is_the_reference(golden, case):
  found = motion.beat_align(
    golden[f'beat/in/music_beats{case}'], golden[f'beat/in/motion_beats{case}']
  )
  want = golden[f'beat/out/score{case}']
  np.testing.assert_allclose(found, want, rtol=1e-12)


def test_beat_align_of_angles_is_the_reference(golden):
  found = motion.beat_align(
    golden['beat/in/music_beats0'],
    motion.motion_beats(golden['beat/in/angles']),
  )
  np.testing.assert_allclose(found, golden['beat/out/score_of_angles'])


def test_beats_in_place_score_one_and_no_beats_score_nothing():
  beats = np.array([3, 20, 41])
  assert motion.beat_align(beats, beats) == 1.0
  assert motion.beat_align(beats, np.zeros(0)) == 0.0
  assert motion.beat_align([10], [13]) == pytest.approx(np.exp(-0.5))


def test_a_nod_rests_at_its_ends():
  degrees = np.zeros((200, 3))
  degrees[:, 1] = 10 * np.cos(np.arange(200) * 2 * np.pi / 50)
  found = motion.motion_beats(degrees, smooth=1.0)
  # Speed t is that from frame t to t + 1: the turn at 25 has speeds 24 and 25.
  assert np.abs(found - np.array([25, 50, 75, 100, 125, 150, 175])).max() <= 1
  assert not len(motion.motion_beats(np.zeros((50, 3))))


@pytest.mark.parametrize('size', [2, 3])
def test_a_rigid_face_stands_still_however_the_head_moves(size):
  face = _face(size=size)
  moves = zip(_smooth((30,)) / 3, _smooth((30, size)), strict=True)
  points = np.stack(
    [
      (1 + 0.5 * np.sin(angle)) * face @ _rotation(angle)[:size, :size] + shift
      for angle, shift in moves
    ]
  )
  steady = motion.stabilise(points)
  np.testing.assert_allclose(steady, np.tile(points[:1], (30, 1, 1)), atol=1e-9)
  assert motion.jitter(points, eyes=(0, 1)) < 1e-9


def test_stabilising_does_not_mirror_a_face():
  face = _face()
  steady = motion.stabilise(np.stack([face, face * [1, 1, -1]]))
  assert np.abs(steady[1] - steady[0]).max() > 0.1


def test_only_rigid_points_hold_the_face():
  points = np.tile(_face(), (9, 1, 1))
  points[:, 5, 1] += np.arange(9) % 2  # a lip
  steady = motion.stabilise(points, rigid=np.array([0, 1, 2, 3]))
  np.testing.assert_allclose(steady, points, atol=1e-12)


def test_jitter_is_the_second_difference_in_eye_distances():
  points = np.tile(_face(size=2), (9, 1, 1))
  points[:, 0], points[:, 1] = [0, 0], [4, 0]
  points[:, 5, 1] += np.square(np.arange(9.0))  # of 12 points, bent by 2
  rigid = np.array([0, 1, 2, 3])
  found = motion.jitter(points, eyes=(0, 1), rigid=rigid)
  assert found == pytest.approx(2 / 12 / 4)


def test_jitter_grows_with_noise_and_not_with_the_picture():
  noise = np.random.default_rng(3).normal(size=(40, 12, 2))
  still = np.tile(_face(size=2), (40, 1, 1))
  low, high = (
    motion.jitter(still + share * noise, eyes=(0, 1)) for share in (0.01, 0.02)
  )
  assert high / low == pytest.approx(2, rel=0.01)
  large = motion.jitter(8 * (still + 0.01 * noise) + 100, eyes=(0, 1))
  assert large == pytest.approx(low)


def test_other_input_is_told():
  with pytest.raises(ValueError, match='rows'):
    motion.diversity(np.zeros((0, 4)))
  with pytest.raises(ValueError, match='at least 2'):
    motion.motion_beats(np.zeros((1, 3)))
  with pytest.raises(ValueError, match='M > 0'):
    motion.beat_align([], [1, 2])
  with pytest.raises(ValueError, match='points'):
    motion.stabilise(np.zeros((3, 4)))
  with pytest.raises(ValueError, match='rigid points'):
    motion.stabilise(np.ones((3, 4, 2)), rigid=np.array([1]))
  with pytest.raises(ValueError, match='apart'):
    motion.stabilise(np.ones((3, 4, 2)))
  with pytest.raises(ValueError, match='3 frames'):
    motion.jitter(np.tile(_face(), (2, 1, 1)), eyes=(0, 1))
  with pytest.raises(ValueError, match='one place'):
    motion.jitter(np.tile(_face(), (3, 1, 1)), eyes=(2, 2))
