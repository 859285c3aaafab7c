"""Losses on lips and sound against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.losses import sync

SOUND = jnp.asarray([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
FACE = jnp.asarray([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])  # cosines 1, 0.6, 0


def test_cross_entropy_is_of_the_cosine():
  label = jnp.asarray([1.0, 0.0, 0.0])
  found = sync.cross_entropy(SOUND, FACE, label)
  assert found == pytest.approx(-np.log(0.4) / 3, abs=1e-5)


def test_a_sure_mistake_is_finite_and_has_a_gradient():
  label = jnp.asarray([0.0, 1.0, 1.0])
  loss, gradient = jax.value_and_grad(sync.cross_entropy)(SOUND, FACE, label)
  assert 5 < loss < 15
  assert np.all(np.isfinite(gradient))


def test_agreement():
  assert sync.agreement(SOUND, FACE, jnp.asarray([1.0, 1.0, 0.0])) == 1
  found = sync.agreement(SOUND, FACE, jnp.asarray([0.0, 1.0, 0.0]))
  assert found == pytest.approx(2 / 3)


def test_distance_of_features_does_not_see_lengths():
  found = sync.feature_distance(3 * SOUND, 7 * FACE)
  assert found == pytest.approx(1 - 1.6 / 3, rel=1e-6)
  zero = jax.grad(sync.feature_distance)(jnp.zeros((1, 2)), SOUND[:1])
  assert np.all(np.isfinite(zero))
  assert not np.any(jax.grad(sync.feature_distance, 1)(FACE, SOUND))
