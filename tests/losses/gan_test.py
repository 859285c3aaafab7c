"""Losses of generators and discriminators against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.losses import gan

REAL = jnp.asarray([0.5, 2.0])
FAKE = jnp.asarray([-2.0, 0.5])


def test_least_squares():
  found = gan.least_squares_discriminator(REAL, FAKE)
  assert found == pytest.approx((0.25 + 1) / 2 + (4 + 0.25) / 2)
  assert gan.least_squares_generator(FAKE) == pytest.approx((9 + 0.25) / 2)


def test_hinge():
  found = gan.hinge_discriminator(REAL, FAKE)
  assert found == pytest.approx(0.5 / 2 + 1.5 / 2)
  assert gan.hinge_generator(FAKE) == pytest.approx(0.75)


@pytest.mark.parametrize('label', [0, 1])
def test_cross_entropy_is_that_of_a_probability(label):
  share = 1 / (1 + np.exp(-np.asarray(FAKE, np.float64)))
  expected = -np.log(share if label else 1 - share).mean()
  assert gan.cross_entropy(FAKE, label) == pytest.approx(expected, rel=1e-6)
  assert np.isfinite(gan.cross_entropy(jnp.asarray([-1e4, 1e4]), label))


def test_feature_matching_sums_maps_and_holds_real_ones():
  real = [jnp.zeros((2, 3)), jnp.ones((4,))]
  fake = [jnp.full((2, 3), 0.5), jnp.full((4,), -1.0)]
  assert gan.feature_matching(real, fake) == pytest.approx(2.5)
  of_real, of_fake = jax.grad(gan.feature_matching, (0, 1))(real, fake)
  assert not any(np.any(g) for g in of_real)
  assert all(np.all(g != 0) for g in of_fake)


def test_gradient_penalty_is_half_the_squared_slope_of_each_example():
  x = jnp.asarray([[1.0, 2.0], [0.0, -1.0]])

  def scores(x):  # two patches of each example: slopes are means of theirs
    return jnp.stack([jnp.square(x).sum(1), 2 * x[:, 0]], axis=1)

  slopes = np.asarray([[1 + 1, 2.0], [0 + 1, -1.0]])
  expected = 0.5 * np.square(slopes).sum(1).mean()
  assert gan.gradient_penalty(scores, x) == pytest.approx(expected)


def test_adaptive_factor_makes_both_pull_alike_and_is_a_constant():
  made = jnp.asarray([3.0, 4.0])

  def pull(weight):
    return lambda x: weight * jnp.square(x).sum()

  assert gan.adaptive_factor(pull(3.0), pull(0.5), made, 9) == pytest.approx(6)
  assert gan.adaptive_factor(pull(3.0), pull(0.5), made, 2) == 2
  assert gan.adaptive_factor(pull(3.0), pull(0.0), made, 2) == 2
  slope = jax.grad(lambda x: gan.adaptive_factor(pull(3), pull(1), x, 9))(made)
  assert not np.any(slope)
