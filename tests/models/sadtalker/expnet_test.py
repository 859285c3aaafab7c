"""ExpNet: sizes, and gradients."""

import jax
import numpy as np

from sadtalker_jax.models import zoo


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('expnet')['params'])
  assert sum(leaf.size for leaf in leaves) == 2_849_664


def test_jit_changes_nothing():
  rng = np.random.default_rng(0)
  module = zoo.build('expnet')
  weights = jax.tree.map(
    lambda x: rng.uniform(0.01, 0.1, x.shape).astype(np.float32),
    zoo.shapes('expnet'),
  )
  inputs = [
    rng.standard_normal((2, *shape[1:])).astype(np.float32)
    for shape in zoo.get('expnet').inputs
  ]
  plain = module.apply(weights, *inputs, train=False)
  jitted = jax.jit(module.apply, static_argnames='train')(
    weights, *inputs, train=False
  )
  np.testing.assert_allclose(plain, jitted, rtol=1e-4, atol=1e-4)


def test_a_reference_that_is_not_seen_is_zeros():
  weights = zoo.noise('expnet')
  mel, reference, blink = (
    np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for shape in zoo.get('expnet').inputs
  )
  blind = zoo.build('expnet', sees_reference=False)
  np.testing.assert_array_equal(
    blind.apply(weights, mel, reference, blink, train=False),
    zoo.build('expnet').apply(weights, mel, 0 * reference, blink, train=False),
  )
