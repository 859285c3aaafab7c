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
