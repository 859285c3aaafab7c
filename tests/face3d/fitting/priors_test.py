"""Priors of the fits: sigmas of units, weights of landmarks."""

import numpy as np

from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.face3d.fitting import priors


def test_every_unit_of_the_canonical_head_has_a_sigma():
  for name in makehuman.EXPRESSION_NAMES:
    assert 0 < priors.sigma_of(name) < priors.OTHER_SIGMA
  assert priors.sigma_of('pc 17') == priors.OTHER_SIGMA


def test_both_sides_of_the_face_have_the_same_prior():
  for name in makehuman.EXPRESSION_NAMES:
    if name.endswith('Left'):
      other = name.removesuffix('Left') + 'Right'
      assert priors.sigma_of(name) == priors.sigma_of(other)


def test_jaw_is_looser_than_what_could_stand_in_for_it():
  for name in ('jawForward', 'mouthLowerDownLeft', 'mouthClose'):
    assert priors.sigma_of(name) < 0.2 * priors.sigma_of('jawOpen')


def test_irises_lie_on_the_front_of_the_eyeballs():
  model = makehuman.load()
  problem = priors.problem(model)
  right, left = problem.mean[468:]
  np.testing.assert_allclose(right, left * [-1, 1, 1], atol=3e-3)
  for point, name in ((right, 'eye_right'), (left, 'eye_left')):
    ball = np.asarray(model.mean)[model.triangles[model.group(name)]]
    assert point[2] > ball[..., 2].max() - 0.01
    middle = ball.reshape(-1, 3).mean(0)
    assert np.abs(point[:2] - middle[:2]).max() < 0.02


def test_unused_depth_of_the_irises():
  weight = priors.landmark_weights()
  assert weight.shape == (470, 3) and (weight[468:, 2] == 0).all()
