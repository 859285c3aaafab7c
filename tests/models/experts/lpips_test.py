"""LPIPS: size, properties of a distance, jit, gradients."""

import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from tests.models import checks

SMALL = {'widths': (4, 6, 6, 4, 4)}


def _pair() -> list[np.ndarray]:
  return [checks.picture(2, 40, 48, 3, seed=seed) for seed in (0, 1)]


def test_size_is_that_of_the_trunk_and_the_heads():
  assert checks.parameters('lpips') == 2_469_696 + 1152


def test_equal_pictures_have_no_distance_and_others_a_symmetric_one():
  module, (a, b) = zoo.build('lpips', **SMALL), _pair()
  weights = checks.weights(module, a, b)
  np.testing.assert_array_equal(module.apply(weights, a, a).total, 0)
  one, other = module.apply(weights, a, b), module.apply(weights, b, a)
  assert (one.total > 0).all()
  np.testing.assert_allclose(one.total, other.total, rtol=1e-5)
  np.testing.assert_allclose(one.total, one.terms.sum(-1), rtol=1e-6)


def test_pictures_of_two_sizes_are_refused():
  module, (a, b) = zoo.build('lpips', **SMALL), _pair()
  with pytest.raises(ValueError, match='one shape'):
    module.apply(checks.weights(module, a, b), a, b[:, :32])


def test_jit_changes_nothing():
  checks.jit_changes_nothing(zoo.build('lpips', **SMALL), *_pair())


def test_gradients_are_finite_on_black_and_on_equal_pictures():
  module = zoo.build('lpips', **SMALL)
  black = jnp.zeros((1, 32, 32, 3))
  checks.gradients_are_finite(module, black, black)
  same = checks.picture(1, 32, 32, 3)
  checks.gradients_are_finite(module, same, same)
